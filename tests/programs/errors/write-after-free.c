/*
 * write-after-free.c - a write into a freed block, found at exit.
 * error: write-after-free
 * guard: access-after-free
 * The twin, with an argument, writes before.
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

static void write_block(volatile char *p)
{
	p[20] = 'x'; /* access in write_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(40);
	if (is_right)
		write_block(p);
	drop_block(p);
	if (!is_right)
		write_block(p);
	return 0;
}
