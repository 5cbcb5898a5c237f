#!/usr/bin/env bats
# However a process ends, its trace opens and holds the state at that moment.

bats_require_minimum_version 1.5.0

setup_file() {
	export PROGRAMS="$BATS_FILE_TMPDIR" SOURCES="$BATS_TEST_DIRNAME/../programs"
	${CC:-cc} -g -O2 -fno-builtin "$SOURCES/ends.c" -o "$PROGRAMS/ends"
	export PATH="$BATS_TEST_DIRNAME/../../${BUILD:-build}:$PATH"
	export ENDS_RUNS="${ENDS_RUNS:-50}"
}

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# live TRACE MARKER: how many blocks of the marked line live in it.
live() {
	local line="$(grep -n "/\* $2 \*/" "$SOURCES/ends.c" | cut -d: -f1)"
	memtrace top --json -n 0 "$1" | jq --argjson line "$line" '
		if .incomplete then error("incomplete")
		else [.rows[] | select(.line == $line).count] | add // 0 end'
}

# ends_as STATUS HOW: runs it, wants that status and all 1,000 blocks in the trace.
ends_as() {
	rm -f t.mtz*
	run -"$1" timeout 60 memtrace run -q -o t.mtz -- "$PROGRAMS/ends" count "$2"
	[ "$(live t.mtz block)" = 1000 ]
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
		[ "$(live t.mtz.1 child)" = 100 ]
		[ "$(live t.mtz.1 block)" = 0 ]
	done
}

@test "ends: exec of another program ends one trace and begins the next" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		rm -f t.mtz*
		run -5 timeout 60 memtrace run -q -o t.mtz -- "$PROGRAMS/ends" count exec
		[ "$(live t.mtz.1 block)" = 1000 ]
		[ "$(live t.mtz block)" = 0 ]
	done
}

@test "ends: a daemon that outlives its parent" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		ends_as 0 daemon
		for ((wait = 0; wait < 1200; wait++)); do
			memtrace info --json t.mtz.1 2>/dev/null | grep -q '"label": *"exit"' && break
			read -r -t 0.05 <> <(:) || true
		done
		[ "$(live t.mtz.1 daemon)" = 100 ]
	done
}

@test "ends: SIGKILL at any moment loses at most one event" {
	for ((time = 0; time < ENDS_RUNS; time++)); do
		rm -f t.mtz* count
		memtrace run -q -o t.mtz -- "$PROGRAMS/ends" count forever &
		until [ -s count ] && [ "$(od -An -tu8 -N8 count)" -gt $((RANDOM * 3)) ]; do :; done
		kill -KILL "$(od -An -tu8 -j16 -N8 count)"
		status=0
		wait $! || status=$?
		[ "$status" = 137 ]
		read -r begun finished < <(od -An -tu8 -w16 -N16 count)
		found="$(live t.mtz block)"
		[ "$found" -ge "$finished" ] && [ "$found" -le "$begun" ]
	done
}
