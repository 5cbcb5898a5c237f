/* 10,000 threads: each keeps a block, frees some, and leaves one for main to free. */
#include <pthread.h>
#include <stdlib.h>

enum {
	THREADS = 10000,
	AT_ONCE = 16,
	OWN = 8
};

static void *kept[THREADS], *left[THREADS];

static void *work(void *argument)
{
	size_t number = (size_t)argument;
	void *own[OWN];
	kept[number] = malloc(48);  /* kept */
	left[number] = malloc(200); /* left */
	for (int i = 0; i < OWN; i++)
		own[i] = malloc(16 * (i + 1)); /* own */
	for (int i = 0; i < OWN; i++)
		free(own[i]);
	return NULL;
}

int main(void)
{
	pthread_t threads[AT_ONCE];
	for (size_t first = 0; first < THREADS; first += AT_ONCE) {
		for (size_t i = 0; i < AT_ONCE; i++)
			if (pthread_create(&threads[i], NULL, work, (void *)(first + i)))
				return 1;
		for (size_t i = 0; i < AT_ONCE; i++)
			pthread_join(threads[i], NULL);
		for (size_t i = 0; i < AT_ONCE; i++)
			free(left[first + i]);
	}
	return 0;
}
