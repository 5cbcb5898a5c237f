/*
 * use-after-free.c - for a sanitizer to find. Without one: status 6. With an argument the
 * use is left out.
 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	char *volatile p = malloc(10);
	free(p);
	puts(argv[argc > 1]);
	fflush(stdout);
	if (argc < 2)
		p[1] = 1;
	return 6;
}
