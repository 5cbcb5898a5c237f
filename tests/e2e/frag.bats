#!/usr/bin/env bats
# memtrace frag: what is lost, to whom, and what would have to go.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	local memtrace=$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace
	cp "$BATS_TEST_DIRNAME/../programs/"{places,threads-come-and-go}.c .
	${CC:-cc} -std=gnu11 -g -O1 -fno-builtin -I "$BATS_TEST_DIRNAME/../../preload" places.c -o places
	${CC:-cc} -std=gnu11 -g -O1 -fno-builtin -pthread threads-come-and-go.c -o threads
	"$memtrace" run -q -o plain.mtz -- ./places >/dev/null
	"$memtrace" run -q -o both.mtz -- ./places both >/dev/null
	"$memtrace" run -q -o threads.mtz -- ./threads >/dev/null
	"$memtrace" run -q -o malloc.mtz --malloc malloc -- ./places >/dev/null
}

prepare() {
	cd "$BATS_FILE_TMPDIR" || return
	cat >helpers.py <<-'EOF'
		import json, re, subprocess, sys
		def ask(command, trace, *options):
		    return json.loads(subprocess.run(
		        ["memtrace", command, "--json", *options, trace], check=True,
		        stdout=subprocess.PIPE).stdout)
		def line_of(marker):
		    for number, line in enumerate(open("places.c"), 1):
		        if f"/* {marker} */" in line:
		            return number
		def row_of(rows, marker, **keys):
		    found = [r for r in rows if r["line"] == line_of(marker)
		             and all(r[k] == v for k, v in keys.items())]
		    assert len(found) == 1, found
		    return found[0]
	EOF
}

@test "frag: names the blocks that pin arenas, cheapest first" {
	run -0 memtrace frag plain.mtz@pinned
	pins=$(grep -n '/\* pins \*/' places.c | cut -d: -f1)
	[[ $output == *"
  free these 2 blocks from places.c:$pins, and 2048 KiB in 2 arenas can go back
"* ]]
	other=$(grep -n '/\* other \*/' places.c | cut -d: -f1)
	[[ $output == *"
  free 1 block from places.c:$pins and 1 block from places.c:$other, and 1024 KiB in 1 arena can go back
"* || $output == *"
  free 1 block from places.c:$other and 1 block from places.c:$pins, and 1024 KiB in 1 arena can go back
"* ]]
}

@test "frag: what it says is true: once the blocks are freed, the arenas go back" {
	python3 - <<-'EOF'
		from helpers import *
		before, after = (ask("stats", f"both.mtz@{s}")["arenas"] for s in ("pinned", "followed"))
		pinned = [p for p in ask("frag", "both.mtz@pinned", "-n", "0")["pinned"]
		          if {h["line"] for h in p["holders"]} <= {line_of("pins"), line_of("other")}
		          and p["arenas"]]
		assert sum(p["arenas"] for p in pinned) == 3 and sum(p["blocks"] for p in pinned) == 4
		assert after["reclaimed"] - before["reclaimed"] == 3, (before, after)
	EOF
}

@test "frag: the arena that the allocator keeps is not promised" {
	cp "$BATS_TEST_DIRNAME/../programs/keeps-one.c" .
	${CC:-cc} -std=gnu11 -g -O1 -fno-builtin -I "$BATS_TEST_DIRNAME/../../preload" \
		keeps-one.c -o keeps-one
	for n in 1 3; do
		memtrace run -q --force -o keeps$n.mtz -- ./keeps-one $n
	done
	python3 - <<-'EOF'
		from helpers import *
		for n in 1, 3:
		    trace = f"keeps{n}.mtz"
		    before, after = (ask("stats", f"{trace}@{s}")["arenas"]
		                     for s in ("pinned", "followed"))
		    frag = ask("frag", f"{trace}@pinned")
		    pins = [p for p in frag["pinned"] if p["arenas"]]
		    assert before["current"] == n and not frag["arenas"]["wholly_free"], frag
		    assert [(p["arenas"], p["kept_arenas"]) for p in pins] == [(n, 1)], pins
		    assert after["reclaimed"] - before["reclaimed"] == n - 1
		    assert ask("frag", f"{trace}@followed")["arenas"]["wholly_free"] == 1
	EOF
	line=$(grep -n '/\* stays \*/' keeps-one.c | cut -d: -f1)
	run -0 memtrace frag keeps1.mtz@pinned
	[[ $output == *"
  free this 1 block from keeps-one.c:$line, and 1024 KiB in 1 arena is free, and kept: the allocator keeps one
"* ]]
	run -0 memtrace frag keeps3.mtz@pinned
	[[ $output == *"
  free these 3 blocks from keeps-one.c:$line, and 2048 KiB in 2 of 3 arenas can go back: the allocator keeps one
"* ]]
}

@test "frag: what the C library has at the end of its heap is lost to nobody" {
	python3 - <<-'EOF'
		from helpers import *
		for trace in "malloc.mtz@pinned", "plain.mtz@full":
		    frag, stats = ask("frag", trace, "-n", "0"), ask("stats", trace)
		    of = {l["name"]: l["bytes"] for l in stats["layers"] if l["layer"] == 0}
		    assert frag["lost"]["beneath_bytes"] == of["free below blocks"]
		    assert frag["c_library"]["end_bytes"] == of["free above the last"] > 0
		    assert not [l for l in frag["losses"] if l["nobody"] and l["beneath_bytes"]]
	EOF
	run -0 memtrace frag malloc.mtz@pinned
	[[ $output =~ "besides, "[0-9.]+" "[KM]iB" at the end of the C library's heaps: not used yet, or ready again" ]]
}

@test "frag: losses add up to those of stats, and belong to call sites" {
	python3 - <<-'EOF'
		from helpers import *
		for snapshot in "full", "pinned", "followed", "exit", "start":
		    stats, frag = (ask(c, f"both.mtz@{snapshot}", *o) for c, o in
		                   (("stats", ()), ("frag", ("-n", "0"))))
		    lost, rows = frag["lost"], frag["losses"]
		    for name in "rounding_bytes", "free_bytes", "empty_bytes", "beneath_bytes":
		        # Beneath is null where the kernel was not asked.
		        assert sum(r[name] for r in rows) == (lost[name] or 0), name
		    assert lost["free_bytes"] == stats["bytes"]["available"]
		    assert lost["empty_bytes"] == stats["bytes"]["unused_pools"]
		    ready = [l["count"] for l in stats["layers"] if l["name"] == "arenas kept ready"]
		    assert (frag["arenas"]["ready"] or 0) == sum(ready)
		    rounding = sum(c["size"] * c["blocks_in_use"] - c["requested_bytes"]
		                   for c in stats["classes"])
		    rounding += stats["large"]["block_bytes"] - stats["large"]["requested_bytes"]
		    assert lost["rounding_bytes"] == rounding
		rows = ask("frag", "both.mtz@pinned", "-n", "0")["losses"]
		assert row_of(rows, "small")["rounding_bytes"] == 1000 * 12
		assert row_of(rows, "border")["rounding_bytes"] == 400 * 15
		# Two arenas with a pool each, and a share of the third.
		pins = row_of(rows, "pins")
		pools = 63 * 2 * 16384 + 62 * 16384 // 2
		assert pins["empty_bytes"] == pools, (pins, pools)
		assert pins["free_bytes"] == 3 * 30 * 512
	EOF
}

@test "frag: the border list says what one class down would save" {
	python3 - <<-'EOF'
		from helpers import *
		rows = ask("frag", "plain.mtz@pinned", "-n", "0")["borders"]
		border = row_of(rows, "border")
		assert (border["class_bytes"], border["count"], border["excess_bytes"],
		        border["saving_bytes"]) == (80, 400, 1, 400 * 16), border
		large = row_of(rows, "large")
		assert (large["class_bytes"], large["count"], large["excess_bytes"],
		        large["saving_bytes"]) == (0, 50, 8, 50 * 32), large
		small = row_of(rows, "small")
		assert (small["class_bytes"], small["excess_bytes"]) == (32, 4), small
		# Half a kibibyte misses nothing.
		assert not [r for r in rows if r["line"] == line_of("pins")]
	EOF
}

@test "frag: of a run --leaks the borders are those of the program without its spare bytes" {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	cat >sizes.c <<-'END'
		#include <stdlib.h>
		static void *kept[7][50];
		int main(void)
		{
			static const size_t sizes[] = {20, 63, 64, 65, 512, 513, 520};
			for (int i = 0; i < 7; i++)
				for (int k = 0; k < 50; k++)
					kept[i][k] = malloc(sizes[i]);
			return 0;
		}
	END
	${CC:-cc} -g -O0 sizes.c -o sizes
	memtrace run -q -o sizes.mtz -- ./sizes
	memtrace run -q --leaks -o leaks.mtz -- ./sizes
	python3 - <<-'EOF'
		from helpers import *
		plain, leaks = ([(r["class_bytes"], r["count"], r["excess_bytes"])
		                 for r in ask("frag", f"{t}.mtz", "-n", "0")["borders"]
		                 if (r["file"] or "").endswith("/sizes.c")] for t in ("sizes", "leaks"))
		assert sorted(plain) == [(0, 100, 8), (32, 50, 4), (80, 50, 1)], plain
		assert leaks == plain, leaks
	EOF
}

@test "frag: the map has a cell for every pool, the same in text and in JSON" {
	LC_ALL=C memtrace frag -n 0 plain.mtz@full | sed -n '/^Arenas/,$p' >ascii
	LC_ALL=C.UTF-8 memtrace frag -n 0 plain.mtz@full | sed -n '/^Arenas/,$p' >blocks
	[ "$(tr '.x+#-' '_____' <ascii | wc -l)" = "$(wc -l <blocks)" ]
	python3 - <<-'EOF'
		from helpers import *
		pools = ask("frag", "plain.mtz@full")["map"]
		cells = {(p["arena"], p["pool"]): (p["used"] or 0, p["capacity"] or 0) for p in pools}
		def shade(used, capacity):
		    if not used: return "."
		    return "#" if used == capacity else "-+x"[used * 3 // capacity]
		for name, shades in ("ascii", " .-+x#"), ("blocks", " ·░▒▓█"):
		    lines = [l for l in open(name) if re.match(r" *\d+ \|", l)]
		    assert len(lines) == len({a for a, _ in cells}) >= 12
		    for line in lines:
		        arena, row = int(line.split("|")[0]), line.split("|")[1]
		        assert len(row) == 64
		        for pool, cell in enumerate(row):
		            here = cells.get((arena, pool))
		            expected = " .-+x#".index(shade(*here)) if here else 0
		            assert cell == shades[expected], (arena, pool, cell, here)
		assert sum(p["capacity"] == p["used"] for p in pools) >= 12 * 64 - 2
	EOF
	for name in ascii blocks; do
		run -0 python3 -c 'import sys; print(max(len(l.rstrip("\n")) for l in sys.stdin))' <"$name"
		[ "$output" -lt 80 ] # a terminal of 80 columns does not break the lines
	done
}

@test "frag: arenas that another thread emptied go back when their own allocates more" {
	cp "$BATS_TEST_DIRNAME/../programs/frees-from-afar.c" .
	${CC:-cc} -std=gnu11 -g -O1 -fno-builtin -I "$BATS_TEST_DIRNAME/../../preload" \
		frees-from-afar.c -o frees-from-afar -pthread
	memtrace run -q -o afar.mtz -- ./frees-from-afar
	run -0 memtrace frag afar.mtz@emptied
	[[ $output =~ "  "([0-9]+)" arenas are wholly free: the allocator keeps one, the others go \
back when their threads allocate more" ]]
	[ "${BASH_REMATCH[1]}" -ge 9 ]
	[ "$(memtrace frag --json afar.mtz@more | jq .arenas.wholly_free)" -le 1 ]
	run -0 memtrace frag afar.mtz@more
	[[ $output != *"the others"* ]]
}

@test "frag: -n limits the lists and says how many more there are" {
	run -0 memtrace frag -n 1 plain.mtz@pinned
	[[ $output == *"  and "*" more"* ]]
	python3 - <<-'EOF'
		from helpers import *
		few, all = ask("frag", "plain.mtz@pinned", "-n", "1"), ask("frag", "plain.mtz@pinned", "-n", "0")
		for name in "losses", "pinned", "borders":
		    assert len(few[name]) == 1
		    assert len(few[name]) + few["omitted"][name] == len(all[name])
		assert few["lost"] == all["lost"] and few["map"] == all["map"]
	EOF
}

@test "frag: at @peak and on periodic snapshots: usage, and what is missing" {
	run -2 memtrace frag plain.mtz@peak
	[[ $output == "memtrace frag: frag cannot be answered at @peak"* ]]
	memtrace run -q --snapshot-every 1MiB -o periodic.mtz -- ./places >/dev/null
	memtrace info --json periodic.mtz >info.json
	index=$(python3 -c 'import json
print([s["index"] for s in json.load(open("info.json"))["snapshots"] if s["kind"] == "periodic"][0])' || true)
	[ -z "$index" ] || run -3 memtrace frag "periodic.mtz@$index"
}

@test "frag: with threads, and without a heap of our own" {
	python3 - <<-'EOF'
		from helpers import *
		for trace in "threads.mtz", "malloc.mtz":
		    frag, stats = ask("frag", trace, "-n", "0"), ask("stats", trace)
		    assert frag["lost"]["free_bytes"] == stats["bytes"]["available"]
		    assert frag["lost"]["empty_bytes"] == stats["bytes"]["unused_pools"]
		assert not frag["map"] and not frag["pinned"]
		assert frag["lost"]["beneath_bytes"] > 0
	EOF
}

@test "frag: damaged traces are survived, by stats too; what they print is whole" {
	size=$(stat -c %s plain.mtz)
	for ((at = 64; at < size; at += 149)); do
		cp plain.mtz hurt.mtz
		printf '\xa5' | dd of=hurt.mtz bs=1 seek=$at conv=notrunc status=none
		for command in stats frag; do
			status=0
			timeout 300 memtrace $command --json hurt.mtz >hurt.json 2>/dev/null || status=$?
			[[ $status == [03] ]]
			cat hurt.json >>all.json
		done
	done
	# An answer is a line.
	python3 - <<-'END'
		import json
		assert len([json.loads(line) for line in open("all.json")]) > 10
	END
}

@test "frag: what lies beneath is null, not nothing, where the kernel was not asked" {
	memtrace run -q -o brief.mtz -- jq -n 1
	memtrace stats brief.mtz >stats.txt
	known=$(grep -c "The kernel's figures are not in this snapshot" stats.txt) || true
	case $known in
	1) memtrace frag --json brief.mtz | grep -q '"beneath_bytes":null' ;;
	0) memtrace frag --json brief.mtz | grep -q '"beneath_bytes":[0-9]' ;;
	esac
}

@test "frag, stats: freed blocks in the quarantine are lost to their own line, and all adds up" {
	cp "$BATS_TEST_DIRNAME/../programs/quarantine.c" .
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O0 -fno-builtin quarantine.c -o quarantine
	for mode in debug malloc_debug; do
		memtrace run -q --force -o $mode.mtz --malloc $mode -- ./quarantine
	done
	MEMTRACE_GEOMETRY=classic memtrace run -q --force -o classic-debug.mtz --malloc debug -- \
		./quarantine
	rm -f forked.mtz*
	memtrace run -q -o forked.mtz --malloc debug -- ./quarantine fork
	python3 - <<-'EOF'
		from helpers import *
		def of(trace):
		    frag, stats = ask("frag", trace, "-n", "0"), ask("stats", trace)
		    sites = {(l["line"], l["nobody"]): l["waiting_bytes"] for l in frag["losses"]}
		    assert frag["lost"]["free_bytes"] == stats["bytes"]["available"]
		    assert frag["lost"]["empty_bytes"] == stats["bytes"]["unused_pools"]
		    assert sum(sites.values()) == frag["lost"]["waiting_bytes"]
		    return frag, stats, sites
		made = next(i for i, line in enumerate(open("quarantine.c"), 1) if "/* made */" in line)
		large = 50 * (5000 + 32 + 16 + 8)
		for trace in "debug.mtz", "classic-debug.mtz":
		    frag, stats, sites = of(trace)
		    small = sum(c["size"] * c["waiting"] for c in stats["classes"])
		    assert sum(c["waiting"] for c in stats["classes"]) == 1000
		    assert sites[made, False] == frag["lost"]["waiting_bytes"] >= small + large
		    assert sum(c["requested_bytes"] for c in stats["classes"]) == 3000
		    waiting = [(l["layer"], l["count"]) for l in stats["layers"]
		               if l["name"] == "waiting in quarantine"]
		    assert waiting in ([(0, 50), (2, 1000)], [(2, 1000)]), waiting
		    assert all(p["used"] or not p["class_bytes"] for p in frag["map"])
		frag, stats, sites = of("malloc_debug.mtz")
		assert sites[made, False] > large
		frag, stats, sites = of("forked.mtz.1")
		assert sites[made, False] > 0 and sites[0, False] >= 1000 * 132
	EOF
	memtrace frag debug.mtz | grep -q '^  freed, but waiting in quarantine  *[0-9]'
	memtrace frag plain.mtz >text
	! grep -qE 'quarantine|waiting' text
}

@test "frag: one arena is an arena" {
	memtrace frag debug.mtz | grep -q ' in 1 arena$'
}
