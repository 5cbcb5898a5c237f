/*
 * forget.c - a forked child forgets what it inherited; with threads, a new peak begins at
 * what is live. Status 0: as it should be.
 */
#include "preload/memtrace.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BLOCKS = 500,
	THREADS = 4,
};

static void *small[BLOCKS], *large;

static void release_all(void)
{
	for (int i = 0; i < BLOCKS; i++)
		free(small[i]);
	free(large);
}

/* The first event makes the child's own state. */
static int child(void)
{
	void *volatile own = malloc(77);
	size_t current = 1, peak = 1;
	memtrace_clear_traces();
	memtrace_get_traced_memory(&current, &peak);
	if (current || peak)
		return 1;
	free(own);
	own = malloc(33);
	memtrace_snapshot("forgotten");
	release_all();
	memtrace_snapshot("released");
	return own == NULL;
}

static pthread_barrier_t turn;

static void *work(void *unused)
{
	void *volatile kept = malloc(1000);
	free(malloc(200000));
	pthread_barrier_wait(&turn); /* all hold theirs; main begins a new peak */
	pthread_barrier_wait(&turn);
	void *volatile more = malloc(10);
	pthread_barrier_wait(&turn); /* main looks */
	pthread_barrier_wait(&turn);
	free(more);
	free(kept);
	return unused;
}

static int check_peaks(void)
{
	size_t current, peak, later, later_peak;
	pthread_barrier_wait(&turn);
	memtrace_reset_peak();
	memtrace_get_traced_memory(&current, &peak);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	memtrace_get_traced_memory(&later, &later_peak);
	pthread_barrier_wait(&turn);
	printf("%zu %zu, %zu %zu\n", current, peak, later, later_peak);
	return current != peak || later != current + 10 * THREADS || later_peak < later;
}

int main(void)
{
	for (int i = 0; i < BLOCKS; i++)
		small[i] = malloc(100);
	large = malloc(100000);
	if (!memtrace_is_tracing())
		return 2;
	pid_t pid = fork();
	if (!pid)
		exit(child());
	int status = -1;
	waitpid(pid, &status, 0);
	release_all();
	pthread_t threads[THREADS];
	pthread_barrier_init(&turn, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	int is_wrong = check_peaks();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return status ? 3 : is_wrong;
}
