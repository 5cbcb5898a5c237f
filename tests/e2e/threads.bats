#!/usr/bin/env bats
# Threads, forks, signals and libraries that come and go: no crash, no hang, no drift.

load setup
bats_require_minimum_version 1.5.0

setup_file() {
	export PROGRAMS=$BATS_FILE_TMPDIR SOURCES=$root/tests/programs
	for source in "$SOURCES"/{threads-,fork-while,dlopen-while,locks-,allocate-in,free-in}*.c; do
		name="$(basename "$source" .c)"
		${CC:-cc} -g -O2 -D_GNU_SOURCE -fno-builtin -pthread "$source" -o "$PROGRAMS/$name"
	done
	${CC:-cc} -g -O2 -fno-builtin -shared -fPIC "$SOURCES/plugin.c" -o "$PROGRAMS/plugin.so"
}

# at TRACE SOURCE MARKER [OPTION...]: "size count" of the line that has the marker comment.
at() {
	local trace="$1" source="$2.c" marker="$3"
	shift 3
	local line="$(grep -n "/\* $marker \*/" "$SOURCES/$source" | cut -d: -f1)"
	memtrace top --json -n 0 "$@" "$trace" | python3 -c '
import json, os, sys
rows = [r for r in json.load(sys.stdin)["rows"]
        if os.path.basename(r["file"] or "") == sys.argv[1] and r["line"] == int(sys.argv[2])]
print(sum(r["size"] for r in rows), sum(r["count"] for r in rows))' "$source" "$line"
}

record() {
	memtrace run -q -o trace.mtz -- "$@"
}

@test "threads: ten thousand that come and go leave exact numbers" {
	record "$PROGRAMS/threads-come-and-go"
	[ "$(at trace.mtz threads-come-and-go kept)" = "480000 10000" ]
	[ "$(at trace.mtz threads-come-and-go left)" = "0 0" ]
	[ "$(at trace.mtz threads-come-and-go own)" = "0 0" ]
	[ "$(at trace.mtz threads-come-and-go left --metric total)" = "2000000 10000" ]
	[ "$(at trace.mtz threads-come-and-go own --metric total)" = "5760000 80000" ]
}

@test "threads: 64 that free each other's blocks leave exact numbers" {
	record "$PROGRAMS/threads-exchange"
	[ "$(at trace.mtz threads-exchange exchanged)" = "0 0" ]
	[ "$(at trace.mtz threads-exchange kept)" = "6400 64" ]
	run at trace.mtz threads-exchange exchanged --metric total
	[ "${output#* }" = 1280000 ]
}

# Its allocator has no lock for its first use, which without us is before there are threads.
@test "threads: the C library's heap is ready before there are two" {
	run record "$PROGRAMS/threads-first-large"
	[ "$output" = own ]
}

@test "threads: one whose tables there is no memory for is told" {
	record "$PROGRAMS/threads-without-memory"
	memtrace info --json trace.mtz | jq -e '[.losses[] | .count] | add >= 100'
}

@test "threads: a fork while others allocate gives the child a trace of its own" {
	record "$PROGRAMS/fork-while-threads-allocate"
	[ "$(ls trace.mtz.* | wc -l)" -eq 100 ]
	for trace in trace.mtz.{1,50,100}; do
		run at "$trace" fork-while-threads-allocate child
		[ "${output#* }" = 100 ]
	done
}

@test "threads: libraries that come and go while others allocate" {
	record "$PROGRAMS/dlopen-while-threads-allocate" "$PROGRAMS/plugin.so"
	[ "$(at trace.mtz plugin plugin)" = "19200 300" ]
	[ "$(at trace.mtz plugin dropped)" = "0 0" ]
	[ "$(at trace.mtz dlopen-while-threads-allocate churn)" = "0 0" ]
}

@test "threads: loader, fork and allocator at once, each with allocations under its locks" {
	for options in "" "--malloc malloc" "--geometry classic"; do
		memtrace run -q $options -o %n.mtz -- \
			"$PROGRAMS/locks-of-everybody" "$PROGRAMS/plugin.so"
		[ "$(ls *.mtz | wc -l)" -eq 101 ]
		rm *.mtz
	done
}

@test "threads: a signal handler that allocates in the middle of malloc" {
	record "$PROGRAMS/allocate-in-signal-handler"
	run at trace.mtz allocate-in-signal-handler slots
	[ "${output#* }" = 25 ]
	[ "$(at trace.mtz allocate-in-signal-handler handed)" = "0 0" ]
}

@test "threads: destructors of thread-specific values that free and allocate late" {
	record "$PROGRAMS/free-in-thread-destructor"
	[ "$(at trace.mtz free-in-thread-destructor value)" = "0 0" ]
	[ "$(at trace.mtz free-in-thread-destructor again)" = "0 0" ]
	[ "$(at trace.mtz free-in-thread-destructor late)" = "8000 200" ]
}
