/*
 * free-garbage.c - a number that is no address is freed.
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
	drop_block(is_right ? malloc(32) : (void *)(uintptr_t)0x12345670);
	return 0;
}
