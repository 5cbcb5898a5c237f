#!/usr/bin/env bats
# `memtrace snapshot`, --snapshot-every, and the library preloaded without `run`.

load setup
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	for name in waits; do
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Ipreload -g -O2 -fno-builtin \
			"tests/programs/$name.c" -o "$BATS_FILE_TMPDIR/$name"
	done
}

prepare() {
	programs=$BATS_FILE_TMPDIR
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

pid_of_waits() {
	pgrep -n -f "^$programs/waits$"
}

# In a trace of waits its 1,000 blocks are live.
has_blocks() {
	memtrace top "$1" | grep -q 'size=23.4 KiB, count=1000, average=24 B'
}

# complete TRACE: waits until the collector is done with it.
complete() {
	until memtrace info "$1" 2>/dev/null | grep -qx 'Complete: yes'; do :; done
}

@test "snapshot: from outside, with a label and without" {
	begin memtrace run -q -o t.mtz -- "$programs/waits"
	run -0 memtrace snapshot --label now "$(pid_of_waits)"
	run -0 memtrace snapshot -q "$(pid_of_waits)"
	[ -z "$output" ]
	finish
	has_blocks t.mtz@now
	has_blocks t.mtz@2
	has_blocks t.mtz
}

@test "snapshot: a collector that is stopped holds up no other" {
	mkfifo stopped
	memtrace run -q -o s.mtz -- sh -c 'echo $MEMTRACE_SOCKET >socket; read line <stopped' 8>&- &
	exec 8>stopped
	other=$(sed 's/^[^0-9]*\([0-9]*\).*/\1/' socket)
	kill -STOP "$other"
	begin memtrace run -q -o t.mtz -- "$programs/waits"
	run -0 timeout 300 memtrace snapshot --label now "$(pid_of_waits)"
	run -3 timeout 300 memtrace snapshot $$
	kill -CONT "$other"
	exec 8>&-
	finish
	has_blocks t.mtz@now
}

@test "snapshot: labels that cannot be used and processes that are not recorded" {
	for label in '' 12 a@b a#b start peak exit; do
		run -2 memtrace snapshot --label "$label" $$
	done
	run -3 memtrace snapshot $$
	[[ $output == *"process $$ is not recorded"* ]]
	run -2 memtrace snapshot nobody
}

@test "snapshot: every so often, by time and by growth" {
	begin memtrace run -q -o t.mtz --snapshot-every 10ms -- "$programs/waits"
	until [ "$(memtrace info t.mtz 2>/dev/null | grep -c periodic)" -ge 3 ]; do :; done
	finish
	has_blocks t.mtz
	rm in
	begin memtrace run -q -o u.mtz --snapshot-every 10KiB -- "$programs/waits"
	until memtrace info u.mtz 2>/dev/null | grep -q periodic; do :; done
	finish
	has_blocks u.mtz
}

@test "preload alone: recorded, without a child or a signal that the program could see" {
	begin env LD_PRELOAD="$build/libmemtrace.so" MEMTRACE_OUTPUT=t.mtz "$programs/waits"
	memtrace snapshot --label now "$(pid_of_waits)"
	finish
	complete t.mtz
	has_blocks t.mtz@now
	has_blocks t.mtz
	[ ! -s err ]
}

@test "preload alone: children reach the same collector" {
	LD_PRELOAD=$build/libmemtrace.so MEMTRACE_OUTPUT=t.mtz sh -c 'ls / >/dev/null; true'
	complete t.mtz
	memtrace info t.mtz | grep -Eq ' ls .* t.mtz.[12]$'
}

@test "preload alone: streams and descriptors are the program's own" {
	ls /proc/self/fd >plain
	LD_PRELOAD=$build/libmemtrace.so ls /proc/self/fd >ours
	diff plain ours
	(LD_PRELOAD=$build/libmemtrace.so MEMTRACE_OUTPUT=c.mtz /bin/true <&- >&- 2>&-)
	complete c.mtz
}

@test "preload alone: without a collector the program runs, and it is said" {
	run -0 env LD_PRELOAD="$build/libmemtrace.so" MEMTRACE_COLLECTOR=/nonexistent echo hello
	[[ $output == *hello* ]]
	[[ $output == *"not recorded: no collector can be reached"* ]]
}

@test "preload alone: where no trace can be written the program runs, and it is said" {
	run -0 env LD_PRELOAD="$build/libmemtrace.so" MEMTRACE_OUTPUT=/nonexistent/t.mtz \
		echo hello
	[[ $output == *hello* ]]
	[[ $output == *"not recorded: the trace cannot be written here"* ]]
}

# variables: those that the manual page lists.
variables() {
	grep '^\.It Ev MEMTRACE_' "$root/man/memtrace.1" | grep -o 'MEMTRACE_[A-Z_]*'
}

@test "preload alone: no value that is not known is passed over; what is used is said once" {
	[ "$(variables | wc -l)" -ge 16 ]
	for variable in $(variables); do
		bad=nonsense
		[ $variable != MEMTRACE_OUTPUT ] || bad=%q.mtz
		run -0 env MEMTRACE_OUTPUT=t.mtz MEMTRACE_FORCE=1 LD_PRELOAD="$build/libmemtrace.so" \
			$variable=$bad sh -c '/bin/true; /bin/true; exec /bin/true'
		[ "${#lines[@]}" = 1 ]
		[[ $output == "memtrace: $variable: '$bad' "*"; "*" used" ||
			$output == "memtrace: MEMTRACE_SNAPSHOT_EVERY: 'nonsense' "*"; no snapshots are taken by themselves" ]]
		run -125 env $variable=$bad memtrace run -q /bin/true
	done
	run -0 env LD_PRELOAD="$build/libmemtrace.so" MEMTRACE_OUTPUT=t.mtz MEMTRACE_FORCE=1 \
		MEMTRACE_MALLOC=nonsense MEMTRACE_NFRAME=0 MEMTRACE_QUARANTINE=1.5Mib /bin/true
	[ "$output" = "memtrace: MEMTRACE_MALLOC: 'nonsense' is none of pymalloc, malloc, debug, pymalloc_debug, malloc_debug, guard; pymalloc is used
memtrace: MEMTRACE_QUARANTINE: '1.5Mib' is not a size such as 4096, 10k or 1.5GiB; 16MiB is used
memtrace: MEMTRACE_NFRAME: '0' is no number from 1 to 1024; 128 is used" ]
}

@test "preload alone: what an option takes its variable takes" {
	for setting in QUARANTINE=1.5MiB GUARD_BUDGET=100GiB QUARANTINE=1T NFRAME=1024 LEAKS=0 \
		SNAPSHOT_EVERY=1.5s SNAPSHOT_EVERY=64MiB OUTPUT=%e%%.mtz MALLOC= DEBUG=continue; do
		run -0 env MEMTRACE_OUTPUT=t.mtz MEMTRACE_FORCE=1 "MEMTRACE_$setting" \
			LD_PRELOAD="$build/libmemtrace.so" /bin/true
		[ -z "$output" ]
	done
}

@test "preload alone: a collector that is gone is replaced for the next program" {
	MEMTRACE_SOCKET=memtrace.1.dead LD_PRELOAD=$build/libmemtrace.so \
		MEMTRACE_OUTPUT=t.mtz /bin/true
	complete t.mtz
}

@test "memtrace.h: a child forgets what it inherited; a new peak begins at what is live" {
	${CC:-cc} -g -O0 -I"$root" "$root/tests/programs/forget.c" -o forget -lpthread
	for mode in pymalloc malloc; do
		run -0 memtrace run -q --force -o f.mtz --malloc $mode ./forget
		for moment in forgotten released; do
			[ "$(memtrace top --json "f.mtz.1@$moment" | jq -c '[.totals, .rows[].file == null]')" = '[{"size":33,"count":1},false]' ]
		done
	done
}

@test "snapshot: a process of another user is told from one that is not recorded" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	setpriv --reuid nobody --clear-groups test -x "$build/memtrace" || skip "it is in a private directory"
	run -3 setpriv --reuid nobody --clear-groups --inh-caps=-all "$(type -P memtrace)" snapshot $$
	[ "$output" = "memtrace snapshot: process $$: no permission: it is another user's" ]
	run -3 memtrace snapshot $$
	[ "$output" = "memtrace snapshot: process $$ is not recorded" ]
}

@test "snapshot: root may ask for one of another user's process" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	setpriv --reuid nobody --clear-groups test -x "$build/memtrace" || skip "it is in a private directory"
	mkdir theirs && chmod 777 . theirs
	mkfifo -m 666 hold
	setpriv --reuid nobody --clear-groups "$(type -P memtrace)" run -q -o theirs/t.mtz \
		sh -c 'echo $$ >theirs/pid; read -r line <hold' 3>&- &
	local runner=$!
	until [ -s theirs/pid ]; do sleep 0.1; done
	run -0 memtrace snapshot --label theirs "$(<theirs/pid)"
	[ "$output" = "memtrace snapshot: process $(<theirs/pid): taken, in theirs/t.mtz" ]
	echo >hold
	wait "$runner"
	memtrace top --json theirs/t.mtz@theirs | jq -e '.snapshot.label == "theirs"'
}
