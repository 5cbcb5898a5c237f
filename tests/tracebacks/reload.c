/*
 * reload.c - libraries that are unloaded and come back, other code at the same addresses.
 * With -DVARIANT=N it is one of these libraries: each has frames of other sizes. Arguments
 * of the program: rounds, then the libraries.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

typedef void entry(int depth);

#ifdef VARIANT

static volatile int after;

static NOINLINE void event(int n)
{
	char *volatile p = malloc((size_t)(n + VARIANT) % 500 + 1);
	free(p);
}

static NOINLINE void inner(int depth)
{
	volatile char space[16 + 24 * VARIANT];
	space[depth & 15] = 1;
#if VARIANT % 2
	volatile char *more = __builtin_alloca((size_t)(16 + depth));
	more[0] = 1;
	after += more[0];
#endif
	event(depth);
	if (depth > 0)
		inner(depth - 1);
	after += space[depth & 15];
}

#if VARIANT == 2
__attribute__((constructor)) static void at_load(void)
{
	inner(3);
}
__attribute__((destructor)) static void at_unload(void)
{
	inner(2);
}
#endif

void run(int depth);
void run(int depth)
{
	volatile char space[8 + 40 * (VARIANT % 3)];
	space[0] = 1;
	inner(depth);
	event(1);
	after += space[0];
}

#else

static char **libraries;
static int library_count;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void through(entry *run, int depth)
{
	volatile char space[40];
	space[0] = (char)depth;
	if (depth > 0)
		through(run, depth - 1);
	else
		run(5);
	space[1] = space[0];
}

static void *use_one(void *data)
{
	int round = *(int *)data;
	pthread_mutex_lock(&one_at_a_time);
	void *library = dlopen(libraries[round % library_count], RTLD_NOW);
	entry *run = library ? (entry *)(uintptr_t)dlsym(library, "run") : NULL;
	if (!run) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	through(run, round % 4);
	dlclose(library);
	pthread_mutex_unlock(&one_at_a_time);
	return NULL;
}

/* In the main thread and, from time to time, another one that knows other rules. */
int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	libraries = argv + 2;
	library_count = argc - 2;
	for (int i = 0; i < rounds; i++) {
		pthread_t thread;
		if (i % 5) {
			use_one(&i);
		} else {
			pthread_create(&thread, NULL, use_one, &i);
			pthread_join(thread, NULL);
		}
	}
	return 0;
}

#endif
