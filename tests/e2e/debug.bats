#!/usr/bin/env bats
# --malloc debug and its kin: what a program does wrong with its memory is found.

load setup
load errors
bats_require_minimum_version 1.5.0
BATS_TEST_TIMEOUT=600

setup_file() {
	build_errors "$BATS_FILE_TMPDIR"
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	programs=$BATS_FILE_TMPDIR
}

# each FUNCTION MODE: of every program whose error these modes find.
each() {
	local source count=0
	for source in "$errors"/*; do
		[ "$(expected "$source" error)" != none ] || continue
		"$1" "$source" "$2" error
		count=$((count + 1))
	done
	[ $count -gt 25 ]
}

# all_quiet MODE
all_quiet() {
	local source
	for source in "$errors"/*; do
		is_quiet "$source" "$1"
	done
}

@test "debug: every error is found, with the traceback of block, free and call" {
	each finds debug
}

@test "debug: every error is found in blocks of the C library" {
	each finds malloc_debug
}

@test "debug: no false alarm from programs that do it right" {
	all_quiet debug
	all_quiet malloc_debug
	MEMTRACE_GEOMETRY=classic all_quiet pymalloc_debug
}

@test "debug: MEMTRACE_DEBUG=continue tells and goes on" {
	each goes_on debug
}
