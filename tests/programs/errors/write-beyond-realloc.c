/*
 * write-beyond-realloc.c - one byte beyond what realloc gave.
 * error: write-beyond
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	char *p = malloc(10);
	return realloc(p, size); /* allocated in make_block */
}

static void fill(char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p[i] = 'x';
}

static void drop_block(char *p)
{
	free(p); /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(61);
	fill(p, 61 + !is_right);
	drop_block(p);
	return 0;
}
