/*
 * damages.c - breaks one block, says "ready", asks for memory with every byte that it
 * reads, and ends when its standard input does.
 *
 *     damages beyond           writes beyond the end of a block that stays
 *     damages freed [COUNT]    writes to a freed block, then frees COUNT others
 *     damages twice            frees a block twice, but at the end only
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OTHER_BYTES = 1000,
};

static char *volatile block;

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	char byte;
	block = malloc(40);
	if (!strcmp(how, "beyond"))
		block[40] = 'x';
	if (!strcmp(how, "freed")) {
		free(block);
		block[3] = 'x';
	}
	for (int left = argc > 2 ? atoi(argv[2]) : 0; left > 0; left--)
		free(malloc(OTHER_BYTES));
	if (write(1, "ready\n", 6) < 0)
		return 1;
	while (read(0, &byte, 1) > 0)
		free(malloc(1));
	if (!strcmp(how, "twice")) {
		free(block);
		free(block);
	}
	return 0;
}
