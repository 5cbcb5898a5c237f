/*
 * churns.c - two threads allocate, write to and free blocks of up to 2 MB; says "ready", and
 * goes on until its standard input ends.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	THREADS = 2,
	BLOCKS = 256,
	SMALL = 4000,
	LARGE = 2000000,
};

static _Atomic int is_done;

static void *churn(void *seed)
{
	char *blocks[BLOCKS] = {0};
	unsigned state = *(unsigned *)seed;
	while (!is_done) {
		unsigned at = rand_r(&state) % BLOCKS;
		unsigned most = rand_r(&state) % 8 ? SMALL : LARGE;
		size_t size = 1 + rand_r(&state) % most;
		free(blocks[at]);
		blocks[at] = malloc(size);
		if (blocks[at])
			memset(blocks[at], 1, size);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	unsigned seeds[THREADS];
	char byte;
	for (unsigned i = 0; i < THREADS; i++) {
		seeds[i] = i + 1;
		if (pthread_create(&threads[i], NULL, churn, &seeds[i]))
			return 1;
	}
	if (write(1, "ready\n", 6) < 0)
		return 1;
	while (read(0, &byte, 1) > 0)
		;
	is_done = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
