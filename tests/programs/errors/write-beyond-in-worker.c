/*
 * write-beyond-in-worker.c - one byte beyond the end of a block, in a child that _exit ends.
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

static char *kept;

static void fill(char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p[i] = 'x';
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	pid_t child = fork();
	if (!child) {
		kept = make_block(29);
		fill(kept, 29 + !is_right);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return 0;
}
