/*
 * write-after-free-huge.c - one byte in the middle of a freed block that is larger than the whole
 * quarantine.
 * error: write-after-free
 * guard: access-after-free
 * The twin, with an argument, writes before the free.
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

static void touch(char *p)
{
	p[20 << 20] = 'x'; /* access in touch */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(40 << 20);
	if (is_right)
		touch(p);
	drop_block(p);
	if (!is_right)
		touch(p);
	return 0;
}
