/* A thread begins to allocate when the address space is used up: its events cannot be recorded,
 * and have to be told. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	BLOCKS = 100,
};

static pthread_barrier_t ready, used_up;

static void *allocate(void *nothing)
{
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&used_up);
	for (int i = 0; i < BLOCKS; i++) {
		char *volatile block = malloc(40);
		free(block);
	}
	return nothing;
}

int main(void)
{
	struct rlimit none = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
	struct rlimit before;
	pthread_t thread;
	getrlimit(RLIMIT_AS, &before);
	pthread_barrier_init(&ready, NULL, 2);
	pthread_barrier_init(&used_up, NULL, 2);
	if (pthread_create(&thread, NULL, allocate, NULL))
		return 1;
	pthread_barrier_wait(&ready);
	setrlimit(RLIMIT_AS, &none);
	pthread_barrier_wait(&used_up);
	pthread_join(thread, NULL);
	setrlimit(RLIMIT_AS, &before);
	return 0;
}
