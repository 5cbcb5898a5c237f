/*
 * reload.c - libraries that are unloaded and come back, other code at the same addresses.
 * With -DVARIANT=N it is one of these libraries: each has frames of other sizes. Arguments
 * of the program: rounds, "behind" or "openly", then the libraries. Behind the back of
 * whoever interposes dlclose, as the C library does it with its character sets.
 */
#include <dlfcn.h>
#include <iconv.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int (*close_library)(void *library) = dlclose;
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
	close_library(library);
	pthread_mutex_unlock(&one_at_a_time);
	return NULL;
}

static void convert(int round)
{
	static const char *const sets[] = {"UTF-16",     "UTF-32",      "UNICODE",
					   "UTF-7",      "ISO-2022-KR", "ISO-2022-JP",
					   "ISO-2022-CN"};
	char text[] = "text", result[64], *from = text, *to = result;
	size_t left = 4, room = sizeof(result);
	iconv_t set = iconv_open(sets[round * 5 % 7], "UTF-8");
	if (set == (iconv_t)-1)
		return;
	iconv(set, &from, &left, &to, &room);
	iconv_close(set);
}

static void choose_close(const char *how)
{
	void *library = dlopen("libc.so.6", RTLD_NOW);
	if (!strcmp(how, "behind") && library)
		close_library = (int (*)(void *))(uintptr_t)dlsym(library, "dlclose");
}

/* In the main thread and, from time to time, another one that knows other rules. */
int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	if (argc < 4)
		return 2;
	choose_close(argv[2]);
	libraries = argv + 3;
	library_count = argc - 3;
	for (int i = 0; i < rounds; i++) {
		pthread_t thread;
		convert(i);
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
