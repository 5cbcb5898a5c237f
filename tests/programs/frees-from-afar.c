/*
 * frees-from-afar.c - a thread fills arenas, main empties them while it sleeps; then the
 * thread allocates more.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "memtrace.h"

enum {
	COUNT = 20000, /* of 512 bytes: ten arenas */
	MORE = 100,    /* needs a pool */
};

static char *blocks[COUNT];
static sem_t is_full, is_empty;

static void *fill(void *unused)
{
	for (int i = 0; i < COUNT; i++)
		blocks[i] = malloc(512);
	sem_post(&is_full);
	sem_wait(&is_empty);
	for (int i = 0; i < MORE; i++)
		blocks[i] = malloc(512);
	memtrace_snapshot("more");
	return unused;
}

int main(void)
{
	pthread_t thread;
	sem_init(&is_full, 0, 0);
	sem_init(&is_empty, 0, 0);
	if (pthread_create(&thread, NULL, fill, NULL))
		return 1;
	sem_wait(&is_full);
	for (int i = 0; i < COUNT; i++)
		free(blocks[i]);
	memtrace_snapshot("emptied");
	sem_post(&is_empty);
	return pthread_join(thread, NULL);
}
