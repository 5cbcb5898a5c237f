/*
 * own-malloc.c - a program that brings a malloc, and dies if another's block meets it.
 * The C library's strdup and getline use it too. Status 4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char pool[16 << 20] __attribute__((aligned(16)));
static size_t used;

void *malloc(size_t size)
{
	size_t *block = (size_t *)(pool + used);
	used += 16 + (size + 15) / 16 * 16;
	if (used > sizeof pool)
		return NULL;
	*block = size;
	return block + 2;
}

void free(void *p)
{
	if (p && ((char *)p < pool || (char *)p >= pool + used))
		abort();
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size);
}

void *realloc(void *p, size_t size)
{
	void *moved = malloc(size);
	if (p && moved) {
		size_t old = ((size_t *)p)[-2];
		memcpy(moved, p, old < size ? old : size);
	}
	free(p);
	return moved;
}

int main(void)
{
	char *line = strdup("first");
	size_t size = 6;
	if (getline(&line, &size, stdin) < 0)
		return 1;
	fputs(line, stdout);
	free(line);
	return 4;
}
