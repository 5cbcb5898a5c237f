#!/usr/bin/env bats
# memtrace info: what is in a trace.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	cp "$BATS_TEST_DIRNAME/../programs/callsites.c" .
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O2 callsites.c -pthread -o callsites
	local memtrace=$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace
	"$memtrace" run -q -o plain.mtz -- ./callsites 3 thread
}

prepare() {
	cd "$BATS_FILE_TMPDIR" || return
}

@test "info: names the program, its end and its snapshots" {
	run -0 --separate-stderr memtrace info plain.mtz
	[ -z "$stderr" ]
	[[ $output == *$'\nCommand: ./callsites 3 thread\n'* ]]
	[[ $output == *$'\nExit status: 0\n'* ]]
	[[ $output == *$'\nComplete: yes\n'* ]]
	[[ $output == *$'\nEvents not recorded: 0\n'* ]]
	for label in start peak exit; do
		grep -E "^ +[0-9]+  $label +$label " <<<"$output"
	done
	grep -E "/callsites$" <<<"$output"
	grep -E "  worker " <<<"$output"
}

@test "info: JSON has facts and lists, and a snapshot's sums are those of top" {
	memtrace info --json plain.mtz >info.json
	memtrace top --json plain.mtz >top.json
	python3 - <<-'EOF'
		import json
		info, top = json.load(open("info.json")), json.load(open("top.json"))
		assert info["schema"] == "memtrace.info/1" and info["complete"] is True
		for name in "processes", "snapshots", "threads", "modules", "losses":
		    assert isinstance(info[name], list), name
		assert info["pid"] > 0 and info["exit_status"] == 0 and info["end"] == "exit"
		last = info["snapshots"][-1]
		assert last["label"] == "exit"
		assert last["index"] == top["snapshot"]["index"]
		assert last["live_bytes"] == top["totals"]["size"]
		assert last["live_count"] == top["totals"]["count"]
		assert any(m["path"].endswith("/callsites") for m in info["modules"])
		assert [p["pid"] for p in info["processes"]] == [info["pid"]]
		assert info["recorder_bytes"] > 0 and "collector_cpu_ns" in info
		assert 0 < info["walked_tracebacks"] <= info["walked_frames"]
	EOF
}

@test "info: --errors leaves only what is damaged or lost" {
	run -0 memtrace info --errors plain.mtz
	[ "$output" = "Trace: plain.mtz
Complete: yes
Events not recorded: 0" ]
}

@test "info: checks every chunk: one flipped byte is found, status 3" {
	cp plain.mtz hurt.mtz
	at=$(($(stat -c %s plain.mtz) / 2))
	byte=$(od -An -tu1 -j $at -N 1 plain.mtz)
	printf "\\x$(printf %x $((byte ^ 255)))" | dd of=hurt.mtz bs=1 seek=$at conv=notrunc status=none
	run -3 --separate-stderr memtrace info --json hurt.mtz
	[[ $stderr == "memtrace info: hurt.mtz: "*" byte "* ]]
	python3 -c 'import json, sys; assert json.loads(sys.argv[1])["incomplete"]' "$output"
}

@test "info: a missing file: status 3" {
	run -3 --separate-stderr memtrace info nowhere.mtz
	[ -z "$output" ]
	[[ $stderr == "memtrace info: nowhere.mtz: "* ]]
}

@test "info: a hole of a terabyte is passed over, and what follows it is read" {
	memtrace run -q -o whole.mtz -- true
	cp whole.mtz holed.mtz
	truncate -s 1T holed.mtz 2>/dev/null || skip "no file of this size here"
	head -c 100 whole.mtz >>holed.mtz
	run -3 timeout 300 memtrace info holed.mtz
	[[ $output == *"are left out"* ]]
}

@test "info: is of a whole trace, not of a snapshot; an empty name is said to be one" {
	memtrace run -q -o a.mtz true
	run -2 memtrace info a.mtz@peak
	[[ $output == "memtrace info: a.mtz@peak: it tells of a whole trace: memtrace info a.mtz"* ]]
	run -3 memtrace top ''
	[ "$output" = "memtrace top: the name of the trace is empty" ]
}
