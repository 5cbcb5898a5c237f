/*
 * many-blocks.c - blocks that live at the same time, and mappings.
 *
 *   many-blocks COUNT [MAPPINGS]
 *
 * First it makes so many mappings, or as many as the kernel allows; then so many blocks of
 * 100 bytes; then all are freed. Prints how many mappings it has in the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static long make_mappings(long wanted)
{
	enum {
		PAGE = 4096,
		SPARE = 10,
	};
	if (!wanted)
		return 0;
	char *pages = mmap(NULL, (size_t)wanted * PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long made = 0;
	while (made < wanted / 2 &&
	       mprotect(pages + made * 2 * PAGE, PAGE, PROT_READ) == 0)
		made++;
	/* A few are left for who needs them. */
	if (made > SPARE)
		munmap(pages, SPARE * 2 * PAGE);
	return made * 2;
}

static int count_mappings(void)
{
	int count = 0, c;
	FILE *file = fopen("/proc/self/maps", "r");
	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	return count;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 0;
	char **blocks = calloc((size_t)count, sizeof *blocks);
	make_mappings(argc > 2 ? atol(argv[2]) : 0);
	for (long i = 0; i < count; i++) {
		blocks[i] = malloc(100);
		if (!blocks[i])
			return 1;
		memset(blocks[i], (int)i, 100);
	}
	for (long i = 0; i < count; i++) {
		if (blocks[i][99] != (char)i)
			return 2;
		free(blocks[i]);
	}
	printf("%d\n", count_mappings());
	return 0;
}
