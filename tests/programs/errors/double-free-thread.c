/*
 * double-free-thread.c - a block is freed by one thread and then by another.
 * error: double-free
 * The twin, with an argument, frees it once.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void *drop_block(void *p)
{
	free(p); /* freed in drop_block */
	return NULL;
}

static void *drop_again(void *p)
{
	free(p); /* here in drop_again */
	return NULL;
}

static void run(void *(*function)(void *), void *p)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, function, p))
		abort();
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(5000);
	run(drop_block, p);
	if (!is_right)
		run(drop_again, p);
	return 0;
}
