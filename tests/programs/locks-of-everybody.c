/*
 * Threads that open and close a library, walk the list of objects, fork, make threads and
 * allocate, all at once, and allocate wherever a lock is held: in constructors of the
 * library, while the list is walked, in handlers of fork, in a signal handler.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ROUNDS = 150,
	BLOCKS = 64
};

static const char *plugin;

static void churn(unsigned seed)
{
	void *blocks[BLOCKS] = {0};
	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		unsigned n = seed * 7919 + i * 31;
		void **block = &blocks[n % BLOCKS];
		*block = n % 3 ? realloc(*block, 1 + n % 1500) : *block;
		if (n % 5 == 0) {
			free(*block);
			*block = aligned_alloc(64, 128);
		}
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}

static void *allocate(void *data)
{
	for (unsigned i = 0; i < 10 * ROUNDS; i++)
		churn(i);
	return data;
}

static void *open_and_close(void *data)
{
	for (int i = 0; i < ROUNDS; i++) {
		void *library = dlopen(plugin, RTLD_NOW);
		void *(*keep)(size_t) =
			library ? (void *(*)(size_t))dlsym(library, "plugin_keep") : NULL;
		if (!keep) {
			fprintf(stderr, "%s\n", dlerror());
			exit(1);
		}
		free(keep(64));
		dlclose(library);
	}
	return data;
}

static int in_list(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	free(strdup(info->dlpi_name));
	free(malloc(2000));
	return data != NULL;
}

static void *walk_objects(void *data)
{
	for (int i = 0; i < 2 * ROUNDS; i++)
		dl_iterate_phdr(in_list, NULL);
	return data;
}

static void around_fork(void)
{
	churn(3);
}

static void *fork_often(void *data)
{
	for (unsigned i = 0; i < ROUNDS / 3; i++) {
		pid_t child = fork();
		if (child == 0) {
			churn(i);
			_exit(7);
		}
		int status;
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 7)
			exit(2);
	}
	return data;
}

static void *make_threads(void *data)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		if (i % 10 == 0 && !pthread_create(&thread, NULL, walk_objects, NULL) &&
		    !pthread_join(thread, NULL))
			churn(9);
	}
	return data;
}

static void on_signal(int number)
{
	free(malloc((size_t)number * 10));
}

int main(int argc, char **argv)
{
	static void *(*const works[])(void *) = {
		allocate,     open_and_close, walk_objects,   fork_often,
		make_threads, fork_often,     open_and_close, allocate,
	};
	enum {
		THREADS = sizeof(works) / sizeof(*works)
	};
	pthread_t threads[THREADS];
	if (argc != 2)
		return 2;
	plugin = argv[1];
	pthread_atfork(around_fork, around_fork, around_fork);
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	struct itimerval often = {{0, 1000}, {0, 1000}};
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, works[i], NULL))
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
