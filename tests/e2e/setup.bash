# setup.bash - `load setup` in a bats file: memtrace on the PATH, the build tree as $build,
# and a directory of its own for every test.
root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
build=$root/${BUILD:-build}

# What a user's environment sets must not decide a test.
unset NO_COLOR CLICOLOR_FORCE LD_PRELOAD PYTHONMALLOC ${!MEMTRACE_*}
# What a command fails before a pipe fails the test: jq says yes to no input at all.
set -o pipefail
# A hang is a failure; nothing that goes on takes so long, on a busy machine either.
BATS_TEST_TIMEOUT=900

export TZ=UTC LC_ALL=C PATH=$build:$PATH

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	if declare -F prepare >/dev/null; then
		prepare
	fi
}

# The collector that writes into this directory; other tests have theirs.
collector_here() {
	for pid in $(pgrep -x 'memtrace collec'); do
		if readlink "/proc/$pid/fd"/* 2>/dev/null | grep -q "^$PWD/"; then
			echo "$pid"
		fi
	done
}

# Of no answer at all, which is a crashed command's, jq 1.6 (Debian 12) says with -e that it is
# true.
jq() {
	local said
	said=$(command jq "$@") || return
	[[ -n $said || $1 != -e ]] || return 4
	printf '%s\n' "$said"
}
