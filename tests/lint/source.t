#!/bin/sh
# Small promises of the house that a grep can keep.
. "$(dirname "$0")/tap.sh"
code=$(ls formats/*.[ch] preload/*.[chS] tracer/*/*.[ch] cli/*.[ch] tests/*.[ch] \
	tests/*/*.[ch] examples/*.[ch] 2>/dev/null)

for file in $code; do
	name=${file##*/}
	case $(sed -n '1,3p' "$file") in
	*"$name"*) ;;
	*) case $file in tests/*) ;; *) echo "$file" ;; esac ;;
	esac
done | check "a file opens with its name and purpose"

grep -nE 'TODO|FIXME|\bXXX\b' $code | check "no notes to oneself"
grep -nE '[ 	]+$' $code Makefile | check "no blanks at the end of a line"
wc -l $code | awk '$2 != "total" && $1 > 900 { print $2 ": " $1 " lines" }' |
	check "no file is longer than 900 lines"
ls $code | grep -E '/(utils?|common|misc|helpers?)\.' | check "no drawer without a name"
grep -nE '(^|[^_a-z])exit\(' formats/*.c tracer/collect/*.c tracer/analyze/*.c cli/*.c |
	grep -v '^cli/main.c:' | grep -vE ':[ 	]*(/?\*|//)' |
	check "exit() lives in main.c"
grep -nE '(^|[^_a-z])(printf|fprintf|puts|fputs|perror)\(' formats/*.c tracer/*/*.c |
	grep -v 'fprintf(out\|fputs(.*, out)' | check "libraries do not print"
plan
