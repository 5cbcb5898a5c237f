/* The first large block of the process is a thread's: prints "own" where it lies outside of
 * the main heap, as every thread's but the first one's does. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static void *is_in_main_heap;

static void *allocate(void *heap_begins)
{
	char *volatile block = malloc(50000);
	uintptr_t at = (uintptr_t)block, low = (uintptr_t)heap_begins;
	is_in_main_heap = at >= low && at < (uintptr_t)sbrk(0) ? block : NULL;
	free(block);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, allocate, sbrk(0)) ||
	    pthread_join(thread, NULL))
		return 1;
	if (write(1, is_in_main_heap ? "main\n" : "own\n", is_in_main_heap ? 5 : 4) < 0)
		return 1;
	return 0;
}
