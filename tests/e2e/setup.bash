# setup.bash - `load setup` in each bats file: $memtrace, $programs, and a directory of
# its own for every test.
root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=$(cd "$root/${BUILD:-build}" 2>/dev/null && pwd || echo "${BUILD:-$root/build}")
memtrace=$BUILD/memtrace
programs=$BUILD/programs

# What a user's environment sets must not decide a test.
unset NO_COLOR CLICOLOR_FORCE LD_PRELOAD PYTHONMALLOC ${!MEMTRACE_*}
export TZ=UTC LC_ALL=C PATH=$BUILD:$PATH

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	if declare -F prepare >/dev/null; then
		prepare
	fi
}

# line_of PROGRAM MARKER: the line of tests/programs that carries the comment "// MARKER".
line_of() {
	grep -n "// $2\$" "$root/tests/programs/$1" | cut -d: -f1
}
