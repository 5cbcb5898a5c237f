#!/usr/bin/env bats
# memtrace stats: the allocator's figures in CPython's layout, and the layers around it.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	local memtrace=$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace
	cp "$BATS_TEST_DIRNAME/../programs/"{places,waits}.c .
	${CC:-cc} -std=gnu11 -g -O1 -fno-builtin -I "$BATS_TEST_DIRNAME/../../preload" places.c -o places
	"$memtrace" run -q -o plain.mtz -- ./places >/dev/null
	"$memtrace" run -q -o classic.mtz --geometry classic -- ./places >/dev/null
	"$memtrace" run -q -o malloc.mtz --malloc malloc -- ./places >/dev/null
}

prepare() {
	cd "$BATS_FILE_TMPDIR" || return
}

# In the file's directory no test must read what another program said.
begin_anew() {
	rm -f in out
	mkfifo in
	: >out
}

# The layout of the figures of JSON, written down from its description alone.
layout() {
	memtrace stats --json "$1" >figures.json
	python3 - <<-'EOF'
		import json
		j = json.load(open("figures.json"))
		g, a, b = j["geometry"], j["arenas"], j["bytes"]
		pool, arena = g["pool_bytes"], g["arena_bytes"]
		def total(label, value):
		    print(f"{label:<35}={value:>21,}")
		print("Small block threshold = %d, in %d size classes.\n"
		      % (g["threshold"], g["threshold"] // g["alignment"]))
		print("class   size   num pools   blocks in use  avail blocks")
		print("-----   ----   ---------   -------------  ------------")
		for c in j["classes"]:
		    assert ((pool - 48) // c["size"] * c["pools"]
		            == c["blocks_in_use"] + c["waiting"] + c["blocks_available"]), c
		    print("%5u %6u %11u %15u %13u" % (c["index"], c["size"], c["pools"],
		                                      c["blocks_in_use"], c["blocks_available"]))
		print()
		total("# arenas allocated total", a["allocated_total"])
		total("# arenas reclaimed", a["reclaimed"])
		total("# arenas highwater mark", a["highwater"])
		total("# arenas allocated current", a["current"])
		total("%d arenas * %d bytes/arena" % (a["current"], arena), a["current"] * arena)
		print()
		total("# bytes in allocated blocks", b["in_use"])
		total("# bytes in available blocks", b["available"])
		total("%d unused pools * %d bytes" % (b["unused_pools"] // pool, pool),
		      b["unused_pools"])
		total("# bytes lost to pool headers", b["pool_headers"])
		total("# bytes lost to quantization", b["quantization"])
		total("# bytes lost to arena alignment", b["arena_alignment"])
		if b["waiting"]:
		    total("# bytes waiting in quarantine", b["waiting"])
		total("Total", sum(b.values()))
		print()
		assert sum(b.values()) == a["current"] * arena
	EOF
}

@test "stats: the first part is CPython's layout to the byte, and adds up" {
	for name in plain.mtz@full plain.mtz@pinned plain.mtz classic.mtz; do
		layout $name >expected
		memtrace stats $name >got
		cmp <(head -c "$(stat -c %s expected)" got) expected
		! grep -n ' $' expected
	done
}

@test "stats: blocks in quarantine are neither in use nor available" {
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O0 -fno-builtin \
		"$BATS_TEST_DIRNAME/../programs/quarantine.c" -o quarantine
	memtrace run -q --force --snapshot-every 20ms -o debug.mtz --malloc debug -- ./quarantine
	layout debug.mtz >expected
	memtrace stats debug.mtz >got
	cmp <(head -c "$(stat -c %s expected)" got) expected
	grep -q '^# bytes waiting in quarantine  ' expected
	# Ten blocks of 300 and 32 bytes around them; all 1000 of 100 were freed.
	jq -e '[.classes[] | select(.size == 336) | .blocks_in_use, .waiting] == [10, 0]' figures.json
	jq -e '[.classes[] | select(.size == 144) | .blocks_in_use, .waiting] == [0, 1000]' figures.json
	! grep '^class 144 ' got
	grep -Eq '^class 336 +10 +3,000 ' got
	index=$(memtrace info --json debug.mtz |
		jq '[.snapshots[] | select(.kind == "periodic").index][-1]')
	memtrace stats --json "debug.mtz@$index" |
		jq -e '[.classes[] | select(.size == 144) | .blocks_in_use, .waiting] == [0, 1000]'
}

@test "stats: counts blocks, pools and arenas of a program with known ones" {
	python3 - <<-'EOF'
		import json, subprocess
		def stats(name):
		    return json.loads(subprocess.run(["memtrace", "stats", "--json", name],
		                                     check=True, stdout=subprocess.PIPE).stdout)
		def of(s, size):
		    return [c for c in s["classes"] if c["size"] == size][0]
		start, full, pinned = (stats("plain.mtz@" + s) for s in ("start", "full", "pinned"))
		assert of(full, 512)["blocks_in_use"] == 12 * 64 * 31
		assert of(full, 512)["pools"] == 12 * 64
		assert full["arenas"]["current"] in (12, 13)
		assert of(pinned, 512) == {"index": 31, "size": 512, "pools": 3, "blocks_in_use": 3,
		                           "blocks_available": 90, "requested_bytes": 1536,
		                           "inherited": 0, "waiting": 0}
		assert of(pinned, 32)["requested_bytes"] >= 20000
		assert of(pinned, 80)["blocks_in_use"] >= 400
		assert pinned["arenas"]["highwater"] == full["arenas"]["current"]
		assert pinned["arenas"]["reclaimed"] > 0
		assert pinned["large"]["blocks"] - start["large"]["blocks"] == 50
		assert pinned["large"]["requested_bytes"] - start["large"]["requested_bytes"] == 50 * 520
		assert pinned["large"]["block_bytes"] - start["large"]["block_bytes"] == 50 * 544
		classic = stats("classic.mtz@full")
		assert classic["geometry"] == {"alignment": 8, "pool_bytes": 4096,
		                               "arena_bytes": 262144, "threshold": 512}
		# Seven blocks of 512 fit a pool of 4 KiB.
		assert of(classic, 512)["pools"] == (12 * 64 * 31 + 6) // 7
	EOF
}

@test "stats: the layers are the kernel's, and what is left over is shown" {
	python3 - <<-'EOF'
		import json, subprocess
		s = json.loads(subprocess.run(["memtrace", "stats", "--json", "plain.mtz@full"],
		                              check=True, stdout=subprocess.PIPE).stdout)
		layers = s["layers"]
		one = lambda layer, name: [l for l in layers if (l["layer"], l["name"]) == (layer, name)][0]
		whole, parts = one(-2, "process"), [l for l in layers if l["layer"] == -1]
		for key in "count", "bytes", "resident_bytes", "swapped_bytes":
		    assert sum(p[key] for p in parts) == whole[key], key
		rest = one(-1, "not explained")
		assert rest["remainder"] and abs(rest["bytes"]) <= 1 << 20, rest
		# Arenas become writable by huge pages, two at a time.
		ahead = one(-1, "small-object heap")["bytes"] - (s["arenas"]["current"] << 20)
		assert 0 <= ahead < 2 << 20, ahead
		assert one(2, "not explained")["bytes"] == 0
		if ahead:
		    assert one(2, "arenas kept ready")["bytes"] == ahead
		# All blocks were written to.
		assert one(2, "arenas")["resident_bytes"] >= 12 * 64 * 31 * 512
		below = [l for l in layers if l["layer"] == 0]
		assert sum(l["bytes"] for l in below[1:]) == below[0]["bytes"]
		tracked = json.loads(subprocess.run(["memtrace", "stats", "--json", "plain.mtz@pinned"],
		                                    check=True, stdout=subprocess.PIPE).stdout)
		domain = [l for l in tracked["layers"] if l["layer"] == 3]
		assert [(l["name"], l["count"], l["bytes"]) for l in domain] == \
		    [("domain 7", 1, 12 * 64 * 31 * 8)]
	EOF
}

@test "stats: without a heap of our own there is no first part" {
	run -0 memtrace stats malloc.mtz@full
	[[ $output != *"Small block threshold"* ]]
	[[ $output == *"C library "* ]]
	python3 - <<-'EOF'
		import json, subprocess
		s = json.loads(subprocess.run(["memtrace", "stats", "--json", "malloc.mtz@full"],
		                              check=True, stdout=subprocess.PIPE).stdout)
		assert s["classes"] == [] and s["arenas"]["current"] == 0
		assert s["large"]["blocks"] >= 12 * 64 * 31
		assert s["large"]["block_bytes"] >= 12 * 64 * 31 * 528
	EOF
}

@test "stats: guarded blocks have a line of their own, and the C library's add up" {
	memtrace run -q --force --malloc guard -o guard.mtz -- ./places >/dev/null
	memtrace stats --json guard.mtz@pinned | jq -e '
		def line($layer; $name): .layers[] | select(.layer == $layer and .name == $name);
		.guarded.blocks > 100 and .guarded.block_bytes >= 4096 * .guarded.blocks and
		line(-1; "guarded blocks'"'"' pages").bytes == .guarded.block_bytes and
		line(2; "guarded blocks").bytes == .guarded.block_bytes and
		line(2; "requested in guarded").bytes == .guarded.requested_bytes and
		.large.blocks == line(1; "requests to the C library").count and
		all(.layers[] | select(.remainder and .layer >= 0); .bytes == 0)'
	memtrace stats guard.mtz@pinned | grep -Eq '^guarded +[0-9,]+ +[0-9,]+ +[0-9,]+ '
	! memtrace stats plain.mtz | grep guarded
}

@test "stats: of a forked child, all that it inherited is in the total" {
	cat >child.c <<-'EOF'
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>
		int main(void)
		{
			static void *volatile blocks[102];
			for (int i = 0; i < 100; i++)
				blocks[i] = malloc(100);
			blocks[100] = malloc(5000);
			blocks[101] = malloc(200000);
			if (fork() == 0) {
				free(blocks[0]);
				blocks[0] = malloc(3000);
				exit(0);
			}
			wait(NULL);
		}
	EOF
	${CC:-cc} -g -O0 child.c -o child
	for mode in pymalloc malloc debug guard; do
		memtrace run -q --force -o child.mtz --malloc $mode -- ./child
		memtrace stats child.mtz.1 >got
		blocks=$(memtrace top --json child.mtz.1 | jq .totals.count)
		[ "$blocks" -eq 102 ]
		grep -Eq "^Total +$blocks " got
		small=$(memtrace stats --json child.mtz.1 | jq '[.classes[].inherited] | add // 0')
		memtrace stats --json child.mtz.1 | jq -e ".inherited.blocks == 101 - $small"
		grep -Eq "^inherited +$((101 - small)) +[0-9,]+ +[0-9,]+ +0\$" got
		! memtrace stats child.mtz | grep '^inherited'
		memtrace stats --json child.mtz | jq -e '.inherited == {blocks: 0, requested_bytes: 0}'
	done
}

@test "stats: of a running program, by memtrace snapshot" {
	${CC:-cc} -std=gnu11 -g -O1 -fno-builtin waits.c -o waits
	begin_anew
	memtrace run -q -o running.mtz -- ./waits <in >out 9>&- &
	exec 9>in
	until grep -q ready out; do kill -0 $!; done
	memtrace snapshot --label now "$(pgrep -P $! -x waits)"
	memtrace stats running.mtz@now >got
	exec 9>&-
	wait $!
	# Two pools of class 32 have room for 1020 blocks.
	grep -Ex ' +1 +32 +2 +10[0-9][0-9] +[0-9]+' got
}

@test "stats: of a program at work the kernel's figures add up" {
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 "$BATS_TEST_DIRNAME/../programs/churns.c" \
		-o churns -pthread
	begin_anew
	memtrace run -q --force -o churns.mtz -- ./churns <in >out 9>&- &
	exec 9>in
	until grep -q ready out; do kill -0 $!; done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		memtrace snapshot --label "s$i" "$(pgrep -P $! -x churns)"
	done
	exec 9>&-
	wait $!
	# What came or went while they were read explains what does not add up.
	explained=0
	for i in 1 2 3 4 5 6 7 8 9 10; do
		memtrace stats --json "churns.mtz@s$i" | jq -e '.layers[] |
			select(.remainder and .layer == -1) |
			.bytes == 0 and .resident_bytes == 0' && explained=$((explained + 1))
	done
	[ $explained -ge 8 ]
}

@test "stats: @peak is a usage error that says so; other snapshots are missing" {
	run -2 memtrace stats plain.mtz@peak
	[[ $output == "memtrace stats: stats cannot be answered at @peak"* ]]
	run -3 memtrace stats plain.mtz@nothing
	run -2 memtrace stats
}

@test "stats: of a Python program, in place of what the interpreter then does not know" {
	python=$(python3 -c 'import sys; print(sys.executable)')
	cat >asks.py <<-'END'
		import sys
		print(sys.getallocatedblocks() > 0)
		sys._debugmallocstats()
	END
	memtrace run -q --force -o ours.mtz -- "$python" asks.py >ours 2>ours.stats
	[ "$(cat ours)" = False ]
	run -1 grep -q 'arenas allocated' ours.stats
	grep -q 'free PyDictObjects' ours.stats
	grep -q 'arenas allocated current' <(memtrace stats ours.mtz)
	memtrace run -q --force -o own.mtz --python-malloc own -- "$python" asks.py >own 2>own.stats
	[ "$(cat own)" = True ]
	grep -q 'arenas allocated current' own.stats
}

@test "stats: of a program that was killed figures of two moments are not subtracted" {
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O0 -fno-builtin \
		"$BATS_TEST_DIRNAME/../programs/quarantine.c" -o quarantine
	begin_anew
	memtrace run -q --force -o killed.mtz -- ./quarantine killed <in >out 9>&- &
	exec 9>in
	until grep -q ready out; do kill -0 $!; done
	memtrace snapshot --label before "$(pgrep -P $! -x quarantine)"
	exec 9>&-
	wait $! || [ $? = 137 ]
	memtrace stats --json killed.mtz@before | jq -e '.layers_are_earlier == false'
	memtrace stats --json killed.mtz | jq -e '.layers_are_earlier and
		([.layers[] | select(.remainder and .layer >= 0).bytes] | unique == [null])'
	memtrace stats killed.mtz >killed.txt
	grep -Eq '^ +not explained +not known' killed.txt
	grep -q 'what lies between them cannot be added up' killed.txt
	! grep -q -- 'explained .* -[0-9]' killed.txt
	memtrace frag killed.mtz | grep -q "as the kernel's mappings were in second"
	memtrace run -q --force -o ended.mtz -- ./quarantine
	memtrace stats --json ended.mtz | jq -e '.layers_are_earlier == false and
		([.layers[] | select(.remainder).bytes] | all(. == 0))'
}
