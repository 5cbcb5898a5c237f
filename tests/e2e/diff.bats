#!/usr/bin/env bats
# memtrace diff: what changed between two snapshots, of one trace or of two.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	cp "$BATS_TEST_DIRNAME/../programs/callsites.c" .
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O2 callsites.c -pthread -o callsites
	local memtrace=$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace
	"$memtrace" run -q -o plain.mtz -- ./callsites
	"$memtrace" run -q -o more.mtz -- ./callsites 7
}

prepare() {
	cd "$BATS_FILE_TMPDIR" || return
}

at() {
	echo "callsites.c:$(grep -n "// $1\$" callsites.c | cut -d: -f1)"
}

rows() {
	memtrace diff -n 0 "$@" | grep -v '^Total: '
}

@test "diff: between snapshots of one trace, the largest change first" {
	run -0 rows plain.mtz@peak plain.mtz
	[ "${lines[0]}" = "$(at grown): size=0 B (-684 KiB), count=0 (-1)" ]
	[ "${lines[1]}" = "$(at large): size=19.5 KiB (+0 B), count=1 (+0), average=19.5 KiB" ]
	[ "${#lines[@]}" = 6 ]
	run -0 rows plain.mtz@start plain.mtz
	[[ $output == *"$(at three): size=300 B (+300 B), count=3 (+3), average=100 B"* ]]
}

@test "diff: between two runs, and backwards with the signs turned" {
	run -0 rows plain.mtz more.mtz
	[ "${lines[0]}" = "$(at more): size=70 B (+70 B), count=7 (+7), average=10 B" ]
	run -0 rows more.mtz plain.mtz
	[ "${lines[0]}" = "$(at more): size=0 B (-70 B), count=0 (-7)" ]
	run -0 memtrace diff plain.mtz more.mtz
	[ "${lines[-1]}" = "Total: 20.4 KiB in 14 blocks (+70 B, +7)" ]
}

@test "diff: of a snapshot with itself nothing changes, and all rows stay" {
	run -0 rows plain.mtz plain.mtz
	[ "${#lines[@]}" = 5 ]
	[ "$(grep -c '(+0 B), count=[0-9]* (+0)' <<<"$output")" = 5 ]
}

@test "diff: by every key, with rows and omitted adding up" {
	for by in lineno filename function traceback module size-class thread domain; do
		memtrace diff --json -n 1 --by $by plain.mtz more.mtz | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert list(j) == ["schema", "old", "new", "by", "metric", "totals", "rows", "omitted"], list(j)
assert j["schema"] == "memtrace.diff/1"
assert list(j["old"]) == ["trace", "index", "label", "time_ns"], j["old"]
assert j["old"]["trace"] == "plain.mtz" and j["new"]["trace"] == "more.mtz"
assert j["totals"]["size_diff"] == 70 and j["totals"]["count_diff"] == 7, j["totals"]
for key in "size", "count", "size_diff", "count_diff":
    whole = sum(r[key] for r in j["rows"]) + j["omitted"][key]
    assert whole == j["totals"][key], (key, whole)'
	done
}

@test "diff: lines that moved between builds are paired with --match function" {
	for build in old new; do
		mkdir -p $build
		cp callsites.c $build
		[ $build = old ] || sed -i '1i // one line more' $build/callsites.c
		(cd $build && ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O2 callsites.c -pthread \
			-o callsites && memtrace run -q --force -o t.mtz -- ./callsites)
	done
	run -0 rows old/t.mtz new/t.mtz
	[ "${#lines[@]}" = 10 ]
	run -0 rows --match function old/t.mtz new/t.mtz
	[ "${#lines[@]}" = 5 ]
	[ "$(grep -c '^new/.*(+0 B), count=[0-9]* (+0)' <<<"$output")" = 5 ]
}

@test "diff: usage errors and missing input" {
	run -2 memtrace diff plain.mtz
	run -2 memtrace diff --by thread --metric total plain.mtz more.mtz
	run -2 memtrace diff --by size-class plain.mtz@peak more.mtz
	run -2 memtrace diff --by traceback --match function plain.mtz more.mtz
	run -0 memtrace diff --match function --function nobody plain.mtz more.mtz
	[ "$output" = "Total: 0 B in 0 blocks (+0 B, +0)" ]
	run -3 --separate-stderr memtrace diff nowhere.mtz more.mtz
	[[ $stderr == "memtrace diff: nowhere.mtz: "* ]]
	run -3 memtrace diff plain.mtz more.mtz@nothing
}

@test "diff: one side that ends early makes the answer incomplete" {
	head -c $(($(stat -c %s more.mtz) - 8)) more.mtz >early.mtz
	run -0 --separate-stderr memtrace diff --json plain.mtz early.mtz
	[[ $stderr == "memtrace diff: early.mtz: ends early"* ]]
	python3 -c 'import json, sys; assert json.loads(sys.argv[1])["incomplete"]' "$output"
}
