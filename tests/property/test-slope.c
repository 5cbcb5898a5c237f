/*
 * test-slope.c - generated series: how many leaks are missed, and how many caches taken for
 * leaks. The rates are printed; SEED=n repeats a run.
 */
#include "tests/tap.h"
#include "tracer/analyze/slope.h"

#include <math.h>
#include <stdint.h>
#include <time.h>

enum {
	SERIES = 1000, /* of each shape and noise */
	NOISES = 3,
};

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static double uniform(double from, double to)
{
	return from + (to - from) * (double)(next() >> 11) / (double)(UINT64_C(1) << 53);
}

static double normal(void)
{
	return sqrt(-2 * log(uniform(1e-12, 1))) * cos(2 * M_PI * uniform(0, 1));
}

/* Fills level[0] ... level[count - 1]; a leak rises by about 1 a step, a cache to 1. */
typedef void shape(double *level, int count);

/* Leaks. */

static void straight(double *level, int count)
{
	for (int i = 0; i < count; i++)
		level[i] = i;
}

static void staircase(double *level, int count)
{
	int every = 2 + (int)(next() % 4), phase = (int)(next() % 4);
	for (int i = 0; i < count; i++)
		level[i] = (i + phase) / every * every;
}

/* One in so many requests leaks. */
static void by_chance(double *level, int count)
{
	double sum = 0;
	for (int i = 0; i < count; i++)
		level[i] = sum += next() % 4 ? 0 : 4;
}

static void with_teeth(double *level, int count)
{
	int period = 3 + (int)(next() % 4), phase = (int)(next() % 7);
	for (int i = 0; i < count; i++)
		level[i] = i + 2.0 * ((i + phase) % period);
}

static void beside_a_cache(double *level, int count)
{
	double fill = uniform(0.05, 0.4) * count, size = uniform(1, 20) * count;
	for (int i = 0; i < count; i++)
		level[i] = i + fmin(i / fill, 1) * size;
}

/* Caches: full after 80 % of the steps at the latest. */

static void linear(double *level, int count)
{
	double fill = uniform(0.05, 0.8) * (count - 1);
	for (int i = 0; i < count; i++)
		level[i] = fmin(i / fill, 1);
}

static void exponential(double *level, int count)
{
	double time = uniform(0.03, 0.27) * count;
	for (int i = 0; i < count; i++)
		level[i] = 1 - exp(-i / time);
}

static void steps(double *level, int count)
{
	int at[4], number = 1 + (int)(next() % 4);
	for (int k = 0; k < number; k++)
		at[k] = (int)uniform(1, 0.8 * count);
	for (int i = 0; i < count; i++) {
		level[i] = 0;
		for (int k = 0; k < number; k++)
			level[i] += i >= at[k] ? 1.0 / number : 0;
	}
}

static void doubling(double *level, int count)
{
	double full = uniform(0.2, 0.8) * count;
	for (int i = 0; i < count; i++) {
		double size = full / 64;
		while (size < fmin(i, full))
			size *= 2;
		level[i] = size / full;
	}
}

/* Every key that is asked for is kept; they are chosen at random. */
static void by_keys(double *level, int count)
{
	enum {
		KEYS = 256
	};
	bool is_kept[KEYS] = {false};
	int kept = 0, each = (int)(KEYS * uniform(5, 20) / count) + 1;
	for (int i = 0; i < count; i++) {
		for (int k = 0; k < each; k++) {
			bool *key = &is_kept[next() % KEYS];
			kept += !*key;
			*key = true;
		}
		level[i] = (double)kept / KEYS;
	}
}

static void sawtooth(double *level, int count)
{
	double period = uniform(0.05, 0.9) * count, phase = uniform(0, 1) * period;
	if (period > 0.45 * count)
		phase = 0;
	for (int i = 0; i < count; i++)
		level[i] = fmod(i + phase, period) / period;
}

static void constant(double *level, int count)
{
	for (int i = 0; i < count; i++)
		level[i] = 1;
}

/* Rate of those judged to be leaks. */
static double found(shape *make, int count, double noise, double scale)
{
	int leaks = 0;
	for (int i = 0; i < SERIES; i++) {
		double level[MT_SLOPE_MAX_POINTS];
		struct mt_point points[MT_SLOPE_MAX_POINTS];
		make(level, count);
		for (int k = 0; k < count; k++)
			points[k] = (struct mt_point){
				k, llround(1e6 + scale * (level[k] + noise * normal()))};
		struct mt_slope slope = mt_slope_of(points, (size_t)count);
		leaks += slope.at_least > 0 && slope.goes_on &&
			 points[count - 1].bytes > points[0].bytes;
	}
	return (double)leaks / SERIES;
}

/* How many in a hundred may be judged wrongly, by noise. */
struct kind {
	const char *name;
	shape *make;
	double of_20[NOISES], of_64[NOISES];
};

static void seed(void)
{
	const char *text = getenv("SEED");
	state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	printf("# SEED=%" PRIu64 "\n", state);
	for (int i = 0; i < 10; i++)
		next();
}

static void judge(const struct kind *kind, bool is_leak, int count,
		  const double noises[NOISES], const double bounds[NOISES])
{
	double wrong[NOISES];
	for (int i = 0; i < NOISES; i++) {
		double rate =
			found(kind->make, count, noises[i], is_leak ? 1000 : 100000);
		wrong[i] = 100 * (is_leak ? 1 - rate : rate);
		ok(wrong[i] <= bounds[i]);
	}
	printf("# %s of %d: %-15s %5.1f %% %5.1f %% %5.1f %%\n",
	       is_leak ? "missed" : "mistaken", count, kind->name, wrong[0], wrong[1],
	       wrong[2]);
}

static void judge_all(const struct kind *kinds, size_t count, bool is_leak,
		      const double noises[NOISES])
{
	seed();
	for (size_t i = 0; i < count; i++) {
		judge(&kinds[i], is_leak, 20, noises, kinds[i].of_20);
		judge(&kinds[i], is_leak, 64, noises, kinds[i].of_64);
	}
}

TEST(leaks_are_found)
{
	static const struct kind leaks[] = {
		{"straight", straight, {0, 6, 52}, {0, 1, 8}},
		{"staircase", staircase, {12, 12, 54}, {0, 1, 8}},
		{"by chance", by_chance, {58, 50, 64}, {20, 20, 28}},
		{"with teeth", with_teeth, {22, 30, 54}, {0, 1, 8}},
		{"beside a cache", beside_a_cache, {1, 34, 84}, {2, 2, 34}},
	};
	/* In times of what leaks in a step. */
	static const double noises[NOISES] = {0, 1, 5};
	judge_all(leaks, sizeof leaks / sizeof *leaks, true, noises);
}

TEST(caches_are_no_leaks)
{
	static const struct kind caches[] = {
		{"linear", linear, {0, 1, 3}, {0, 1, 3}},
		{"exponential", exponential, {0, 3, 12}, {0, 2, 8}},
		{"steps", steps, {0, 2, 8}, {0, 2, 6}},
		{"doubling", doubling, {0, 2, 2}, {0, 2, 2}},
		{"by keys", by_keys, {1, 4, 15}, {1, 4, 9}},
		{"sawtooth", sawtooth, {1, 2, 2}, {2, 4, 3}},
		{"constant", constant, {0, 2, 2}, {0, 2, 2}},
	};
	/* Of the size of the full cache. */
	static const double noises[NOISES] = {0, 0.01, 0.05};
	judge_all(caches, sizeof caches / sizeof *caches, false, noises);
}

TAP_MAIN()
