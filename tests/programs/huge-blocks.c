/*
 * huge-blocks.c - COUNT times a block of 100 MiB, used here and there and freed; says how
 * often there was none.
 */
#include <stdio.h>
#include <stdlib.h>

enum {
	BLOCK_BYTES = 100 << 20,
	STEP_BYTES = 1 << 20,
};

int main(int argc, char **argv)
{
	int failed = 0;
	for (int left = argc > 1 ? atoi(argv[1]) : 1; left > 0; left--) {
		char *p = malloc(BLOCK_BYTES);
		failed += !p;
		for (size_t i = 0; p && i < BLOCK_BYTES; i += STEP_BYTES)
			p[i] = 1;
		free(p);
	}
	printf("%d\n", failed);
	return 0;
}
