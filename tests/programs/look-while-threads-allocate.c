/*
 * look-while-threads-allocate.c - takes snapshots, and forks, while three threads allocate and
 * free, and in the main thread a handler of signals; says "done". Nothing is wrong with its
 * memory.
 */
#include "preload/memtrace.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	THREADS = 3,
	ROUNDS = 20,
	KEPT = 64,
	TICK_US = 3000,
};

static _Atomic int is_over;

static void *work(void *seed)
{
	unsigned state = (unsigned)(size_t)seed;
	char *kept[KEPT] = {0};
	while (!is_over) {
		state = state * 1103515245 + 12345;
		char **place = &kept[state >> 20 & (KEPT - 1)];
		size_t size = (state >> 8) % 700;
		free(*place);
		*place = malloc(size);
		memset(*place, 1, size);
	}
	for (int i = 0; i < KEPT; i++)
		free(kept[i]);
	return NULL;
}

static void tick(int number)
{
	static char *kept[KEPT];
	static unsigned count;
	char **place = &kept[count++ % KEPT];
	(void)number;
	free(*place);
	*place = malloc(50 + count % KEPT);
}

static void set_ticks(int us)
{
	setitimer(ITIMER_REAL, &(struct itimerval){{0, us}, {0, us}}, NULL);
}

static void look(int round)
{
	char label[20];
	snprintf(label, sizeof label, "round-%d", round);
	memtrace_snapshot(label);
	pid_t child = fork();
	if (child == 0) {
		set_ticks(0);
		free(malloc(10));
		exit(0);
	}
	int status = 0;
	while (waitpid(child, &status, 0) < 0)
		;
	if (status)
		printf("child: %x\n", status);
}

int main(void)
{
	pthread_t threads[THREADS];
	sigset_t ticks;
	sigemptyset(&ticks);
	sigaddset(&ticks, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &ticks, NULL);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	sigaction(SIGALRM,
		  &(struct sigaction){.sa_handler = tick, .sa_flags = SA_RESTART}, NULL);
	pthread_sigmask(SIG_UNBLOCK, &ticks, NULL);
	set_ticks(TICK_US);
	for (int round = 0; round < ROUNDS; round++)
		look(round);
	is_over = 1;
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	set_ticks(0);
	puts("done");
	return 0;
}
