/*
 * read-beyond.c - the byte beyond the end of a block is read.
 * error: none
 * guard: access-outside
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>

static char value;

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void touch_block(volatile char *p, long i)
{
	value = p[i]; /* access in touch_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(64);
	value = p[0] = 0;
	touch_block(p, is_right ? 64 - 1 : 64);
	free(p);
	return value & 0;
}
