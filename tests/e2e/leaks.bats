#!/usr/bin/env bats
# memtrace leaks, why and dup over programs whose leaks are known, and what top, diff and
# the gate make of a scan.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	[ "$BUILD" != build/asan ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	local programs=$BATS_TEST_DIRNAME/../programs/leaks level name
	local flags="-Wall -Wextra -g -fno-builtin -pthread"
	cp "$programs"/*.[ch] "$programs"/*.cc .
	${CC:-cc} -std=gnu11 $flags -O1 -shared -fPIC plugin.c -o plugin.so
	${CC:-cc} -std=gnu11 $flags -O1 cache.c -o cache
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE $flags -O1 workers.c -o workers -ldl
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE $flags -O1 keeper.c -o keeper
	${CC:-cc} -std=gnu11 $flags -O1 waiter.c -o waiter
	for level in 0 2; do
		for name in lost held child; do
			${CC:-cc} -std=gnu11 $flags -O$level $name.c -o $name-c$level -ldl
		done
		${CXX:-c++} $flags -O$level objects.cc -o objects-cc$level
	done
	"$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace" run -q --leaks --dup -o cache.mtz \
		-- ./cache lose >address
	"$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace" run -q --leaks -o whole.mtz -- ./cache >/dev/null
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	cd "$BATS_FILE_TMPDIR" || return
}

line_of() {
	grep -n "/\* $2 \*/" "$1" | cut -d: -f1
}

@test "leaks: text leads from the definite block to what is lost with it" {
	memtrace run -q --leaks -o list.mtz -- ./lost-c2 list
	run -0 --separate-stderr memtrace leaks list.mtz
	[[ ${lines[0]} == "Scanned at the end, "*": paused "* ]]
	[ "${lines[1]}" = "Definite:  16 B in 1 block" ]
	[ "${lines[2]}" = "Indirect:  1584 B in 99 blocks" ]
	node=$(line_of lost.c node)
	[[ $output == *"definite lost.c:$node: size=16 B, count=1, average=16 B, leads to 1584 B in 99 blocks"* ]]
	[[ $output == *"  indirect lost.c:$node: size=1584 B, count=99, average=16 B, references=99"* ]]
	[[ $output == *"    lost.c:$node (story_node)"* ]]
}

@test "leaks: a cycle shows its members and the pointers that close it" {
	memtrace run -q --leaks -o cycle.mtz -- ./lost-c2 cycle-2
	run -0 memtrace leaks cycle.mtz
	node=$(line_of lost.c node)
	[[ $output == *"cycle of 32 B in 2 blocks"* ]]
	for by in lineno function module type domain; do
		run -0 memtrace leaks --by "$by" cycle.mtz
		[[ $output == *"cycle of 32 B in 2 blocks"*"leads to "*lost.c:* ]]
	done
	[[ $output == *"  1 block of 16 B, +0 leads to lost.c:$node"* ]]
	memtrace leaks --json cycle.mtz | jq -e --argjson node "$node" '
		(.cycles | length > 0 and all(.offset == 0 and .traceback[-1].line == $node
			and .to[-1].line == $node and .each == {"size":32,"count":2})) and
		([.members[].address] | unique) == ([.cycles[].address] | sort) and
		([.cycles[].to_address] | unique) == ([.members[].address] | sort)'
	memtrace run -q --force --leaks -o cycle.mtz -- ./lost-c2 cycle-1000
	memtrace leaks --json cycle.mtz | jq -e '(.members | length) == 10 and
		([.cycles[].pointers] | add) == 1000'
	memtrace leaks --json -n 0 cycle.mtz | jq -e '([.members[].address] | unique | length) == 1000'
}

@test "leaks: blocks of a cycle that read alike are shown once, from the user's frame on" {
	memtrace run -q --force --leaks -o alike.mtz -- ./lost-c0 cycle-1000
	run -0 memtrace leaks alike.mtz
	cycle=${output#*$'\n'cycle of }
	node=$(line_of lost.c node)
	[ "$(grep -c "^  [0-9]* blocks\? of 16 B, +0 leads to lost.c:$node$" <<<"$cycle")" = 2 ]
	[[ $cycle == *"  999 blocks of 16 B, +0 leads to lost.c:$node"* ]]
	memtrace run -q --force --leaks -o alike.mtz -- ./objects-cc0 shared-cycle-in-four
	run -0 memtrace leaks alike.mtz
	cycle=${output#*$'\n'cycle of }
	[[ $cycle == *"  2 blocks of 24 B, +16 leads to objects.cc:"* ]]
	[[ $output == *shared_ptr* && $cycle != *shared_ptr* ]]
	[ "$(grep -c "^      objects.cc:[0-9]* (story_shared_cycle_in_four())" <<<"$cycle")" = 2 ]
	[[ $(memtrace leaks --raw-frames alike.mtz | sed -n '/^cycle/,$p') == *shared_ptr* ]]
}

@test "leaks: a member of a cycle appears once, with all its pointers" {
	memtrace run -q --leaks -o shared.mtz -- ./objects-cc0 shared-cycle
	run -0 memtrace leaks shared.mtz
	[[ $output == *"cycle of 144 B in 2 blocks"* ]]
	[ "$(grep -c "^  1 block of 72 B, +16 and +24 lead to .*objects.cc:[0-9]*$" <<<"$output")" = 2 ]
	memtrace leaks --json shared.mtz | jq -e '(.members | length) == 2 and
		(.members[0].address != .members[1].address) and
		(.cycles | length) == 4 and all(.cycles[]; .address != .to_address) and
		all(.members[]; .size == 72 and .traceback[-1].line > 0)'
}

@test "leaks, why: of many pointers from one block to another the first, and their number" {
	memtrace run -q --force --leaks -o hub.mtz -- ./lost-c2 hub
	run -0 memtrace leaks hub.mtz
	[[ $output == *"  1 block of 80 B, +0 and 9 more lead to lost.c:$(line_of lost.c node)"$'\n'* ]]
	memtrace leaks --json hub.mtz | jq -e '.cycles | length == 11'
	address=$(memtrace leaks --json hub.mtz | jq '.members[] | select(.size == 16).address')
	run -0 memtrace why hub.mtz "$address"
	[[ $output == *": 80 B from story_block (lost.c:$(line_of lost.c lost)), +0 and 9 more lead to $(printf 0x%x "$address")" ]]
}

@test "leaks: a lost block that points to itself is a cycle of one" {
	memtrace run -q --leaks -o own.mtz -- ./lost-c2 own-cycle
	run -0 memtrace leaks own.mtz
	[[ $output == *"definite lost.c:$(line_of lost.c node): size=16 B, count=1, average=16 B, references=1"* ]]
	[[ $output == *"cycle of 16 B in 1 block"$'\n'"  1 block of 16 B, +0 leads to itself"* ]]
	memtrace leaks --json own.mtz | jq -e '.cycles | length == 1 and
		.[0].address == .[0].to_address and .[0].each.count == 1'
	memtrace run -q --leaks -o text.mtz -- ./objects-cc2 lost-short-string
	memtrace leaks --json text.mtz | jq -e '.summary.definite.count == 1 and .cycles == []'
}

@test "leaks: JSON as in the contract" {
	memtrace leaks --json cache.mtz >l.json
	jq -e '.schema == "memtrace.leaks/1" and .trace == "cache.mtz" and
		.snapshot.label == "exit" and
		(.summary | keys) == ["definite","indirect","possible","reachable"] and
		.summary.definite == {"size":56,"count":1} and
		.summary.indirect == {"size":88,"count":3} and
		.summary.reachable.count >= 825 and
		all(.rows[]; .kind and .size and .count and (.traceback | type) == "array") and
		all(.rows[] | select(.kind == "indirect"); .under == 0) and
		.rows[0].leads_to == .summary.indirect and .omitted.rows == 0 and
		.scan.pause_ns > 0 and .scan.threads == 1 and .scan.threads_missed == 0' l.json
	memtrace leaks --json -n 1 --by lineno cache.mtz |
		jq -e '.by == "lineno" and (.rows | length) == 2 and .omitted.rows == 1'
}

@test "leaks: filters and --reachable" {
	run -0 memtrace leaks --json --function no_such_function cache.mtz
	jq -e '.rows == [] and all(.summary[]; .count == 0)' <<<"$output"
	memtrace leaks --json --reachable --function new_table cache.mtz |
		jq -e '.rows | length == 1 and .[0].kind == "reachable" and .[0].size == 520'
}

@test "leaks: what would be freed with the table" {
	memtrace leaks --json --reachable --retained --by function -n 0 cache.mtz |
		jq -e '.rows[] | select(.function == "new_table") |
			.retained == {"size": (520 + 400 * 72), "count": 801}'
	memtrace top --json --metric retained --by function cache.mtz |
		jq -e '.rows[] | select(.function == "new_table") | .size == 520 + 400 * 72 and .count == 801'
}

@test "top: what rows retain overlaps, and nothing pretends to add up" {
	memtrace top --json --metric retained --by function -n 2 cache.mtz >r.json
	memtrace top --json --by function -n 0 cache.mtz >live.json
	jq -e --slurpfile live live.json '.overlap == true and .totals == $live[0].totals and
		([.rows[].size] | add) > .totals.size' r.json
	memtrace top --json --metric retained --by function -n 0 cache.mtz >all.json
	jq -e --slurpfile all all.json '([.rows[].size] | add) + .omitted.size ==
		([$all[0].rows[].size] | add) and .omitted.rows == 2' r.json
	jq -e '.overlap == null and .totals.size == ([.rows[].size] | add)' live.json
	run -0 memtrace top --metric retained --by function -n 2 cache.mtz
	[[ ${lines[-1]} == "Total: "*" in "*" blocks; 2 more rows; rows overlap, and do not add up to it" ]]
	memtrace top --json --cumulative --by function -n 1 cache.mtz | jq -e '.overlap and .omitted.size > 0'
	memtrace diff --json --metric retained --by function -n 1 cache.mtz cache.mtz | jq -e '.overlap and
		.totals.size_diff == 0 and .omitted.size_diff == 0'
}

@test "leaks: without a scan status 3 and the next step" {
	memtrace run -q --force -o plain.mtz -- ./cache >/dev/null
	for command in leaks why dup; do
		run -3 --separate-stderr memtrace $command plain.mtz
		[ -z "$output" ]
		[[ $stderr == *"memtrace $command: plain.mtz: "*"memtrace run --leaks"* ]]
	done
	run -3 --separate-stderr memtrace dup whole.mtz
	[[ $stderr == *"memtrace run --leaks --dup"* ]]
	run -2 memtrace leaks cache.mtz@peak
	run -3 memtrace top --by type plain.mtz
	run -3 memtrace top --metric retained plain.mtz
}

@test "why: groups the blocks of a line by how they are held" {
	entry=$(line_of cache.c entry)
	run -0 memtrace why --at cache.c:$entry cache.mtz
	[[ $output == *"cache.c:$entry: 22.6 KiB in 414 blocks, of these lost: 112 B in 2 blocks"* ]]
	[[ $output == *"  400 of 414 blocks are held through cache+8 "*" new_table (cache.c:$(line_of cache.c table)) "*" new_entry (cache.c:$entry), one after the other at +0"* ]]
	[[ $output == *"  12 of 414 blocks are held through others, at several places "* ]]
	[[ $output == *"  1 of 414 blocks is lost: nothing that is left points there"* ]]
	memtrace why --json --function new_entry cache.mtz | jq -e '
		.schema == "memtrace.why/1" and .rows[0].count == 414 and
		.paths[0].count == 400 and .paths[0].root == "cache+8" and
		.paths[0].root_kind == "global" and
		[.steps[] | select(.path == 0) | .function] == ["new_table", "new_entry"]'
}

@test "why: without a selection the largest call sites" {
	memtrace why --json -n 2 cache.mtz | jq -e '
		(.rows | length) == 2 and .rows[0].size >= .rows[1].size'
}

@test "why: the path of one block" {
	address=$(cat address)
	run -0 memtrace why cache.mtz "$address"
	[[ $output == *"Held through others+24"* ]]
	[[ $output == *"$address: 16 B, string of 6, references=1, retains 16 B in 1 block"* ]]
	[[ $output == *"  its pointer at +8"* ]]
	memtrace why --json cache.mtz "$address" | jq -e --argjson address $((address)) '
		.root == "others+24" and (.chain | length) == 2 and
		.chain[1].address == $address and .chain[1].pointer_offset == 8'
	run -0 memtrace why cache.mtz $((address + 3))
	run -3 memtrace why cache.mtz 16
	run -2 memtrace why cache.mtz nonsense
	run -2 memtrace why --at cache.c cache.mtz
	run -3 memtrace why --at cache.c:1 cache.mtz
}

@test "why: of a block that is lost in a cycle, or with one, the cycle and its pointers" {
	memtrace run -q --force --leaks -o cycle.mtz -- ./lost-c2 cycle-2
	node=$(line_of lost.c node)
	run -0 memtrace why --at "lost.c:$node" cycle.mtz
	[[ $output == *"  1 of 2 blocks is lost: only its own cycle points there"* ]]
	addresses=($(memtrace leaks --json cycle.mtz | jq '.members[].address'))
	[ ${#addresses[@]} = 2 ]
	for nth in 0 1; do
		this=$(printf 0x%x "${addresses[nth]}") other=$(printf 0x%x "${addresses[1 - nth]}")
		run -0 memtrace why cycle.mtz "$this"
		[ "${lines[1]}" = "Lost: only its own cycle points at" ]
		[[ $output == *"cycle of 32 B in 2 blocks
  $this: 16 B from story_node (lost.c:$node), +0 leads to $other
  $other: 16 B from story_node (lost.c:$node), +0 leads to $this" ]]
		memtrace why --json cycle.mtz "$this" | jq -e --argjson this "${addresses[nth]}" '
			.root == null and .cycle == {"size":32,"count":2} and
			(.cycle_pointers | length) == 2 and .cycle_pointers[0].address == $this and
			.cycle_pointers[1].to_address == $this and .cycle_pointers[1].pointer_offset == 0'
	done
	memtrace run -q --force --leaks -o cycle.mtz -- ./lost-c2 own-cycle
	run -0 memtrace why cycle.mtz "$(memtrace leaks --json cycle.mtz | jq '.members[0].address')"
	[[ $output == *"cycle of 16 B in 1 block"$'\n'*", +0 leads to itself" ]]
}

@test "why: of a large cycle what closes it is shown too" {
	memtrace run -q --force --leaks -o cycle.mtz -- ./lost-c2 cycle-1000
	address=$(printf 0x%x "$(memtrace leaks --json cycle.mtz | jq '.members[7].address')")
	run -0 memtrace why cycle.mtz "$address"
	cycle=${output#*$'\n'cycle of }
	[ "$(wc -l <<<"$cycle")" = 13 ]
	[[ $cycle == "15.6 KiB in 1000 blocks
  $address: 16 B from "* ]]
	[[ $cycle == *"
  ... 990 more blocks, of these to $address:
  0x"*", +0 leads to $address" ]]
	memtrace why -n 0 --json cycle.mtz "$address" | jq -e '.cycle.count == 1000 and
		([.cycle_pointers[].to_address] | unique | length) == 1000'
}

@test "why: the offset by which blocks of one line hold each other" {
	memtrace run -q --force --leaks -o chain.mtz -- ./held-c2 chain
	held=$(line_of held.c held)
	run -0 memtrace why --function story_block chain.mtz
	[[ $output == *"all blocks are held through slot → story_block (held.c:$held), one after the other at +24"* ||
		$output == *"all blocks are held through slot -> story_block (held.c:$held), one after the other at +24"* ]]
	memtrace why --json --function story_block chain.mtz |
		jq -e '.steps[0].repeated and .steps[0].repeat_offset == 24'
	memtrace why --json --at "cache.c:$(line_of cache.c entry)" cache.mtz |
		jq -e '[.steps[] | select(.path == 0 and .function == "new_entry")][0].repeat_offset == 0'
}

@test "why: names the thread of a stack, and of thread-locals, of opened modules too" {
	memtrace run -q --leaks -o workers.mtz -- ./workers
	for slot in "kept:thread-local kept" "late:thread-local plugin_local"; do
		run -0 memtrace why --at "workers.c:$(line_of workers.c ${slot%:*})" workers.mtz
		[[ $output == *"all blocks are held through ${slot#*:}, in several threads "* ]]
	done
	memtrace why --json --at "workers.c:$(line_of workers.c held)" workers.mtz | jq -e '
		[.paths[] | select(.root_kind == "stack")] | length > 0'
	memtrace why --json --at "workers.c:$(line_of workers.c kept)" workers.mtz |
		jq -e '.paths[0] | has("root_tid") | not'
	for story in thread-local-of-other stack-of-other; do
		memtrace run -q --force --leaks -o one.mtz -- ./held-c2 $story
		run -0 memtrace why --function story_block one.mtz
		[[ $output == *", thread held-c2 ("*") "* ]]
		memtrace why --json --function story_block one.mtz |
			jq -e '.paths[0] | .root_thread == "held-c2" and .root_tid > 1'
	done
}

@test "why: names a thread that never allocated" {
	memtrace run -q --leaks -o keeper.mtz -- ./keeper
	run -0 memtrace why --at "keeper.c:$(line_of keeper.c kept)" keeper.mtz
	[[ $output == *" is held through the stack in keep (keeper.c:"*"), thread keeper ("*") "* ]]
	memtrace why --json --at "keeper.c:$(line_of keeper.c kept)" keeper.mtz |
		jq -e '[.paths[] | select(.root_thread == "keeper" and .root_tid > 1)] | length == 1'
}

@test "why: names what is held by an unaligned pointer" {
	memtrace run -q --force --leaks -o unaligned.mtz -- ./held-c0 unaligned
	run -0 memtrace why --function story_block unaligned.mtz
	[[ $output == *" 3 of 20 blocks are held through in_data"*", by an unaligned pointer"* ]]
	[[ $output == *" 14 of 20 blocks are held through ends "*", by an unaligned pointer"* ]]
	[[ $output == *", +73 "*", by an unaligned pointer"* ]]
	[[ $output != *"to the middle"* ]]
}

@test "why: where the C library's frame holds, who called it" {
	local called site
	memtrace run -q --leaks -o waiter.mtz -- ./waiter
	called=$(line_of waiter.c called) site=$(line_of waiter.c waited)
	run -0 memtrace why --at "waiter.c:$site" waiter.mtz
	[[ $output =~ "the block is held through "(the stack|register r..)" in "[a-z_0-9]+", called by wait_in_library (waiter.c:$called), thread waiter (" ]]
	[[ $output != *" in ___"* ]]
	memtrace why --json --at "waiter.c:$site" waiter.mtz | jq -e ".paths[0].root_frames |
		length == 2 and .[0].function == \"wait_in_library\" and .[0].line == $called"
	memtrace why --json waiter.mtz "0x$(<waiter.address)" |
		jq -e '.root_frames[0].function == "wait_in_library"'
	run -0 memtrace why --raw-frames --at "waiter.c:$site" waiter.mtz
	[[ $output != *"called by"* ]]
}

@test "why: names alternate stacks, and the function whose frame holds" {
	memtrace run -q --force --leaks -o handler.mtz -- ./held-c0 alternate-stack-in-mapping
	run -0 memtrace why --function story_block handler.mtz
	[[ $output == *"1 of 4 blocks is held through the alternate stack in wait_on_own_stack (held.c:"*"), thread held-c0 ("*") "* ]]
	memtrace why --json --function story_block handler.mtz | jq -e '
		[.paths[] | select(.root_kind == "alternate-stack")] | length == 1'
	memtrace run -q --force --leaks -o handler.mtz -- ./held-c0 alternate-stack-in-module
	run -0 memtrace why --function story_block handler.mtz
	[[ $output == *"1 of 3 blocks is held through own+"[1-9]*" "* ]]
}

@test "why: names the function that called exit, not the one behind it" {
	memtrace run -q --force --leaks -o exits.mtz -- ./held-c0 exits
	run -0 memtrace why --function story_block exits.mtz
	[[ $output == *"the block is held through the stack in exits (held.c:$(grep -n 'exit(held ? 0' held.c | tail -1 | cut -d: -f1)), thread "* ]]
}

@test "why: memory that is mapped, tracked, or of a parent's blocks is called so, and taken together" {
	cat >elsewhere.c <<-'END'
		#include "memtrace.h"
		#include <stdlib.h>
		#include <sys/mman.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static void **map(void)
		{
			return mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		}
		int main(void)
		{
			void **tracked = map(), **mapped = map();
			void **volatile small = malloc(64), **volatile large = malloc(5000);
			if (fork())
				return wait(NULL) < 0;
			memtrace_track(7, (uintptr_t)tracked, 65536);
			for (int i = 0; i < 2; i++) {
				tracked[i] = malloc(40); /* tracked */
				mapped[i] = malloc(40);  /* mapped */
				small[i] = malloc(40);   /* small */
				large[i] = malloc(40);   /* large */
			}
			exit(0);
		}
	END
	${CC:-cc} -O0 -g -fno-builtin -I"$root/preload" elsewhere.c -o elsewhere
	memtrace run -q --force --leaks -o elsewhere.mtz -- ./elsewhere
	for place in "tracked:a tracked region of domain 7" "mapped:mapped memory, at several places" \
		"small:unrecorded blocks, at several places" "large:unrecorded blocks, at several places"; do
		run -0 memtrace why --at "elsewhere.c:$(line_of elsewhere.c "${place%%:*}")" elsewhere.mtz.1
		[[ $output == *"all blocks are held through ${place#*:} "* ]]
	done
}

@test "why: a process is scanned now" {
	mkfifo in
	memtrace run -q --leaks -o waits.mtz -- ./cache wait <in >out &
	job=$!
	exec 9>in
	until [ "$(wc -l <out)" = 2 ]; do kill -0 $job; done
	pid=$(tail -1 out)
	run -0 --separate-stderr memtrace why --function new_table "$pid"
	[[ $output == *"the block is held through cache+8 "* ]]
	[[ $stderr == "memtrace why: process $pid: scanned, in "*waits.mtz": 0 leaked blocks; it stood still for "* ]]
	[[ $stderr != *ends* ]]
	run -0 --separate-stderr memtrace why "$pid" "$(head -1 out)"
	[[ $output == *"Held through others+24"* ]]
	exec 9>&-
	wait $job
	run -0 memtrace why --function new_table waits.mtz@why
	run -3 --separate-stderr memtrace why "$pid"
	[[ $stderr == *"process $pid is not recorded"* ]]
}

@test "dup: copies, distinct contents, and what sharing saves" {
	name=$(line_of cache.c name)
	run -0 memtrace dup cache.mtz
	[[ $output == *"Equal: 414 blocks with 5 distinct contents, 6624 B; sharing saves 6544 B"* ]]
	[[ $output == *"cache.c:$name: 400 copies, 5 distinct, 6400 B; sharing saves 6320 B"* ]]
	memtrace dup --json cache.mtz | jq -e '
		.schema == "memtrace.dup/1" and
		(.rows[] | select(.traceback[-1].function == "new_name" and .copies == 400) |
			.distinct == 5 and .saving_bytes == 395 * 16)'
}

@test "leaks, why, dup: contents only where --contents asked for them" {
	name=$(line_of cache.c name)
	for command in leaks dup "why --at cache.c:$name"; do
		[[ $(memtrace $command --json cache.mtz) != *'"contents"'* ]]
		[[ $(memtrace $command cache.mtz) != *"name 0"* ]]
	done
	! grep -q "name 0" cache.mtz || false
	memtrace run -q --force --leaks --dup --contents -o contents.mtz -- ./cache lose >kept
	memtrace leaks --json contents.mtz | jq -e '
		[.rows[].contents] | index("name 0" + "\\x00" * 10) and
		all(.[]; type == "string")'
	run -0 memtrace leaks contents.mtz
	[[ $output == *"indirect cache.c:$name: size=16 B, count=1, "*$'\n    begins with "name 0"\n'* ]]
	run -0 memtrace dup contents.mtz
	[[ $output == *"cache.c:$name: 400 copies, "*$'\n    80 of them begin with "name '?$'"\n'* ]]
	memtrace dup --json contents.mtz | jq -e '.rows[0] | .most_copies == 80 and
		(.contents | startswith("name "))'
	run -0 memtrace why contents.mtz "$(cat kept)"
	[[ $output == *", string of 6, "*', begins with "name '?'"'* ]]
	memtrace why --json contents.mtz "$(cat kept)" | jq -e '.chain[1].contents | startswith("name ")'
	memtrace diff --json contents.mtz contents.mtz | jq -e '.totals.size_diff == 0'
}

@test "leaks, why: what begins with zeroes only is said to" {
	cat >zeroed.c <<-'END'
		#include <stdlib.h>
		char *volatile kept[2];
		int main(void)
		{
			kept[0] = calloc(1, 40);
			kept[1] = calloc(1, 4000);
			kept[1][3000] = 1;
			return 0;
		}
	END
	${CC:-cc} -O0 -g -fno-builtin zeroed.c -o zeroed
	memtrace run -q --force --leaks --contents -o zeroed.mtz -- ./zeroed
	run -0 memtrace leaks --reachable zeroed.mtz
	[ "$(grep -c "^    begins with zeroes$" <<<"$output")" = 2 ]
	[[ $output != *'""'* ]]
	memtrace leaks --reachable --json zeroed.mtz | jq -e --arg zeroes "$(printf '\\x00%.0s' {1..40})" \
		'[.rows[].contents] | index($zeroes)'
}

@test "why: a function that only passes memory on, and the question to ask instead" {
	for function in malloc strdup; do
		run -3 --separate-stderr memtrace why --function $function cache.mtz
		[[ $stderr == "memtrace why: cache.mtz: no live block is from $function itself, which passes memory on: ask for the function that calls it"* ]]
	done
	run -3 --separate-stderr memtrace why --function no_such_function cache.mtz
	[ "$stderr" = "memtrace why: cache.mtz: no live block comes from there" ]
	run -3 --separate-stderr memtrace why --raw-frames --function strdup cache.mtz
	[ "$stderr" = "memtrace why: cache.mtz: no live block comes from there" ]
}

@test "leaks: contents are a block's first 64 bytes" {
	cat >long.c <<-'END'
		#include <stdlib.h>
		#include <string.h>
		static void lose(size_t size, char byte) { memset(malloc(size), byte, size); }
		int main(void)
		{
			lose(64, 'a');
			lose(65, 'b');
			lose(600, 'c');
			lose(1 << 20, 'd');
			return 0;
		}
	END
	${CC:-cc} -O0 -g -fno-builtin long.c -o long
	memtrace run -q --force --leaks --contents -o long.mtz -- ./long
	run -0 memtrace leaks long.mtz
	full=$(printf 'x%.0s' {1..64})
	[[ $output == *"\"${full//x/a}\""$'\n'* ]]
	for letter in b c d; do
		[[ $output == *"\"${full//x/$letter}\"..."* ]]
	done
}

@test "top, diff and leaks --by type: classes of C++, strings, zeroes" {
	memtrace run -q --leaks -o types.mtz -- ./objects-cc2 types
	memtrace top --json --by type types.mtz | jq -e '
		(.rows[] | select(.type == "shapes::Circle") | .count == 5 and .size == 80) and
		(.rows[] | select(.type == "shapes::Square") | .count == 3 and .size == 96) and
		.totals.size == ([.rows[].size] | add)'
	memtrace diff --json --by type types.mtz types.mtz | jq -e 'all(.rows[]; .size_diff == 0)'
	memtrace leaks --json --reachable --by type -n 0 cache.mtz | jq -e '
		[.rows[].type] | index("string of 6") != null'
}

@test "top --by type: classes of C++ where there are no symbols, by their own information" {
	local way flags="-Wall -Wextra -g -O2 -fno-builtin -pthread"
	for way in "-fPIE -pie" "-fno-PIE -no-pie"; do
		${CXX:-c++} $flags $way -s objects.cc -o stripped
		memtrace run -q --force --leaks -o stripped.mtz -- ./stripped types
		memtrace top --json --by type stripped.mtz | jq -e '
			(.rows[] | select(.type == "shapes::Circle") | .count == 5 and .size == 80) and
			(.rows[] | select(.type == "shapes::Square") | .count == 3 and .size == 96)'
	done
	${CXX:-c++} $flags -fno-rtti -s objects.cc -o stripped
	memtrace run -q --force --leaks -o stripped.mtz -- ./stripped types
	memtrace top --json --by type stripped.mtz |
		jq -e '[.rows[] | select(.type | startswith("object (stripped+0x"))] | length == 2'
}

@test "gate: what leaked fails a scanned trace, without any limit" {
	run -1 --separate-stderr memtrace gate cache.mtz
	[[ $output == *"  max-leaked: failed: 144 B leaked in 4 blocks, more than 0 B"* ]]
	[[ $output == *"cache.c:$(line_of cache.c entry)"* ]]
	[ "${lines[-1]}" = "The whole report: memtrace leaks -n 0 cache.mtz" ]
	run -1 memtrace gate --max-live 1 cache.mtz
	[ "${lines[-1]}" = "The whole report: memtrace top -n 0 cache.mtz" ]
	run -0 memtrace gate --max-leaked 144 cache.mtz
	run -1 memtrace gate --max-leaked 143 cache.mtz
	run -0 memtrace gate whole.mtz
	[[ $output == *"  max-leaked: passed: 0 B leaked in 0 blocks, within 0 B"* ]]
}

@test "gate: the baseline's leaks and known ones do not count" {
	run -0 memtrace gate --baseline cache.mtz --max-growth 1M cache.mtz
	[[ $output == *"0 B leaked in 0 blocks beyond the baseline"* ]]
	run -1 memtrace gate --baseline whole.mtz --max-growth 1M cache.mtz
	[[ $output == *"144 B leaked in 4 blocks beyond the baseline, more than 0 B"* ]]
	memtrace run -q -o unscanned.mtz -- ./cache lose >/dev/null
	run -1 memtrace gate --baseline unscanned.mtz --max-growth 1M cache.mtz
	[[ $output == *"144 B leaked in 4 blocks, more than 0 B"* ]]
	run -0 memtrace gate --max-leaked 144 cache.mtz
	[ "$output" = "gate: passed: cache.mtz
  max-leaked: passed: 144 B leaked in 4 blocks, within 144 B" ]
	run -1 memtrace gate --write-suppressions written.supp cache.mtz
	[[ $output == *"written.supp: 2 suppressions of what fails now"* ]]
	run -0 memtrace gate --suppressions written.supp cache.mtz
	[[ $output == *"suppressed: "*" by 2 of 2 suppressions" ]]
	echo leak:lose >known.supp
	run -0 memtrace gate --suppressions known.supp cache.mtz
}

@test "gate: JUnit, SARIF, GitHub and Markdown show the leaked lines" {
	run -1 memtrace gate --junit j.xml --sarif s.json --markdown m.md --github cache.mtz
	[[ $output == *"::error file=cache.c,line=$(line_of cache.c entry),title=memtrace max-leaked::"* ]]
	grep -q 'name="max-leaked"' j.xml
	jq -e '[.runs[0].results[] | select(.ruleId == "max-leaked")] | length >= 2' s.json
	grep -q 'max.*leaked.*cache' m.md
}

@test "run --gate --leaks: 23 where something leaked" {
	run -23 memtrace run -q --force -o g.mtz --gate --leaks -- ./cache lose
	run -0 memtrace run -q --force -o g.mtz --gate --leaks -- ./cache
}

@test "run --gate-all --leaks: an image that exec replaced has lost nothing" {
	cat >again.c <<-'END'
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			void *volatile held = malloc(argc > 2 ? 1000 : 10);
			if (argc > 1) execv(argv[1], argv + 1);
			return !held;
		}
	END
	${CC:-cc} -fno-builtin again.c -o again
	run -0 memtrace run --no-summary --force -o g.mtz --gate-all --leaks -- ./again ./cache
	[[ $output == *"max-leaked: passed: not searched: the process went on as another program"* ]]
	run -3 memtrace leaks g.mtz.1
	[[ $output == *"no scan of the heap: the process went on as another program; "* ]]
	run -0 memtrace run -q --force -o g.mtz --gate-all --leaks --max-leaked 0 -- ./again ./cache
	run -23 memtrace run -q --force -o g.mtz --gate-all --leaks -- ./again ./cache lose
	# What ended without a search is not judged, exec or not.
	run -125 memtrace run -q --force -o g.mtz --gate-all -- ./again ./cache
	run -3 memtrace gate --max-leaked 0 g.mtz.1
}

@test "leaks, why, dup: a damaged trace gives what is intact, with status 3" {
	size=$(stat -c %s cache.mtz)
	cp cache.mtz bent.mtz
	printf 'xxxx' | dd of=bent.mtz bs=1 seek=$((size * 3 / 4)) conv=notrunc status=none
	for command in leaks why dup; do
		run -3 --separate-stderr timeout 300 memtrace $command bent.mtz
		[[ $stderr == *bent.mtz* ]]
	done
}
