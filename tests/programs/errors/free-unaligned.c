/*
 * free-unaligned.c - a pointer to the second byte of a block is freed.
 * error: interior-free
 * The twin, with an argument, frees the block itself.
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
	char *p = make_block(64);
	drop_block(is_right ? p : p + 1);
	return 0;
}
