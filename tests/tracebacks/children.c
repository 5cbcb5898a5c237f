/*
 * children.c - events in children of fork, _Fork and vfork, in their threads, and in the
 * parent between and after. Argument: rounds.
 */
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

extern char **environ;
static volatile int after;

static NOINLINE void event(int n)
{
	char *volatile p = malloc((size_t)(n * 37 % 700) + 1);
	free(p);
}

static NOINLINE void in_frames(int depth)
{
	volatile char space[33];
	space[depth & 31] = 1;
	event(depth);
	if (depth > 0)
		in_frames(depth - 1);
	event(depth + 1);
	after += space[depth & 31];
}

static void *in_thread(void *data)
{
	in_frames(6);
	return data;
}

static NOINLINE void live_as_child(void)
{
	pthread_t thread;
	in_frames(9);
	if (!pthread_create(&thread, NULL, in_thread, NULL))
		pthread_join(thread, NULL);
	in_frames(3);
}

static NOINLINE void in_vfork(void)
{
	pid_t child = vfork();
	if (child == 0) {
		in_frames(5);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static NOINLINE void in_spawned(void)
{
	char *argv[] = {"true", NULL};
	pid_t child;
	if (!posix_spawnp(&child, "true", NULL, NULL, argv, environ))
		waitpid(child, NULL, 0);
}

static NOINLINE void in_child(pid_t (*make)(void))
{
	pid_t child = make();
	if (child == 0) {
		live_as_child();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 5;
	for (int i = 0; i < rounds; i++) {
		in_frames(4 + i % 5);
		in_child(fork);
		in_vfork();
		in_child(_Fork);
		in_frames(7);
	}
	in_spawned();
	return 0;
}
