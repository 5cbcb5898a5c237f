/*
 * threads.c - threads that follow each other on the same stacks, each with other frames at the
 * same places; ended by return, pthread_exit and cancellation, whose clean-up allocates.
 * Arguments: number of threads, seed.
 */
#include <alloca.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct life {
	uint64_t random;
	int end; /* 0: returns, 1: pthread_exit, 2: is cancelled */
};

static pthread_key_t key;
static volatile int after;

static uint32_t pick(uint64_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 33) % n;
}

static NOINLINE void event(uint32_t n)
{
	char *volatile p = malloc(n % 600 + 1);
	free(p);
}

static void clean_up(void *data)
{
	event(*(uint32_t *)data);
}

static void destroy(void *data)
{
	event(9);
	free(data);
}

static NOINLINE void wait_for_the_end(void)
{
	event(5);
	for (;;)
		pause();
}

static NOINLINE void live(struct life *life, int depth)
{
	uint32_t size = 16 + pick(&life->random, 300);
	volatile char *space = alloca(size);
	space[0] = 1;
	pthread_cleanup_push(clean_up, &size);
	event(size);
	if (depth > 0)
		live(life, depth - 1 - (int)pick(&life->random, 2));
	else if (life->end == 1)
		pthread_exit(NULL);
	else if (life->end == 2)
		wait_for_the_end();
	event(size + 1);
	pthread_cleanup_pop(1);
	after += space[0];
}

static NOINLINE void *begin(void *data)
{
	live(data, 8);
	return NULL;
}

/* Another outermost function: other frames at the same addresses. */
static NOINLINE void *begin_otherwise(void *data)
{
	volatile char space[100];
	struct life *life = data;
	space[3] = 1;
	pthread_setspecific(key, malloc(40));
	live(life, 5);
	live(life, 6);
	after += space[3];
	return NULL;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 300;
	uint64_t random = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
	pthread_key_create(&key, destroy);
	for (int i = 0; i < count; i += 2) {
		pthread_t threads[2];
		struct life lives[2];
		for (int k = 0; k < 2; k++) {
			pthread_attr_t attributes;
			pthread_attr_init(&attributes);
			pthread_attr_setstacksize(&attributes,
						  (size_t)(1 + pick(&random, 3)) << 17);
			lives[k] = (struct life){.random = random + (uint64_t)k + 1,
						 .end = (int)pick(&random, 3)};
			pthread_create(&threads[k], &attributes,
				       pick(&random, 2) ? begin : begin_otherwise,
				       &lives[k]);
			pthread_attr_destroy(&attributes);
		}
		for (int k = 0; k < 2; k++) {
			if (lives[k].end == 2)
				pthread_cancel(threads[k]);
			pthread_join(threads[k], NULL);
		}
	}
	return 0;
}
