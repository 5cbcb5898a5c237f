/*
 * in-child-inherited.c - a forked child that asks for no memory of its own damages a block of
 * its parent's, and exits.
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

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(45);
	pid_t child = fork();
	if (child == 0) {
		p[45 - is_right] = 'x';
		exit(0);
	}
	int status = 0;
	waitpid(child, &status, 0);
	free(p);
	return 0;
}
