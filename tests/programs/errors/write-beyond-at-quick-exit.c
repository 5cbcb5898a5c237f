/*
 * write-beyond-at-quick-exit.c - one byte beyond the end of a block when quick_exit ends it all.
 * error: write-beyond
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static char *kept;

static void fill(char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p[i] = 'x';
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(29);
	fill(p, 29 + !is_right);
	kept = p;
	quick_exit(kept == NULL);
}
