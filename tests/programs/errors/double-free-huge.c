/*
 * double-free-huge.c - a block larger than the whole quarantine is freed twice.
 * error: double-free
 * The twin, with an argument, frees it once.
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

static void drop_again(char *p)
{
	free(p); /* here in drop_again */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(50 << 20);
	drop_block(p);
	if (!is_right)
		drop_again(p);
	return 0;
}
