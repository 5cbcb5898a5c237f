/*
 * read-after-free.c - a freed block is read.
 * error: none
 * guard: access-after-free
 * The twin, with an argument, reads before.
 */
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	return calloc(1, size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* freed in drop_block */
}

static int read_block(const volatile char *p)
{
	return p[60]; /* access in read_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(64);
	int result = is_right ? read_block(p) : 0;
	drop_block(p);
	return is_right ? result : read_block(p) & 0;
}
