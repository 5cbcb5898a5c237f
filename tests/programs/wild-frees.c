/*
 * wild-frees.c - gives back what is no block, one thing after the other, and says how often;
 * then everything that it has, from a forked child as well, which is right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SMALL = 40,
};

static int wrong;

static void drop(void *p)
{
	free(p);
}

static void drop_wrongly(void *p)
{
	wrong++;
	drop(p);
}

static void drop_all(char **small, void *large, void *aligned, void *empty)
{
	for (int i = 0; i < SMALL; i++)
		drop(small[i]);
	drop(large);
	drop(aligned);
	drop(empty);
}

int main(int argc, char **argv)
{
	char *small[SMALL];
	(void)argv;
	for (int i = 0; i < SMALL; i++)
		small[i] = malloc((size_t)(20 + 10 * i));
	char *large = malloc(5000), *aligned = aligned_alloc(4096, 9000);
	void *empty = malloc(0);
	if (argc > 1) {
		drop_wrongly(small[1] + 4);
		drop_wrongly(small[2] + 16);
		drop_wrongly(large + 16);
		drop_wrongly(aligned + 100);
		drop_wrongly(&large);
		drop_wrongly(&wrong);
		drop_wrongly((void *)0x1230);
		drop_wrongly((void *)7);
		char *twice = malloc(33);
		drop(twice);
		drop_wrongly(twice);
		wrong++;
		if (realloc(small[3] + 8, 100))
			return 1;
	}
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		drop_all(small, large, aligned, empty);
		_exit(0);
	}
	waitpid(child, &status, 0);
	drop_all(small, large, aligned, empty);
	printf("%d\n", wrong);
	return status;
}
