/*
 * places.c - blocks in known places, for stats and frag.
 *
 * Twelve arenas are filled with blocks of 512; three of these blocks and, in one arena, one
 * of another call site stay, so that every arena that they pin holds nothing else. The
 * other ones of the twelve go back. With an argument, the program then does what frag says.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtrace.h"

enum {
	ARENAS = 12,
	ARENA_BYTES = 1 << 20,
	BLOCKS = ARENAS * 64 * 31,
	BORDERS = 400,
	LARGE = 50,
	SMALL = 1000,
};

static char *blocks[BLOCKS];
static char *other;
static char *kept[SMALL + BORDERS + LARGE];

static char *filled(char *p, size_t size)
{
	if (!p)
		abort();
	return memset(p, 1, size);
}

static uintptr_t arena_of(const char *p)
{
	return (uintptr_t)p / ARENA_BYTES;
}

/* The first block in the arena that is the n-th after the first block's. */
static size_t first_in(uintptr_t n)
{
	size_t i = 0;
	while (arena_of(blocks[i]) != arena_of(blocks[0]) + n)
		i++;
	return i;
}

/* Before the arenas, so that none of them has any of these. */
static void keep_some(void)
{
	for (int i = 0; i < SMALL; i++)
		kept[i] = filled(malloc(20), 20); /* small */
	for (int i = 0; i < BORDERS; i++)
		kept[SMALL + i] = filled(malloc(65), 65); /* border */
	for (int i = 0; i < LARGE; i++)
		kept[SMALL + BORDERS + i] = filled(malloc(520), 520); /* large */
}

static void fill_arenas(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = filled(malloc(512), 512); /* pins */
		if (i == 5 * 64 * 31)
			other = filled(malloc(400), 400); /* other */
	}
}

/* All blocks but three, each in an arena of its own; one with the other site's. */
static void free_arenas(size_t stays[3])
{
	stays[0] = first_in(3);
	stays[1] = first_in(8);
	stays[2] = first_in(arena_of(other) - arena_of(blocks[0]));
	for (size_t i = 0; i < BLOCKS; i++)
		if (i != stays[0] && i != stays[1] && i != stays[2])
			free(blocks[i]);
}

int main(int argc, char **argv)
{
	size_t stays[3];
	keep_some();
	fill_arenas();
	memtrace_snapshot("full");
	free_arenas(stays);
	memtrace_track(7, (uintptr_t)&blocks, sizeof blocks); /* tracked */
	memtrace_snapshot("pinned");
	for (int i = 0; argc > 1 && i < 3; i++)
		free(blocks[stays[i]]);
	if (argc > 1 && argv[1][0] == 'b')
		free(other);
	memtrace_snapshot("followed");
	printf("%d\n", other != NULL);
	return 0;
}
