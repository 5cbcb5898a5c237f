#!/usr/bin/env bats
# The debug modes at work: when blocks are looked at, the quarantine, who names the frames.

load setup
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O0 -w tests/programs/damages.c \
		-o "$BATS_FILE_TMPDIR/damages"
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	damages=$BATS_FILE_TMPDIR/damages
}

# begin ARGUMENT...: in the background; it has said "ready" and reads what `ask` writes.
begin() {
	mkfifo in
	memtrace run -q --force -o t.mtz --malloc "${mode:-debug}" -- "$damages" "$@" \
		<in >out 2>err 9>&- &
	job=$!
	exec 9>in
	until grep -q ready out; do kill -0 $job; done
}

finish() {
	exec 9>&-
	status=0
	wait $job || status=$?
}

pid_of_damages() {
	pgrep -n -x -P "$job" damages
}

# told_after_snapshot MODE
told_after_snapshot() {
	local mode=$1
	rm -f in out err
	begin beyond
	echo >&9
	memtrace snapshot -q "$(pid_of_damages)" --label here
	echo >&9
	until grep -q '^Memory error: memtrace snapshot: bad trailing pad byte' err; do
		kill -0 $job
	done
	finish
	[ "$status" = 0 ]
	# What was told once is not told again when it ends.
	[ "$(grep -c '^Memory error' err)" = 1 ]
	memtrace info --errors t.mtz | grep -q '^Memory error: memtrace snapshot: bad trailing'
	memtrace info --errors t.mtz | grep -q ', in main$'
}

@test "debug, guard: after memtrace snapshot all blocks are looked at, at the next call" {
	export MEMTRACE_DEBUG=continue
	told_after_snapshot debug
	told_after_snapshot guard
}

@test "debug: the quarantine is looked at when a block leaves it, and at the end" {
	run -134 memtrace run -q -o t.mtz --malloc debug "$damages" freed 0 </dev/null
	[[ $output == *"Memory error: exit: freed block was written to"* ]]
	export MEMTRACE_QUARANTINE=64KiB
	run -134 memtrace run -q -o t.mtz --malloc debug "$damages" freed 200 </dev/null
	[[ $output == *"Memory error: free: freed block was written to"* ]]
	[[ $output != *ready* ]]
	export MEMTRACE_QUARANTINE=0
	run -0 memtrace run -q -o t.mtz --malloc debug "$damages" freed 0 </dev/null
	[ "$output" = ready ]
}

@test "debug, guard: blocks are looked at while threads and handlers come and go with them" {
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I "$root" -g -O1 -w -fno-builtin -pthread \
		"$root/tests/programs/look-while-threads-allocate.c" -o look -ldl
	for mode in debug malloc_debug guard; do
		run -0 timeout 300 memtrace run -q --force -o %n.mtz --malloc $mode -- ./look
		[ "$output" = "done" ]
	done
}

@test "debug: what waits in the quarantine is given up before a request fails" {
	${CC:-cc} -std=gnu11 -O0 -w -fno-builtin "$root/tests/programs/huge-blocks.c" -o huge
	(
		ulimit -v 1500000
		memtrace run -q -o t.mtz --malloc debug -- ./huge 40 >out 2>err
	)
	[ "$(cat out)" = 0 ]
	[ ! -s err ]
}

@test "debug: a size of the quarantine that is none is told and not used" {
	for size in 65536 64k 64K 64KiB 65kB; do
		MEMTRACE_QUARANTINE=$size run -0 memtrace run -q --force -o t.mtz --malloc debug true
		[ -z "$output" ]
	done
	MEMTRACE_QUARANTINE=much run -134 env LD_PRELOAD="$build/libmemtrace.so" MEMTRACE_FORCE=1 \
		MEMTRACE_OUTPUT=t.mtz MEMTRACE_MALLOC=debug "$damages" freed 0 </dev/null
	[[ $output == *"MEMTRACE_QUARANTINE: 'much' is not a size"*"; 16MiB is used"* ]]
}

@test "debug: where the collector is gone the report has addresses" {
	begin twice
	until collector=$(collector_here) && [ "$collector" ]; do :; done
	kill -KILL "$collector"
	while kill -0 "$collector" 2>/dev/null; do :; done
	finish
	[ "$status" = 134 ]
	grep -q '^Memory error: free: double free' err
	[ "$(grep -c "^  $damages+0x[0-9a-f]*$" err)" -ge 3 ]
}

@test "debug: what is told is in the trace: kinds, addresses, tracebacks" {
	MEMTRACE_DEBUG=continue run -0 memtrace run -q -o t.mtz --malloc malloc_debug \
		"$damages" twice </dev/null
	memtrace info --json t.mtz | python3 -c '
import json, sys
info = json.load(sys.stdin)
assert info["malloc"] == "malloc_debug" and info["errors_found"] == 1
error, = info["errors"]
assert error["kind"] == "double-free" and error["call"] == "free"
assert error["address"] == error["block"] and error["block_bytes"] == 40
assert error["api"] == "c" and error["serial"] > 0 and error["tid"] == info["pid"]
for name in ("allocated", "freed", "here"):
    assert "main" in [f["function"] for f in error[name]], name
lines = [error[name][-1]["line"] for name in ("allocated", "freed", "here")]
assert lines == sorted(set(lines)), lines
'
}

@test "debug: the summary counts what was found, in children too, and names a trace" {
	export MEMTRACE_DEBUG=continue
	run -0 memtrace run -o t.mtz --malloc debug "$damages" twice </dev/null
	[[ $output == *$'\n'"memtrace: 1 error with memory: memtrace info --errors t.mtz"$'\n'* ]]
	run -0 memtrace run --force -o t.mtz --malloc debug sh -c \
		"$damages twice </dev/null; $damages twice </dev/null; true"
	line=$(grep '^memtrace: 2 errors with memory in 2 traces: ' <<<"$output")
	[[ $line == *" (and others)" ]]
	trace=$(sed 's/.* --errors \(.*\) (and others)/\1/' <<<"$line")
	memtrace info --errors "$trace" | grep -q '^Memory error: free: double free'
	run -0 memtrace run --force -o t.mtz --malloc debug "$damages" </dev/null
	[[ $output != *"with memory"* ]]
}

@test "debug: a trace says that nothing was found, where something was looked for" {
	memtrace run -q -o t.mtz --malloc debug true
	run -0 memtrace info --errors t.mtz
	[[ $output == *"Errors of the program: 0"* ]]
	memtrace run -q -o plain.mtz true
	run -0 memtrace info --errors plain.mtz
	[[ $output != *"Errors of the program"* ]]
}

@test "debug: a scan knows a block by the pointer that the program has" {
	for mode in debug malloc_debug; do
		run -0 memtrace run --force -q --leaks -o t.mtz --malloc $mode "$damages" \
			</dev/null
		memtrace leaks --json t.mtz >leaks.json
		python3 - <<-'END'
			import json
			kinds = json.load(open("leaks.json"))["summary"]
			assert kinds["reachable"]["count"] == 1, kinds
			assert kinds["reachable"]["size"] == 40, kinds
			assert kinds["possible"]["count"] == 0, kinds
		END
	done
}

@test "debug, guard: operators of a library's own match those of all others" {
	program=$BATS_TEST_DIRNAME/../programs/own-operators.cc
	flags="-g -O1 -fno-builtin"
	${CXX:-c++} $flags -shared -fPIC -Wl,-Bsymbolic -DPLUGIN "$program" -o libown.so
	${CXX:-c++} $flags "$program" ./libown.so -o own
	for mode in debug guard; do
		run -5 memtrace run -q --force -o t.mtz --malloc $mode ./own
		[ -z "$output" ]
		run -134 memtrace run -q --force -o t.mtz --malloc $mode ./own wrong
		[[ $output == *"made by malloc, given to operator delete"* ]]
	done
}
