/*
 * realloc-damaged.c - one byte beyond the end, found by realloc.
 * error: write-beyond
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static char *grow_block(char *p)
{
	return realloc(p, 400); /* here in grow_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(45);
	p[45 - is_right] = 'x';
	p = grow_block(p);
	free(p);
	return 0;
}
