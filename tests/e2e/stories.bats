#!/usr/bin/env bats
# Programs of which it is known what is lost and what holds the rest: in C and C++, with
# and without optimization, each scanned in every way that there is.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	[ "$BUILD" != build/asan ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	local programs=$BATS_TEST_DIRNAME/../programs level name
	local flags="-Wall -Wextra -g -fno-builtin -pthread"
	cp "$programs"/leaks/*.[ch] "$programs"/leaks/*.cc .
	${CC:-cc} -std=gnu11 $flags -O1 -shared -fPIC plugin.c -o plugin.so
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE $flags -I"$programs/../../preload" -O1 \
		"$programs/scanned.c" -o scanned
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE $flags -O1 "$programs/tracer.c" -o tracer
	for level in 0 2; do
		for name in lost held child; do
			${CC:-cc} -std=gnu11 $flags -O$level $name.c -o $name-c$level -ldl
			${CXX:-c++} $flags -O$level -x c++ $name.c -o $name-cc$level -ldl
		done
		${CXX:-c++} $flags -O$level objects.cc -o objects-cc$level
	done
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	cd "$BATS_FILE_TMPDIR" || return
}

check=$BATS_TEST_DIRNAME/check-stories.py

# stories PROGRAM STORY,...: there are two reasons why ptrace can be refused, and one way
# to do without it.
stories() {
	local pair way status=0
	for pair in c0:traced c2:confined cc0:confined cc2:traced; do
		[ -e "$1-${pair%:*}" ] || continue
		for way in alone threads ${pair#*:}; do
			"$check" "./$1-${pair%:*}" "$2" "$way" || status=1
		done
	done
	return $status
}

@test "stories: blocks that were lost one by one, small and large" {
	stories lost plain,large,empty,in-threads
}

@test "stories: blocks of no bytes are lost as others are, in every mode of malloc" {
	for mode in malloc debug malloc_debug guard; do
		"$check" ./lost-c2 empty alone -- --malloc $mode
	done
}

@test "stories: of a list the head is definite, the rest is lost with it" {
	stories lost list,two-heads
}

@test "stories: cycles of one, two and a thousand" {
	stories lost cycle-2,cycle-1000,own-cycle,hub
}

@test "stories: what only an ended thread held is lost" {
	stories lost exited-thread,exited-thread-locals
}

@test "stories: stale pointers in dead stack slots and in main's dead frame hold nothing" {
	stories lost dead-slots,returned
}

@test "stories: pointers in another form are none, nor are those to the end of a neighbour" {
	stories lost hidden,neighbours,recycled
}

@test "stories: variables hold, in the program and in an opened module" {
	stories held global,below,chain,opened-module,aligned-by-hand
}

@test "stories: a pointer to the middle, to the end, or a tagged one, leaves a block possible" {
	stories held middle,below-middle,past-end,tagged
}

@test "stories: a pointer at an unaligned address leaves a block possible, and what that leads to" {
	stories held unaligned,unaligned-in-lost
}

@test "stories: a pointer beyond a block's end is none" {
	stories held beyond-end
}

@test "stories: thread-locals hold, of main and of another thread" {
	stories held thread-local,thread-local-of-other
}

@test "stories: registers and stacks of other threads hold" {
	stories held register,saved-register,stack-of-other
}

@test "stories: below the stack pointer of a thread that waits nothing holds" {
	stories held below-stack-pointer
}

@test "stories: stacks that the program gives its threads hold from the stack pointer up" {
	stories held stack-in-heap,stack-in-mapping
}

@test "stories: alternate stacks of signal handlers hold from the stack pointer up" {
	stories held alternate-stack-in-mapping,alternate-stack-in-module
}

@test "stories: a stack for signals is held by the kernel; what handlers have left on it holds nothing" {
	stories held idle-signal-stack,left-on-signal-stack
}

@test "stories: memory that the program took by sbrk holds, freed chunks beside it do not" {
	stories held break,break-given-back
}

@test "stories: stacks of coroutines hold, in the heap and in a mapping" {
	stories held coroutine-in-heap,coroutine-in-mapping
}

@test "stories: stacks of coroutines that lie in one block hold, whichever of them runs" {
	stories held coroutines-in-one-block,threads-on-coroutines
}

@test "stories: shared memory and shared files hold, in a forked copy of the program too" {
	stories held shared-memory,shared-file
}

@test "stories: values of keys hold" {
	stories held key,late-key
}

@test "stories: what a thread returned is held until it is joined" {
	stories held not-joined
}

@test "stories: exit() within main leaves its frame alive; what atexit frees is no leak" {
	stories held exits,freed-at-exit
}

@test "stories: what the C library keeps is no leak" {
	stories held environment,stream
}

@test "stories: the leak of a closed library" {
	stories child closed-library
}

@test "stories: the leak of a forked child is in the child's trace, not in its parent's" {
	stories child forked
	memtrace run -q --leaks -o tree.mtz -- ./child-c2 forked
	run -0 memtrace leaks --json tree.mtz.1
	jq -e '.summary.definite == {"size":152,"count":1}' <<<"$output"
}

@test "stories: shared pointers in a circle" {
	stories objects shared-cycle,shared-cycle-in-four
}

@test "stories: strings, vectors and maps of C++" {
	stories objects unique,string-growth,lost-string,lost-short-string,vector-growth,lost-vector,types,map,empty-array
}
