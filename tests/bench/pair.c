/*
 * pair.c - bench: malloc and free of one size at one place, under so many nested calls.
 *
 *     pair DEPTH SIZE [PAIRS]
 *
 * prints the nanoseconds of a pair, the best of several rounds. With PAIRS there is one
 * round and nothing is printed: for a count of instructions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	ROUNDS = 25,
	PAIRS = 1000000,
};

static double now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

__attribute__((noinline)) static void run(size_t size, int pairs)
{
	for (int i = 0; i < pairs; i++) {
		void *p = malloc(size);
		__asm__ volatile("" ::"r"(p) : "memory");
		free(p);
	}
}

__attribute__((noinline)) static void descend(int depth, size_t size, int pairs)
{
	if (depth > 0)
		descend(depth - 1, size, pairs);
	else
		run(size, pairs);
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int depth = atoi(argv[1]);
	size_t size = strtoul(argv[2], NULL, 0);
	if (argc > 3) {
		descend(depth, size, atoi(argv[3]));
		return 0;
	}
	double best = 1e30;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		descend(depth, size, PAIRS);
		double elapsed = (now_ns() - start) / PAIRS;
		best = elapsed < best ? elapsed : best;
	}
	printf("%.1f\n", best);
	return 0;
}
