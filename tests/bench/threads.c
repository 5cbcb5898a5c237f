/*
 * threads.c - bench: threads that allocate and free blocks of 16 to 271 bytes, seven
 * frames deep.
 *
 *     threads THREADS PAIRS SHARE
 *
 * Each thread does so many pairs; SHARE percent of its blocks are freed by whichever
 * thread comes to their place next, the others by itself.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	PLACES = 1024,
	DEPTH = 7,
};

static _Atomic(void *) shared[PLACES];
static long pairs, share;

static __attribute__((noinline)) void *allocate(size_t size, int depth)
{
	void *block = depth ? allocate(size, depth - 1) : malloc(size);
	__asm__ volatile("");
	return block;
}

static void *work(void *context)
{
	void *own[PLACES] = {0};
	uint32_t seed = (uint32_t)(uintptr_t)context * 2654435761u + 1;
	for (long i = 0; i < pairs; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t place = seed >> 22;
		char *block = allocate(16 + (seed >> 8) % 256, DEPTH);
		block[0] = 1;
		if ((seed >> 4) % 100 < share)
			block = atomic_exchange(&shared[place], block);
		void *old = own[place];
		own[place] = block;
		free(old);
	}
	for (int i = 0; i < PLACES; i++)
		free(own[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	long threads = argc > 3 ? atol(argv[1]) : 2;
	pthread_t *list = calloc((size_t)threads, sizeof *list);
	pairs = argc > 3 ? atol(argv[2]) : 1000000;
	share = argc > 3 ? atol(argv[3]) : 0;
	for (long i = 0; i < threads; i++)
		pthread_create(&list[i], NULL, work, (void *)(i + 1));
	for (long i = 0; i < threads; i++)
		pthread_join(list[i], NULL);
	return 0;
}
