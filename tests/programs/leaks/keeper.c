/*
 * keeper.c - a thread that never allocates holds what main has made.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_barrier_t is_named;

static void *keep(void *block)
{
	void *volatile kept = block;
	pthread_setname_np(pthread_self(), "keeper");
	pthread_barrier_wait(&is_named);
	pause();
	return kept;
}

int main(void)
{
	pthread_t thread;
	void *block = malloc(100); /* kept */
	pthread_barrier_init(&is_named, NULL, 2);
	pthread_create(&thread, NULL, keep, block);
	block = NULL;
	pthread_barrier_wait(&is_named);
	exit(0);
}
