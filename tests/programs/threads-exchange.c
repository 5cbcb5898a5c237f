/* 64 threads exchange blocks of all sizes; what is left is freed, but for 64 blocks. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	THREADS = 64,
	ROUNDS = 20000,
	SLOTS = 1024
};

static _Atomic(unsigned char *) slots[SLOTS];
static void *kept[THREADS];

static void drop(unsigned char *block)
{
	if (!block)
		return;
	if (block[0] != 0x5a)
		abort(); /* somebody else wrote into it */
	free(block);
}

static void *work(void *argument)
{
	size_t number = (size_t)argument;
	uint32_t random = 12345 + (uint32_t)number;
	for (int i = 0; i < ROUNDS; i++) {
		random = random * 1664525 + 1013904223;
		size_t size = 1 + (random >> 8) % ((random & 0xff) ? 512 : 20000);
		unsigned char *block = malloc(size); /* exchanged */
		memset(block, 0x5a, size);
		drop(atomic_exchange(&slots[(random >> 16) % SLOTS], block));
	}
	kept[number] = malloc(100); /* kept */
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			return 1;
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < SLOTS; i++)
		drop(slots[i]);
	return 0;
}
