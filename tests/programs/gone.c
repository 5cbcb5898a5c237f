/*
 * gone.c - three blocks of BEGIN / 3 bytes before main, one of MORE bytes after it, one of
 * the three freed and taken anew; then the end, with status 7.
 */
#include <stdlib.h>

static void *volatile before[3];

__attribute__((constructor)) static void begin(int argc, char **argv)
{
	for (int i = 0; argc > 1 && i < 3; i++)
		before[i] = malloc((size_t)atoi(argv[1]) / 3);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	free(before[1]);
	before[1] = malloc((size_t)atoi(argv[1]) / 3);
	static void *volatile after;
	after = malloc((size_t)atoi(argv[2]));
	return after ? 7 : 2;
}
