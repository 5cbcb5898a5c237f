# errors.bash - the programs of tests/programs/errors: each does one thing wrong, and with
# an argument its twin does it right. Their first lines say which error is found; comments
# mark where the block was allocated and freed and where the error is found:
# `/* allocated in make_block */`.

errors=$root/tests/programs/errors

# build_errors DIRECTORY: all of them, each as NAME without its suffix.
build_errors() {
	local source
	for source in "$errors"/*.c; do
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I "$root" -g -O0 -w -fno-builtin "$source" \
			-o "$1/$(basename "$source" .c)" -pthread -ldl || return
	done
	for source in "$errors"/*.cc; do
		${CXX:-c++} -g -O0 -w -fno-builtin "$source" \
			-o "$1/$(basename "$source" .cc)" || return
	done
	${CC:-cc} -DPLUGIN -shared -fPIC -g -O0 -fno-builtin "$errors/in-library.c" \
		-o "$1/plugin.so"
}

# fact SOURCE KEY: what its first lines say.
fact() {
	sed -n "1,12s|^ \* $2: \(.*\)|\1|p" "$1"
}

# expected SOURCE MODE: the kind of error that this mode finds; none.
expected() {
	local kind=$(fact "$1" "$2")
	echo "${kind:-$(fact "$1" error)}"
}

sentence() {
	case $1 in
	double-free) echo "double free" ;;
	interior-free) echo "pointer into the middle of a block" ;;
	wild-free) echo "pointer to no block of the heap" ;;
	mismatched-free) echo "bad ID: Allocated using API" ;;
	mismatched-size) echo "size is not the one requested" ;;
	write-before) echo "bad leading pad byte" ;;
	write-beyond) echo "bad trailing pad byte" ;;
	write-after-free) echo "freed block was written to" ;;
	access-outside) echo "access outside of a block" ;;
	access-after-free) echo "access to a freed block" ;;
	execute) echo "jump into a block" ;;
	realloc-after-free) echo "realloc of a freed block" ;;
	esac
}

# mark SOURCE NAME...: line and function of the first of the marks that there is.
mark() {
	local source=$1 name found
	shift
	for name; do
		found=$(sed -n "\|/\* $name in |{=;s|.*/\* $name in \([a-z_]*\) .*|\1|p}" "$source" |
			tr '\n' ' ')
		[ -z "$found" ] || break
	done
	echo $found
}

# has_traceback TITLE SOURCE MARK...: the report's traceback of that title, where any is to
# be expected, names the mark, innermost of this source.
has_traceback() {
	local title=$1 source=$2 found
	shift 2
	set -- $(mark "$source" "$@")
	[ $# -gt 0 ] || return 0
	found=$(awk -v title="$title" -v source="$source" '
		index($0, title) == 1 { inside = 1; next }
		inside && $0 == "" { inside = 0 }
		inside && index($0, "\"" source "\"") && !seen++ { print }' err.txt)
	[[ $found == *"line $1, in $2"* ]] || {
		echo "$title: wanted line $1 in $2, got: $found"
		return 1
	}
}

# is_in_trace SOURCE KIND HERE: the same error is in a trace, with the same tracebacks.
is_in_trace() {
	local trace
	for trace in t.mtz*; do
		memtrace info --errors --json "$trace"
	done | python3 -c '
import json, sys
source, kind, *marks = sys.argv[1:]
lines = sys.stdin.read().splitlines()
errors = [e for line in lines for e in json.loads(line)["errors"]]
assert len(errors) == 1, errors
error, report = errors[0], open("err.txt").read()
assert error["kind"] == kind, error["kind"]
assert report.startswith(error["text"]) and error["text"], error["text"]
for name, mark in zip(("allocated", "freed", "here"), marks):
    frames = [f for f in error[name] or () if f["file"] == source]
    got = f"{frames[-1]['"'line'"']}" if frames else ""
    assert not mark or mark.split()[0] == got, (name, mark, error[name])
' "$1" "$2" "$(mark "$1" allocated)" "$(mark "$1" freed)" "$(mark "$1" "$3")"
}

# run_error NAME MODE [right]: leaves err.txt, t.mtz and $status.
run_error() {
	local plugin=
	[ "$1" != in-library ] || plugin=$programs/plugin.so
	rm -f t.mtz*
	status=0
	timeout 60 memtrace run -q -o t.mtz --malloc "$2" -- "$programs/$1" $plugin $3 \
		2>err.txt || status=$?
}

# Status of a program that an error has ended.
status_of() {
	local status=$(fact "$1" status)
	case $status$2 in
	[0-9]*[a-z]*) echo "${status}" ;;
	access-*) echo 139 ;;
	*) echo 134 ;;
	esac
}

# finds SOURCE MODE KEY: the error is found, with its tracebacks; KEY of the facts.
finds() {
	local name=$(basename "${1%.*}") kind=$(expected "$1" "$3") here=here
	local words=$(sentence "$kind")
	[[ $kind != access-* ]] || here=access
	run_error "$name" "$2"
	[ "$status" = "$(status_of "$1" "$kind")" ] &&
		[ "$(grep -c '^Memory error: ' err.txt)" = 1 ] &&
		grep -q "^Memory error: .*: $words" err.txt &&
		has_traceback "Memory block allocated at" "$1" allocated &&
		has_traceback "Memory block freed at" "$1" freed &&
		has_traceback "This call" "$1" $here &&
		is_in_trace "$1" "$kind" $here || {
		echo "$name, $2: status $status, wanted $kind:"
		cat err.txt
		return 1
	}
}

# is_quiet SOURCE MODE: nothing is found in the twin.
is_quiet() {
	local name=$(basename "${1%.*}")
	run_error "$name" "$2" right
	[ "$status" = 0 ] && [ ! -s err.txt ] || {
		echo "the twin of $name, $2: status $status:"
		cat err.txt
		return 1
	}
}

# goes_on SOURCE MODE KEY: with MEMTRACE_DEBUG=continue the error is told and nothing ends.
goes_on() {
	local name=$(basename "${1%.*}") words=$(sentence "$(expected "$1" "$3")")
	MEMTRACE_DEBUG=continue run_error "$name" "$2"
	[ "$status" = 0 ] && grep -q "^Memory error: .*: $words" err.txt || {
		echo "$name, $2, continue: status $status, wanted: $words"
		cat err.txt
		return 1
	}
}
