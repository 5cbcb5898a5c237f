/*
 * story.h - what the programs of this folder share: each is run as `program STORY
 * [threads]`, prints what a scan of its memory must find ("definite COUNT BYTES", one
 * line for each kind) and ends as its story wants. Blocks of a story come from functions
 * named story_...; with "threads" others wait while the story runs. C and C++.
 */
#ifndef MT_TESTS_STORY_H
#define MT_TESTS_STORY_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct story {
	const char *name;
	void (*run)(void);
};

static inline void expect(const char *kind, int count, long bytes)
{
	printf("%s %d %ld\n", kind, count, bytes);
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static inline void start_waiting(void)
{
	pthread_t thread;
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, wait_for_ever, NULL))
			abort();
}

/* What earlier calls have left in registers and below the stack pointer is overwritten. */
__attribute__((unused)) static NOINLINE void forget(void)
{
	volatile char room[16384];
	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 0;
}

static inline void (*find_story(const struct story *stories, int argc, char **argv))(void)
{
	static char buffer[4096];
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* no block of a story */
	if (argc > 2 && !strcmp(argv[2], "threads"))
		start_waiting();
	for (; stories->name; stories++)
		if (argc > 1 && !strcmp(stories->name, argv[1]))
			return stories->run;
	fprintf(stderr, "no such story\n");
	exit(2);
}

#endif
