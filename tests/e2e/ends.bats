#!/usr/bin/env bats
# However a process ends, its trace opens and holds the state at that moment.

load setup
bats_require_minimum_version 1.5.0

# AddressSanitizer looks at the same ways each time; races are for the other suite.
setup_file() {
	[ "$BUILD" = build/asan ] && ENDS_RUNS=${ENDS_RUNS:-10}
	export ENDS_RUNS=${ENDS_RUNS:-50} SOURCE=$root/tests/programs/ends.c
	${CC:-cc} -g -O2 -fno-builtin "$SOURCE" -o "$BATS_FILE_TMPDIR/ends"
	local mark
	for mark in block child daemon; do
		export "LINE_OF_$mark=$(grep -n "/\* $mark \*/" "$SOURCE" | cut -d: -f1)"
	done
}

prepare() {
	ends=$BATS_FILE_TMPDIR/ends
}

# count TRACE MARKER: sets $count to how many blocks of the marked line live in it. Called some
# thousand times: it starts no process but memtrace.
count() {
	local line=LINE_OF_$2 top
	memtrace top --json -n 0 "$1" >top.json
	read -r top <top.json
	[[ $top != *'"incomplete":'* ]]
	count=0
	[[ ! $top =~ \"file\":\"$SOURCE\",\"line\":${!line},[^}]*\"count\":([0-9]+) ]] ||
		count=${BASH_REMATCH[1]}
}

# holds TRACE MARKER COUNT
holds() {
	count "$1" "$2"
	[ "$count" = "$3" ]
}

# run_ends STATUS HOW: runs it, wants that status.
run_ends() {
	local status=0
	rm -f t.mtz*
	memtrace run -q -o t.mtz -- "$ends" counts "$2" || status=$?
	[ "$status" = "$1" ]
}

# ends_as STATUS HOW: all 1,000 blocks are in the trace.
ends_as() {
	run_ends "$@"
	holds t.mtz block 1000
}

@test "ends: return from main" {
	for ((time = 0; time < ENDS_RUNS; time++)); do ends_as 0 return; done
}

@test "ends: _exit" {
	for ((time = 0; time < ENDS_RUNS; time++)); do ends_as 3 _exit; done
}

@test "ends: abort" {
	for ((time = 0; time < ENDS_RUNS; time++)); do ends_as 134 abort; done
}

@test "ends: SIGSEGV" {
	for ((time = 0; time < ENDS_RUNS; time++)); do ends_as 139 crash; done
}

@test "ends: SIGKILL by itself" {
	for ((time = 0; time < ENDS_RUNS; time++)); do ends_as 137 kill; done
}

@test "ends: a child forked without exec has a trace of its own" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		ends_as 0 fork
		holds t.mtz.1 child 100
		holds t.mtz.1 block 0
	done
}

@test "ends: exec of another program ends one trace and begins the next" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		run_ends 5 exec
		holds t.mtz.1 block 1000
		holds t.mtz block 0
	done
}

@test "ends: a daemon that outlives its parent" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		ends_as 0 daemon
		until memtrace top t.mtz.1@exit >/dev/null 2>&1; do sleep 0.02; done
		holds t.mtz.1 daemon 100
	done
}

@test "ends: SIGKILL at any moment loses at most one event" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		rm -f t.mtz* counts
		memtrace run -q -o t.mtz -- "$ends" counts forever &
		until [ -s counts ] && [ "$(od -An -tu8 -N8 counts)" -gt $((RANDOM * 3)) ]; do :; done
		kill -KILL "$(od -An -tu8 -j16 -N8 counts)"
		status=0
		wait $! || status=$?
		[ "$status" = 137 ]
		read -r begun finished < <(od -An -tu8 -w16 -N16 counts)
		count t.mtz block
		[ "$count" -ge "$finished" ] && [ "$count" -le "$begun" ]
	done
}
