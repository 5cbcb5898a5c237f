/*
 * deep.c - ten thousand frames, and beyond what is kept. Arguments: depth, events at
 * one frame in so many, rounds.
 */
#include <stdlib.h>

static volatile int after;

static __attribute__((noinline)) void event(int n)
{
	char *volatile p = malloc((size_t)(n % 400) + 1);
	free(p);
}

static __attribute__((noinline)) void recur(int depth, int every)
{
	volatile int local = depth;
	if (depth % every == 0)
		event(depth);
	if (depth > 0)
		recur(depth - 1, every);
	if (depth % every == 1)
		event(depth);
	after += local;
}

int main(int argc, char **argv)
{
	int depth = argc > 1 ? atoi(argv[1]) : 10000;
	int every = argc > 2 ? atoi(argv[2]) : 100;
	for (int i = argc > 3 ? atoi(argv[3]) : 2; i > 0; i--)
		recur(depth, every);
	return 0;
}
