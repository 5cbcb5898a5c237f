/*
 * in-handler.c - a signal handler frees a block that is free already.
 * error: double-free
 * The twin, with an argument, frees it once.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

static char *volatile block;
static bool is_right;

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* freed in drop_block */
}

static void on_signal(int number)
{
	(void)number;
	if (!is_right)
		free(block); /* here in on_signal */
}

int main(int argc, char **argv)
{
	(void)argv;
	is_right = argc > 1;
	block = make_block(90);
	signal(SIGUSR1, on_signal);
	drop_block(block);
	raise(SIGUSR1);
	return 0;
}
