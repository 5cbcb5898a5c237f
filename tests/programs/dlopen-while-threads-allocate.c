/* Opens and closes a library 300 times while three threads allocate. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	THREADS = 3,
	ROUNDS = 300
};

static atomic_int stop;
static void *kept[ROUNDS];

static void *churn(void *unused)
{
	while (!atomic_load(&stop))
		free(malloc(1 + rand() % 900)); /* churn */
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	if (argc != 2)
		return 2;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, churn, NULL))
			return 1;
	for (int i = 0; i < ROUNDS; i++) {
		void *library = dlopen(argv[1], RTLD_NOW);
		if (!library) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		void *(*keep)(size_t) = (void *(*)(size_t))dlsym(library, "plugin_keep");
		kept[i] = keep(64);
		dlclose(library);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
