#!/usr/bin/env bats
# What the recorder takes of memory, by the kernel's figures.

load setup

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O2 -pthread tests/bench/memory.c \
		-o "$BATS_FILE_TMPDIR/memory"
}

# taken ARGUMENT...: heap, state, other, blocks: bytes; nodes: frames in tracebacks.
taken() {
	memtrace run -q --force -o t.mtz -- "$BATS_FILE_TMPDIR/memory" "$@" >taken.txt
	read -r _ heap _ state _ other _ blocks <taken.txt
	nodes=$(memtrace info t.mtz | sed -n 's/^Frames in tracebacks: //p')
}

@test "memory: 64 bytes a frame, 48 a thread's traceback, 1 MiB a thread, and 8 MiB" {
	for threads in 1 8 64; do
		taken "$threads" 100000
		echo "$threads threads: $(cat taken.txt), $nodes frames"
		((nodes > 200000))
		((state + other <= heap / 4 + 64 * nodes + 48 * 100000 +
			(threads << 20) + (8 << 20)))
	done
}

@test "memory: the heap is within a tenth of its blocks, the side table a quarter of it" {
	taken blocks 1000000
	((blocks > 200000000))
	((heap * 10 <= blocks * 11))
	((state <= heap / 4 + (1 << 20)))
}
