#!/usr/bin/env bats
# --malloc guard: blocks up against inaccessible pages.

load setup
load errors
bats_require_minimum_version 1.5.0

setup_file() {
	build_errors "$BATS_FILE_TMPDIR"
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	programs=$BATS_FILE_TMPDIR
}

# each WHAT: of all programs, as errors.py says.
each() {
	"$BATS_TEST_DIRNAME/errors.py" "$1" guard "$programs"
}

@test "guard: every error is found, with the traceback of block, free and access" {
	each finds
}

@test "guard: no false alarm from programs that do it right" {
	each is-quiet
}

@test "guard: MEMTRACE_DEBUG=continue tells and goes on" {
	each goes-on
}

# compile NAME
compile() {
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O1 -w -fno-builtin "$root/tests/programs/$1.c" \
		-o "$1" -pthread
}

@test "guard: the fence between two blocks is closed again for the second, with continue" {
	cd "$BATS_TEST_TMPDIR"
	compile fence-twice
	MEMTRACE_DEBUG=continue run -0 --separate-stderr memtrace run -q --malloc guard -- ./fence-twice
	(($(grep -c "^Memory error" <<<"$stderr") == 2))
}

# guarded: how many blocks of t.mtz were guarded.
guarded() {
	memtrace info --json t.mtz | jq '.guarded_blocks'
}

# lost NAME: how often that was counted in t.mtz.
lost() {
	memtrace info --json t.mtz | jq "[.losses[] | select(.reason == \"$1\").count] | add // 0"
}

@test "guard: a program's own handlers see what they see without us" {
	compile fault-handlers
	./fault-handlers >plain.txt
	memtrace run -q -o t.mtz --malloc guard -- ./fault-handlers >ours.txt 2>err.txt
	diff plain.txt ours.txt
	[ ! -s err.txt ]
	[ "$(wc -l <plain.txt)" -gt 20 ]
}

@test "guard: after the report the program's own handler is called, on its small stack" {
	compile fault-handlers
	memtrace run -q -o t.mtz --malloc guard -- ./fault-handlers heap >out.txt 2>err.txt
	[ "$(cat out.txt)" = "calls 1 stack 1 at 20" ]
	[ "$(grep -c '^Memory error: read: access to a freed block' err.txt)" = 1 ]
	grep -A1 "^This call" err.txt | grep -q "in touch"
}

@test "guard: threads that fault at the same time have a report each" {
	compile fault-handlers
	memtrace run -q -o t.mtz --malloc guard -- ./fault-handlers threads 2>err.txt
	[ "$(grep -c '^Memory error: read: access to a freed block' err.txt)" = 40 ]
	[ "$(grep -c '^This call' err.txt)" = 40 ]
}

@test "guard: a default action ends the program by the signal" {
	run -139 memtrace run -q -o t.mtz --malloc guard -- "$programs/read-after-free"
	[ "$(memtrace info --json t.mtz | jq .signal)" = 11 ]
}

# strays HOW WORDS LINE: it is told once, with that line about the block, and passed on, to the
# default action and to a handler, with and without continue.
strays() {
	local mode
	for mode in "" continue; do
		run -139 --separate-stderr env MEMTRACE_DEBUG=$mode timeout 300 \
			memtrace run -q --force -o t.mtz --malloc guard -- ./stray-accesses "$1"
		is_told_once "$2" "$3"
		run -0 --separate-stderr env MEMTRACE_DEBUG=$mode timeout 300 \
			memtrace run -q --force -o t.mtz --malloc guard -- \
			./stray-accesses handled "$1"
		[ "$output" = "calls 1" ]
		is_told_once "$2" "$3"
	done
}

is_told_once() {
	echo "$stderr"
	[ "$(grep -c '^Memory error' <<<"$stderr")" = 1 ]
	grep -A1 "^Memory error: $1: 0x" <<<"$stderr" | grep -q "^    $2"
	grep -A1 "^This call" <<<"$stderr" | grep -q "in $([[ $1 == execute* ]] && echo jump || echo access_far)"
}

@test "guard: a jump into a block is told once and passed on, with continue too" {
	compile stray-accesses
	strays jump "execute: jump into a block" "0 bytes into a block of 100 bytes"
	[ "$(memtrace info --errors --json t.mtz | jq -r '.errors[].kind')" = execute ]
	strays jump-freed "execute: access to a freed block" "0 bytes into a block of 100 bytes"
}

@test "guard: an access near no block is told once and passed on, with continue too" {
	compile stray-accesses
	strays far "read: access outside of a block" \
		"[0-9]* bytes beyond the end of a block of [0-9]* bytes"
	strays before "read: access outside of a block" "5000 bytes before a block of 100 bytes"
	export MEMTRACE_GUARD_BUDGET=1
	strays none "read: access outside of a block" "in no guarded block"
}

@test "guard: a fault of a page that the program has closed is its own, with continue too" {
	compile stray-accesses
	for mode in "" continue; do
		MEMTRACE_DEBUG=$mode memtrace run -q --force -o t.mtz --malloc guard -- \
			./stray-accesses handled closed >out.txt 2>err.txt
		[ "$(cat out.txt)" = "calls 1" ]
		[ ! -s err.txt ]
	done
}

@test "guard: one of N blocks is guarded" {
	compile many-blocks
	memtrace run -q -o t.mtz --malloc guard --guard-sample 20 -- ./many-blocks 40000
	count=$(guarded)
	[ "$count" -gt 1600 ] && [ "$count" -lt 2400 ]
	[ "$(lost guard_budget)" = 0 ]
}

@test "guard: beyond the budget blocks are served as ever, and counted" {
	compile many-blocks
	memtrace run -o t.mtz --malloc guard --guard-budget 4MiB -- ./many-blocks 3000 2>err.txt
	count=$(guarded) lost=$(lost guard_budget)
	[ "$count" -gt 900 ] && [ "$count" -le 1024 ]
	[ $((count + lost)) -ge 3001 ]
	# They are recorded nevertheless.
	grep -qx "memtrace: blocks not guarded: $lost (beyond the budget)" err.txt
	run ! grep lost err.txt
	[ "$(memtrace info --json t.mtz | jq .lost)" = 0 ]
	memtrace info t.mtz | grep -qx "Events not recorded: 0"
	memtrace info t.mtz | grep -qx "Not recorded, or not guarded:"
}

@test "guard: freed blocks take no mapping of the kernel's" {
	compile many-blocks
	plain=$(memtrace run -q -o p.mtz -- ./many-blocks 10000)
	ours=$(memtrace run -q -o t.mtz --malloc guard -- ./many-blocks 10000)
	[ "$(guarded)" -gt 9000 ]
	[ "$ours" -lt $((plain + 400)) ]
}

@test "guard: a third of the kernel's mappings is left to the program, and that is said" {
	compile many-blocks
	limit=$(cat /proc/sys/vm/max_map_count)
	[ "$limit" -le 100000 ] || skip "the kernel allows $limit mappings"
	MEMTRACE_GUARD_BUDGET=1GiB memtrace run -q -o t.mtz --malloc guard -- \
		./many-blocks $((limit / 2)) 2>err.txt
	[ "$(guarded)" -le $((limit / 3)) ] && [ "$(guarded)" -gt $((limit / 3 - 500)) ]
	[ "$(lost guard_mappings)" -gt $((limit / 10)) ]
	[ "$(grep -c 'vm.max_map_count' err.txt)" = 1 ]
}

@test "guard: where the program has used up the mappings its blocks are served as ever" {
	compile many-blocks
	limit=$(cat /proc/sys/vm/max_map_count)
	[ "$limit" -le 100000 ] || skip "the kernel allows $limit mappings"
	memtrace run -q -o t.mtz --malloc guard -- ./many-blocks 5000 $((limit + 1000)) 2>err.txt
	[ "$(lost guard_mappings)" -gt 4000 ]
	[ "$(grep -c 'vm.max_map_count' err.txt)" = 1 ]
}

@test "guard: without address space nothing is guarded, and that is said" {
	compile many-blocks
	(
		ulimit -v 60000
		memtrace run -q -o t.mtz --malloc guard -- ./many-blocks 1000 2>err.txt
	)
	grep -q 'memtrace: no block is guarded' err.txt
}

@test "guard: under a limit of address space guarded blocks leave room for what records them" {
	compile many-blocks
	for limit in 70000 85000 90000 95000 100000 105000 110000 120000 150000; do
		(
			ulimit -v $limit
			memtrace run -q --force -o t.mtz --malloc guard -- ./many-blocks 100 2>err.txt
		)
		[ "$(memtrace info --json t.mtz | jq '.snapshots[-1].total_count')" -ge 100 ]
		[ "$(guarded)" -ge 100 ] || grep -q 'memtrace: no block is guarded' err.txt
	done
}

@test "guard: what is no block is told beside the fences too, and left out" {
	compile wild-frees
	for how in wrongly ""; do
		for sample in 1 1000000000; do
			export MEMTRACE_DEBUG=continue MEMTRACE_GUARD_SAMPLE=$sample
			memtrace run -q --force -o t.mtz --malloc guard -- ./wild-frees $how \
				>out.txt 2>err.txt
			[ "$(grep -c '^Memory error: ' err.txt)" = "$(cat out.txt)" ]
		done
	done
	MEMTRACE_GUARD_SAMPLE=1000000000 memtrace run -q --force -o t.mtz --malloc guard -- \
		./wild-frees wrongly 2>err.txt
	grep -A9 'free: pointer into the middle of a block' err.txt | grep -q \
		'4 bytes into a block of 30 bytes'
	[ "$(grep -c '^Memory block allocated at' err.txt)" = 5 ]
	grep -q 'to the stack of this thread' err.txt
	grep -q 'to where there is no memory' err.txt
	grep -q 'free: double free' err.txt
}

@test "guard: well-known programs run clean" {
	cat >work.py <<-'END'
		import json, re, collections
		words = collections.Counter(re.findall(r"\w+", open("text").read()))
		print(json.dumps(words.most_common(5)))
	END
	seq 1 20000 >text
	for sample in 1 10; do
		export MEMTRACE_GUARD_SAMPLE=$sample
		for command in 'python3 -S work.py' 'perl -ne '\''$n{length $_}++; END { print %n ? "x" : "" }'\'' text' \
			'sqlite3 :memory: "create table t(a); insert into t values (7); select a+1 from t"' \
			'gcc -x c -O1 -S -o - /dev/null' 'git --version' 'jq -s add text'; do
			eval "$command" >plain.txt
			eval "memtrace run -q --force -o t.mtz --malloc guard -- $command" >ours.txt 2>err.txt
			cmp plain.txt ours.txt
			! grep -q "^Memory error" err.txt
		done
	done
}

@test "guard: threads, forks and handlers in the middle of malloc" {
	# The last one has four million blocks.
	for work in "200 fork-while-threads-allocate" "200 threads-come-and-go" \
		"2000 allocate-in-signal-handler"; do
		compile "${work#* }"
		memtrace run -q --force -o %n.mtz --malloc guard --guard-sample ${work% *} -- \
			"./${work#* }" 2>err.txt
		! grep -q "^Memory error" err.txt
	done
}
