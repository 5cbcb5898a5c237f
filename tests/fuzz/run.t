#!/bin/sh
# Each fuzz target replays its corpus, then looks for more for FUZZ_SECONDS (default 20).
# `make fuzz` builds them. A crash is kept as build/fuzz/crash-*; once fixed, its input
# joins tests/fuzz/corpus-NAME.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build/fuzz}
number=0
failed=0

check() {
	number=$((number + 1))
	name=$1
	shift
	if "$@" >"$build/log" 2>&1; then
		echo "ok $number - $name"
	else
		grep -vE '^#[0-9]+' "$build/log" | tail -40 | sed 's/^/# /'
		echo "not ok $number - $name"
		failed=1
	fi
}

for program in "$build"/fuzz-*; do
	[ -x "$program" ] || continue
	name=${program##*/fuzz-}
	corpus=tests/fuzz/corpus-$name
	found=$(mktemp -d)
	[ ! -d "$corpus" ] || check "$name: the corpus is read as before" \
		"$program" -runs=0 -timeout=10 -rss_limit_mb=1024 "$corpus"
	check "$name: nothing new crashes, hangs or eats memory" \
		"$program" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 \
		-rss_limit_mb=1024 -artifact_prefix="$build/crash-" -print_final_stats=1 \
		"$found" $([ ! -d "$corpus" ] || echo "$corpus")
	rm -rf "$found"
done
echo "1..$number"
exit $failed
