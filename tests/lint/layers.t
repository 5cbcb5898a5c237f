#!/bin/sh
# The arrows of the house: who may include whom, read from the #include lines.
. "$(dirname "$0")/tap.sh"

# includes DIRECTORY: "file: included" for each project header.
includes() {
	grep -H '^#include "' "$1"/*.[chS] 2>/dev/null |
		sed 's/^\([^:]*\):#include "\(.*\)".*/\1: \2/'
}

# layer DIRECTORY ALLOWED: a pattern of what may be included beside the own directory.
layer() {
	includes "$1" | grep -v ": $1/" | grep -Ev ": ($2)\$" |
		check "$1 includes only what its arrows allow"
}

shared='formats/(state|control)\.h'
layer formats 'nothing'
layer tracer/record "$shared"
layer preload "tracer/record/[a-z-]+\.h|$shared"
layer tracer/collect 'formats/[a-z-]+\.h'
layer tracer/analyze 'formats/[a-z-]+\.h'
layer cli '(formats|tracer/collect|tracer/analyze)/[a-z-]+\.h'

for directory in formats preload tracer/record tracer/collect tracer/analyze cli; do
	includes $directory | grep -v ': .*/'
done | check "project headers are included by their path from the root"

for source in formats/*.c preload/*.c tracer/*/*.c cli/*.c; do
	header=${source%.c}.h
	[ -e "$header" ] || continue
	first=$(grep -m1 '^#include' "$source")
	[ "$first" = "#include \"$header\"" ] || echo "$source: its first include is $first"
done | check "a file includes its own header first"
plan
