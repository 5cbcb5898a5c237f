#!/usr/bin/env bats
# Searches for leaks: at every kind of end, from outside, from within; by each way to make
# a program stand still.

load setup
bats_require_minimum_version 1.5.0

setup_file() {
	[ "$BUILD" != build/asan ] || return 0
	cd "$BATS_TEST_DIRNAME/../.."
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Ipreload -g -O2 -fno-builtin -pthread \
		tests/programs/scanned.c -o "$BATS_FILE_TMPDIR/scanned"
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	scanned=$BATS_FILE_TMPDIR/scanned
}

# summary TRACE KIND: how many blocks.
summary() {
	memtrace leaks --json "$1" | jq ".summary.$2.count"
}

method() {
	memtrace leaks --json "$1" | jq -r .scan.method
}

# begin COMMAND...: runs it in the background; it has said "ready" and waits for finish.
begin() {
	mkfifo in
	"$@" <in >out 2>err 9>&- &
	job=$!
	exec 9>in
	until grep -q ready out; do kill -0 $job; done
}

finish() {
	exec 9>&-
	wait $job
}

pid_of_scanned() {
	pgrep -n -f "^$scanned "
}

@test "scan: at the end nothing that main had on its stack counts" {
	memtrace run -q --leaks -o t.mtz -- "$scanned"
	[ "$(summary t.mtz definite)" = 11 ]
	[ "$(summary t.mtz indirect)" = 0 ]
	[ "$(method t.mtz)" = waiting ]
}

@test "scan: where exit is called main's stack counts" {
	memtrace run -q --leaks -o t.mtz -- "$scanned" exits
	[ "$(summary t.mtz definite)" = 10 ]
}

@test "scan: before _exit and at quick_exit" {
	for way in _exits quick_exits; do
		memtrace run -q --leaks -o $way.mtz -- "$scanned" $way
		[ "$(summary $way.mtz definite)" = 10 ]
	done
}

@test "scan: the summary has one line of it, also where a signal came first" {
	run -0 --separate-stderr memtrace run --leaks -o t.mtz -- "$scanned" exits
	[[ $stderr == *"leaks: definite 39.1 KiB in 10 blocks, indirect 0 B in 0,"* ]]
	run -134 --separate-stderr memtrace run --leaks -o u.mtz -- "$scanned" aborts
	[[ $stderr == *"leaks: not searched: a signal ended the program"* ]]
	run -3 memtrace leaks u.mtz
	[[ $output == *"u.mtz: no scan of the heap: a signal ended the program; "* ]]
	run -0 --separate-stderr memtrace run --leaks -o d.mtz -- "$scanned" ends-itself
	[[ $stderr == *"leaks: not searched: it ended by a system call of its own, or in the C library, as in daemon()"* ]]
	run -3 memtrace leaks d.mtz
	[[ $output == *"d.mtz: the heap was not scanned: it ended by a system call of its own, "* ]]
	run -3 memtrace gate --max-leaked 0 d.mtz
	[[ $output == *"could not judge: "*"d.mtz: the heap was not scanned: it ended by a system call"* ]]
	run -125 memtrace run --leaks --gate -o g.mtz -- "$scanned" ends-itself
	[[ $output == *"could not judge: "*"g.mtz: the heap was not scanned: it ended by a system call"* ]]
	run -0 --separate-stderr memtrace run --leaks -o e.mtz -- env -i true
	[[ $stderr == *"leaks: not searched: the process went on as another program"* ]]
	run -0 --separate-stderr memtrace run -o v.mtz -- "$scanned" exits
	[[ $stderr != *leaks:* ]]
	run -3 memtrace leaks v.mtz
	[[ $output == *"v.mtz: no scan of the heap: record with 'memtrace run --leaks'"* ]]
}

@test "scan: what threads hold on their stacks and in thread-locals counts" {
	memtrace run -q --leaks -o t.mtz -- "$scanned" threads 100
	[ "$(summary t.mtz definite)" = 11 ]
	[ "$(method t.mtz)" = ptrace ]
	memtrace leaks --json t.mtz | jq -e '.scan.threads == 101'
	memtrace why --json t.mtz | grep -q wait_with_a_block
	memtrace why t.mtz | grep -q 'thread-local kept'
}

# what it found, and that no copy of the program stays behind.
is_from_copy() {
	[ "$(summary "$1" definite)" = 11 ]
	[ "$(method "$1")" = fork ]
	while pgrep -f "^$scanned "; do sleep 0.01; done
}

@test "scan: where ptrace is denied a signal and a copy do" {
	"$scanned" confined "$build/memtrace" run -q --leaks -o t.mtz -- "$scanned" threads 5
	is_from_copy t.mtz
	memtrace leaks --json t.mtz | jq -e '.scan.threads == 6'
	memtrace why --json t.mtz | grep -q wait_with_a_block
}

@test "scan: a thread that blocks all signals is not waited for long, and what it has counts" {
	"$scanned" confined "$build/memtrace" run -q --leaks -o t.mtz -- "$scanned" deaf
	is_from_copy t.mtz
	memtrace leaks --json t.mtz | jq -e '.scan.threads_missed == 1'
	run -0 memtrace leaks t.mtz
	[[ $output == *"Not known: the registers of 1 thread that could not be stopped"* ]]
}

@test "scan: where another tracer is there a signal and a copy do" {
	command -v strace || skip "strace is not installed"
	strace -f -o /dev/null true || skip "no tracing here"
	strace -f -o /dev/null "$build/memtrace" run -q --leaks -o t.mtz -- "$scanned" threads
	is_from_copy t.mtz
}

@test "scan: where ptrace is denied and no signal was taken there is none, and it is said" {
	begin "$scanned" confined "$build/memtrace" run -q -o t.mtz -- "$scanned" threads-waits
	run -3 memtrace snapshot --leaks "$(pid_of_scanned)"
	[[ $output == *"no scan is possible: "*"not started with --leaks"* ]]
	finish
	run -3 memtrace leaks t.mtz
}

@test "scan: memtrace_check_leaks counts, and the program goes on" {
	run -0 memtrace run -q -o t.mtz -- "$scanned" checks
	[ "$output" = 10 ]
	[ "$(memtrace leaks --json t.mtz@1 | jq .summary.definite.count)" = 10 ]
	run -0 "$scanned" checks
	[ "$output" = -1 ]
}

@test "scan: a running program, from outside" {
	begin memtrace run -q -o t.mtz -- "$scanned" threads-waits
	run -0 memtrace snapshot --leaks --contents --label now "$(pid_of_scanned)"
	[[ $output == *"10 leaked blocks; it stood still for "* ]]
	finish
	[ "$(summary t.mtz@now definite)" = 10 ]
	[ "$(summary t.mtz@now reachable)" -ge 8 ]
	memtrace leaks --json t.mtz@now | jq -e '.rows[0].contents | startswith("\\x01\\x00")'
	run -3 memtrace leaks t.mtz
}

@test "scan: a forked child is searched for its own blocks" {
	memtrace run -q --leaks -o t.mtz -- "$scanned" forks
	[ "$(summary t.mtz.1 definite)" = 10 ]
	[ "$(summary t.mtz definite)" = 1 ]
}

@test "scan: in every mode of malloc the same is lost" {
	for mode in malloc debug malloc_debug guard; do
		memtrace run -q --malloc $mode --leaks -o $mode.mtz -- "$scanned" exits
		[ "$(summary $mode.mtz definite)" = 10 ]
		[ "$(summary $mode.mtz reachable)" = 2 ]
	done
}

@test "scan: --dup knows equal blocks, and is asked for" {
	memtrace run -q --leaks --dup -o t.mtz -- "$scanned" exits
	run -0 memtrace dup t.mtz
	memtrace run -q --leaks -o u.mtz -- "$scanned" exits
	run -3 memtrace dup u.mtz
}

@test "scan: snapshot --dup and --contents bring --leaks with them, as those of run do" {
	begin memtrace run -q -o t.mtz -- "$scanned" threads-waits
	memtrace snapshot --dup --label equal "$(pid_of_scanned)"
	memtrace snapshot --contents --label seen "$(pid_of_scanned)"
	finish
	run -0 memtrace dup t.mtz@equal
	[ "$(summary t.mtz@seen definite)" = 10 ]
	memtrace leaks --json t.mtz@seen | jq -e '.rows[0].contents'
}

@test "scan: a main thread that has ended before the others is no obstacle" {
	memtrace run -q --leaks -o t.mtz -- "$scanned" ends-main
	[ "$(method t.mtz)" = ptrace ]
	[ "$(summary t.mtz definite)" -ge 10 ]
}
