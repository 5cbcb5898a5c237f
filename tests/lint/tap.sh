# tap.sh - sourced by the lint tests: `check NAME` reads complaints from stdin, one a line;
# none is a pass. `plan` comes last.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
mkdir -p "$build"
scratch=$(mktemp -d "$build/lint.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
: >"$scratch/results"

# It stands at the end of a pipe, in a shell of its own: the count lives in a file.
check() {
	complaints=$(cat)
	if [ -z "$complaints" ]; then
		echo "ok" >>"$scratch/results"
		echo "ok $(wc -l <"$scratch/results") - $1"
	else
		echo "not" >>"$scratch/results"
		echo "$complaints" | sed 's/^/# /'
		echo "not ok $(wc -l <"$scratch/results") - $1"
	fi
}

plan() {
	echo "1..$(wc -l <"$scratch/results")"
	! grep -q not "$scratch/results"
	exit
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
