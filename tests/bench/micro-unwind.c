// inside: tracer/record/unwind.c tracer/record/near.c tracer/record/predict.c tracer/record/stack.c tracer/record/registers.c tracer/record/rules.c tracer/record/cfi.c tracer/record/modules.c tracer/record/tracebacks.c tracer/record/counters.c tracer/record/recorder.c
/*
 * What an event costs in the recorder: traceback and counters, without an allocator.
 * Nanoseconds per pair of allocation and free; the best of several rounds. The empty door is
 * subtracted: what is left is ours.
 */
#include <string.h>

#include "tests/record.h"

#include <time.h>

/* So that the compiler neither drops the variable nor makes the call before it a jump. */
#define KEEP(variable) __asm__ volatile("" ::"r"(variable) : "memory")

enum {
	ROUNDS = 15,
	PAIRS = 400000,
	FUNCTIONS = 16,
};

static struct mt_recorder recorder;
static bool is_recording;
static uint64_t state_of_random = 88172645463325252;

static uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(((state_of_random >> 32) * n) >> 32);
}

__attribute__((noinline)) static void door(size_t size)
{
	if (!is_recording)
		return;
	struct mt_caller caller = MT_CALLER();
	mt_traceback_id id = mt_unwind_traceback(&recorder, caller);
	mt_counters_alloc(&recorder, id, size);
	mt_counters_free(&recorder, id, size);
}

typedef void work(int n);
static work *work_at_bottom;
typedef void function(int depth, int n);
static function *const functions[FUNCTIONS];

/* Sixteen functions with frames of different sizes. */
#define FUNCTION(i)                                                                      \
	__attribute__((noinline)) static void f##i(int depth, int n)                     \
	{                                                                                \
		char space[16 * i + 8];                                                  \
		KEEP(space);                                                             \
		if (depth <= 1)                                                          \
			work_at_bottom(n);                                               \
		else                                                                     \
			functions[(i * 7 + depth) % FUNCTIONS](depth - 1, n);            \
		KEEP(space);                                                             \
	}
FUNCTION(0)
FUNCTION(1)
FUNCTION(2)
FUNCTION(3)
FUNCTION(4)
FUNCTION(5)
FUNCTION(6)
FUNCTION(7)
FUNCTION(8)
FUNCTION(9)
FUNCTION(10)
FUNCTION(11)
FUNCTION(12)
FUNCTION(13)
FUNCTION(14)
FUNCTION(15)
static function *const functions[FUNCTIONS] = {f0, f1, f2,  f3,  f4,  f5,  f6,  f7,
					       f8, f9, f10, f11, f12, f13, f14, f15};

static void same_site(int n)
{
	for (int i = 0; i < n; i++)
		door(48);
}

__attribute__((noinline)) static void one_deeper(size_t size)
{
	door(size);
	KEEP(NULL);
}

__attribute__((noinline)) static void two_deeper(size_t size)
{
	one_deeper(size);
	KEEP(NULL);
}

static void four_sites(int n)
{
	for (int i = 0; i < n; i += 4) {
		door(48);
		one_deeper(32);
		door(16);
		two_deeper(64);
	}
}

static int left_to_build;

__attribute__((noinline)) static void build_tree(int depth)
{
	door(32);
	left_to_build--;
	if (depth == 0 || left_to_build <= 0)
		return;
	build_tree(depth - 1);
	build_tree(depth - 1);
	KEEP(NULL);
}

static void tree(int n)
{
	for (left_to_build = n; left_to_build > 0;)
		build_tree(14);
}

static int left_to_walk;

__attribute__((noinline)) static void walk_a(int depth);
__attribute__((noinline)) static void walk_b(int depth);
__attribute__((noinline)) static void walk_c(int depth);

static inline void walk_on(int depth)
{
	while (left_to_walk > 0) {
		uint32_t what = pick(4);
		if (what == 0 && depth > 8)
			return;
		if (what == 1 && depth < 40)
			(pick(2) ? walk_a : pick(2) ? walk_b : walk_c)(depth + 1);
		left_to_walk--;
		door(24);
	}
}

static void walk_a(int depth)
{
	walk_on(depth);
}

static void walk_b(int depth)
{
	char space[100];
	KEEP(space);
	walk_on(depth);
	KEEP(space);
}

static void walk_c(int depth)
{
	char space[40];
	KEEP(space);
	walk_on(depth);
	KEEP(space);
}

static void random_walk(int n)
{
	left_to_walk = n;
	walk_a(8);
}

static double now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double best_of_rounds(work *bottom, int depth)
{
	double best = 1e30;
	for (int round = 0; round < ROUNDS; round++) {
		work_at_bottom = bottom;
		double start = now_ns();
		functions[0](depth, PAIRS);
		double elapsed = (now_ns() - start) / PAIRS;
		best = elapsed < best ? elapsed : best;
	}
	return best;
}

static void measure(const char *name, work *bottom, int depth)
{
	is_recording = false;
	double empty = best_of_rounds(bottom, depth);
	is_recording = true;
	uint64_t walks = recorder.shared->walks, walked = recorder.shared->walked;
	double full = best_of_rounds(bottom, depth);
	walks = recorder.shared->walks - walks;
	walked = recorder.shared->walked - walked;
	printf("%-14s depth %2d: %6.1f ns  predicted %6.2f %%  %4.1f frames walked\n",
	       name, depth, full - empty,
	       100 - 100.0 * (double)walks / (ROUNDS * (double)PAIRS),
	       walks ? (double)walked / (double)walks : 0);
}

int main(void)
{
	static const int depths[] = {5, 15, 30, 60};
	test_state_open(1 << 24, 1 << 22, 1 << 14);
	test_recorder_open(&recorder);
	for (int i = 0; i < 4; i++)
		measure("same site", same_site, depths[i] - 2);
	for (int i = 0; i < 4; i++)
		measure("four sites", four_sites, depths[i] - 2);
	measure("tree builder", tree, 3);
	measure("random walk", random_walk, 3);
	return 0;
}
