/*
 * write-beyond-snapshot.c - a block that is damaged when a snapshot is taken, and mended later.
 * error: write-beyond
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "preload/memtrace.h"

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void fill(char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p[i] = 'x';
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(30);
	char before = p[30];
	fill(p, 30 + !is_right);
	memtrace_snapshot("middle"); /* here in main */
	p[30] = before;
	free(p);
	return 0;
}
