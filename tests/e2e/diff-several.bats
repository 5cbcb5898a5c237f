# Several traces on a side of a diff: medians, spreads, and what counts as a change.
bats_require_minimum_version 1.5.0
load setup

# One program whose two lines allocate as its arguments say.
prepare() {
	cat >program.c <<-'END'
		#include <stdlib.h>
		void *kept[1000];
		int main(int argc, char **argv)
		{
			for (int i = 0; i < atoi(argv[1]); i++)
				kept[i] = malloc(100); /* noisy */
			kept[999] = malloc((size_t)atoi(argv[2])); /* steady */
			return argc != 3;
		}
	END
	${CC:-cc} -g -O0 program.c -o program
	record old1 10 500
	record old2 14 500
	record old3 11 500
	record new1 12 500
	record new2 13 700
	record new3 15 700
}

record() {
	memtrace run -q -o "$1.mtz" ./program "$2" "$3"
}

@test "diff: rows are medians of each side, with the larger spread" {
	run -0 memtrace diff old1.mtz old2.mtz old3.mtz -- new1.mtz new2.mtz new3.mtz
	[ "${lines[0]}" = "program.c:6: size=1300 B (+200 B), count=13 (+2), average=100 B, spread=400 B, unchanged" ]
	[ "${lines[1]}" = "program.c:7: size=700 B (+200 B), count=1 (+0), average=700 B, spread=200 B, unchanged" ]
	[ "${lines[2]}" = "Total: 2000 B in 14 blocks (+400 B, +2)" ]
}

@test "diff: a change that exceeds the spread counts, and comes first" {
	run -0 memtrace diff old1.mtz old2.mtz old3.mtz -- new2.mtz new3.mtz
	[ "${lines[0]}" = "program.c:7: size=700 B (+200 B), count=1 (+0), average=700 B, spread=0 B" ]
	[[ ${lines[1]} == "program.c:6: size=1400 B (+300 B),"*", spread=400 B, unchanged" ]]
}

@test "diff: a median between two numbers is rounded up" {
	memtrace diff --json old1.mtz old3.mtz -- new1.mtz new2.mtz >answer
	[ "$(jq -c '.rows[] | select(.line == 6) | [.size, .count, .size_diff, .count_diff]' answer)" = "[1250,13,200,2]" ]
}

@test "diff: JSON has arrays of traces, spreads, the change, and totals that add up" {
	memtrace diff --json -n 1 old1.mtz old2.mtz old3.mtz -- new2.mtz new3.mtz >answer
	python3 - <<-'END'
		import json
		a = json.load(open("answer"))
		assert [t["trace"] for t in a["old"]] == ["old1.mtz", "old2.mtz", "old3.mtz"], a
		assert [t["trace"] for t in a["new"]] == ["new2.mtz", "new3.mtz"], a
		row, = a["rows"]
		assert row["change"] == "grown" and row["size_spread"] == 0, row
		assert row["count_spread"] == 0
		for name in "size", "count", "size_diff", "count_diff":
		    assert row[name] + a["omitted"][name] == a["totals"][name], name
	END
}

@test "diff: inserted, vanished, grown and shrunk are told apart" {
	memtrace run -q -o none.mtz ./program 0 900
	memtrace diff --json none.mtz old1.mtz >forward
	memtrace diff --json old1.mtz none.mtz >back
	python3 - <<-'END'
		import json
		change = lambda file: {r["line"]: r["change"] for r in json.load(open(file))["rows"]}
		assert change("forward") == {6: "inserted", 7: "shrunk"}, change("forward")
		assert change("back") == {6: "vanished", 7: "grown"}, change("back")
	END
}

@test "diff: sides that cannot be told apart are a usage error" {
	run -2 memtrace diff old1.mtz old2.mtz new1.mtz
	[[ $output == *"which are the old ones? OLD... -- NEW..."* ]]
	run -2 memtrace diff old1.mtz old2.mtz --
	run -2 memtrace diff old1.mtz
	run -0 memtrace diff -- old1.mtz new1.mtz
	run -0 memtrace diff old1.mtz -- new1.mtz
	[[ $output != *spread* ]]
}
