/*
 * free-global.c - a global variable is freed.
 * error: wild-free
 * The twin, with an argument, frees a block.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

_Alignas(16) static char place[128];

static void drop_block(void *p)
{
	free(p); /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	drop_block(is_right ? malloc(32) : place + 32);
	return 0;
}
