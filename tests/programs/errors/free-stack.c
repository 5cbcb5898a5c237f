/*
 * free-stack.c - a variable on the stack is freed.
 * error: wild-free
 * The twin, with an argument, frees a block.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static void drop_block(void *p)
{
	free(p); /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	_Alignas(16) char place[128];
	place[32] = (char)argc;
	drop_block(is_right ? malloc(32) : place + 32);
	return 0;
}
