/* Thread-specific values whose destructors free late, allocate again and set values. */
#include <pthread.h>
#include <stdlib.h>

enum {
	THREADS = 200
};

static pthread_key_t first, second;
static void *kept[THREADS];
static int kept_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void end_first(void *value)
{
	free(value);
	pthread_setspecific(second, malloc(77)); /* again */
}

static void end_second(void *value)
{
	free(value);
	void *block = malloc(40); /* late */
	pthread_mutex_lock(&lock);
	if (kept_count < THREADS)
		kept[kept_count++] = block;
	else
		free(block);
	pthread_mutex_unlock(&lock);
}

static void *work(void *unused)
{
	pthread_setspecific(first, malloc(33)); /* value */
	return unused;
}

int main(void)
{
	if (pthread_key_create(&first, end_first) ||
	    pthread_key_create(&second, end_second))
		return 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, work, NULL) ||
		    pthread_join(thread, NULL))
			return 1;
	}
	return kept_count == THREADS ? 0 : 3;
}
