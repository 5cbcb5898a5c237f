/*
 * realloc-freed.c - realloc of a block that is free already.
 * error: realloc-after-free
 * The twin, with an argument, does not free it before.
 */
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* freed in drop_block */
}

static char *grow_block(char *p)
{
	return realloc(p, 300); /* here in grow_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(70);
	if (!is_right)
		drop_block(p);
	p = grow_block(p);
	if (is_right)
		free(p);
	return 0;
}
