/*
 * keeps-one.c ARENAS - that many are filled with blocks of 512 bytes, of which one in each
 * stays; no arena is wholly free. Then the program does what frag says.
 */
#include <stdint.h>
#include <stdlib.h>

#include "memtrace.h"

enum {
	MOST = 4,
	ARENA_BYTES = 1 << 20,
	BLOCKS_PER_ARENA = 64 * 31,
};

static char *blocks[MOST * BLOCKS_PER_ARENA];

static uintptr_t arena_of(const char *p)
{
	return (uintptr_t)p / ARENA_BYTES;
}

int main(int argc, char **argv)
{
	int count = (argc > 1 ? atoi(argv[1]) : 1) * BLOCKS_PER_ARENA;
	for (int i = 0; i < count; i++)
		blocks[i] = malloc(512); /* stays */
	for (int i = count - 1; i > 0; i--) {
		if (arena_of(blocks[i]) != arena_of(blocks[i - 1]))
			continue;
		free(blocks[i]);
		blocks[i] = NULL;
	}
	memtrace_snapshot("pinned");
	for (int i = 0; i < count; i++)
		free(blocks[i]);
	memtrace_snapshot("followed");
	return 0;
}
