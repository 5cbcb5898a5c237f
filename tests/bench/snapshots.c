/*
 * snapshots.c - bench: a million live blocks of a hundred thousand tracebacks, and what
 * snapshots of them cost the program.
 *
 *     snapshots COUNT    take so many from within, print the milliseconds that each took
 *     snapshots wait     say "ready", go on until the end of the input, print the longest
 *                        pause in milliseconds: for a snapshot from outside meanwhile
 */
#include "memtrace.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	TRACEBACKS = 100000,
	BLOCKS_EACH = 10,
	DEPTH = 17, /* 2 to this power is more than TRACEBACKS */
	BETWEEN_MS = 1000,
};

static void *volatile kept;

static __attribute__((noinline)) void descend(uint32_t number, int depth)
{
	if (!depth) {
		for (int i = 0; i < BLOCKS_EACH; i++) {
			void **block = malloc(16 + number % 8 * 16);
			*block = kept;
			kept = block;
		}
	} else if (number & 1) {
		descend(number >> 1, depth - 1);
		__asm__ volatile("");
	} else {
		descend(number >> 1, depth - 1);
		__asm__ volatile("nop");
	}
}

static double now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void take(int count)
{
	for (int i = 0; i < count; i++) {
		char label[32];
		snprintf(label, sizeof label, "number %d", i);
		double begin = now_ms();
		int rc = memtrace_snapshot(label);
		double end = now_ms();
		printf("%.3f\n", rc ? -1 : end - begin);
		/* The collector is at work on it for a while; so is the program. */
		while (now_ms() < end + BETWEEN_MS)
			free(malloc(32));
	}
}

/* The longest time between two looks at the clock, with a pair of events in between. */
static double longest_pause(void)
{
	char input;
	double longest = 0, last = now_ms();
	fcntl(0, F_SETFL, O_NONBLOCK);
	puts("ready");
	fflush(stdout);
	for (int i = 0;; i++) {
		free(malloc(32));
		double now = now_ms();
		if (longest < now - last)
			longest = now - last;
		last = now;
		if (i % 1024 == 0 && read(0, &input, 1) == 0)
			return longest;
	}
}

int main(int argc, char **argv)
{
	for (uint32_t i = 0; i < TRACEBACKS; i++)
		descend(i, DEPTH);
	if (argc > 1 && !strcmp(argv[1], "wait"))
		printf("%.3f\n", longest_pause());
	else
		take(argc > 1 ? atoi(argv[1]) : 1);
	return 0;
}
