/*
 * write-before.c - one byte before a block.
 * error: write-before
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(24);
	p[is_right ? 0 : -1] = 'x';
	drop_block(p);
	return 0;
}
