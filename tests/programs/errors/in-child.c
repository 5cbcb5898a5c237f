/*
 * in-child.c - an error in a forked child, about a block of its own; the parent goes on.
 * error: write-beyond
 * status: 0
 * The twin, with an argument, stays within.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *inherited = make_block(20);
	pid_t child = fork();
	if (child == 0) {
		char *p = make_block(35);
		p[35 - is_right] = 'x';
		free(inherited);
		drop_block(p);
		return 0;
	}
	int status = 0;
	waitpid(child, &status, 0);
	free(inherited);
	return 0;
}
