#!/usr/bin/env bats
# Exact outputs of commands over the traces that are kept in tests/traces: stdout, then
# stderr and status. `make golden` writes them anew; the diff is to be reviewed.
bats_require_minimum_version 1.5.0
load ../e2e/setup

prepare() {
	cd "$root/tests/traces" || return
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR
}

# answers NAME COMMAND...: the output is as in the file of that name.
answers() {
	local kept=$root/tests/golden/$1.txt now=$BATS_TEST_TMPDIR/now status=0
	shift
	{
		printf '$ %s\n' "$*"
		"$@" 2>"$BATS_TEST_TMPDIR/err" || status=$?
		sed 's/^/stderr: /' "$BATS_TEST_TMPDIR/err"
		echo "status: $status"
	} >"$now"
	[ "${GOLDEN:-}" != rewrite ] || cp "$now" "$kept"
	diff -u "$kept" "$now"
}

@test "golden: top in text and JSON" {
	answers top memtrace top v1.mtz
	answers top-json memtrace top --json -n 3 v1.mtz
	answers top-total memtrace top --metric total --sort average -n 3 v1.mtz
	answers top-peak memtrace top -n 2 v1.mtz@peak
}

@test "golden: top by module and by traceback" {
	answers top-module memtrace top --by module v1.mtz
	answers top-traceback memtrace top --by traceback -n 2 v1.mtz
	answers top-traceback-json memtrace top --by traceback --json -n 1 v1.mtz
}

@test "golden: diff in text and JSON" {
	answers diff memtrace diff -n 3 v1.mtz@half v1.mtz
	answers diff-peak memtrace diff -n 3 v1.mtz@peak v1.mtz
	answers diff-json memtrace diff --json -n 1 v1.mtz@peak v1.mtz
}

@test "golden: info in text and JSON" {
	answers info memtrace info v1.mtz
	answers info-json memtrace info --json v1.mtz
	answers info-errors memtrace info --errors v1.mtz
}

@test "golden: traces that are cut, damaged, unfinished or of later formats" {
	for kind in cut damaged unfinished later essential; do
		answers top-$kind memtrace top -q -n 2 v1-$kind.mtz
		answers info-$kind memtrace info v1-$kind.mtz
	done
	answers top-newer memtrace top v2.mtz
}
