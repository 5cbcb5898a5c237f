/*
 * handoff.c - bench: one thread allocates, another frees.
 *
 * Blocks travel in batches through a short queue, so that the cost is that of the blocks
 * and not of waiting.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BATCH = 1000,
	QUEUE = 8,
};

struct batch {
	void *blocks[BATCH];
};

static struct batch queue[QUEUE];
static long put, taken, total;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Wait until count batches lie in the queue (or do not), then move one of the ends. */
static void advance(long *end, long limit)
{
	pthread_mutex_lock(&lock);
	++*end;
	pthread_cond_signal(&changed);
	while (put - taken == limit && put < total)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void *consume(void *unused)
{
	pthread_mutex_lock(&lock);
	while (!put)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	while (taken < total) {
		struct batch *batch = &queue[taken % QUEUE];
		for (int i = 0; i < BATCH; i++)
			free(batch->blocks[i]);
		advance(&taken, 0);
	}
	return unused;
}

int main(int argc, char **argv)
{
	total = argc > 1 ? atol(argv[1]) : 20000;
	pthread_t consumer;
	if (pthread_create(&consumer, NULL, consume, NULL))
		abort();
	for (long i = 0; i < total; i++) {
		struct batch *batch = &queue[i % QUEUE];
		for (int j = 0; j < BATCH; j++)
			batch->blocks[j] = malloc((size_t)(16 + j % 8 * 24));
		advance(&put, QUEUE);
	}
	pthread_join(consumer, NULL);
	printf("%ld\n", total * BATCH);
	return 0;
}
