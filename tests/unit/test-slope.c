/* test-slope.c - leaks grow; caches that fill, and noise, do not. */
#include "tests/tap.h"
#include "tracer/analyze/slope.h"

typedef int64_t (*series)(int64_t step);

static struct mt_slope slope_of(series f, size_t count)
{
	struct mt_point points[MT_SLOPE_MAX_POINTS];
	for (size_t i = 0; i < count; i++)
		points[i] = (struct mt_point){(int64_t)i, f((int64_t)i)};
	return mt_slope_of(points, count);
}

static bool grows(series f, size_t count)
{
	struct mt_slope slope = slope_of(f, count);
	return slope.at_least > 0 && slope.goes_on;
}

static int64_t steady_leak(int64_t step)
{
	return 1000 + 64 * step;
}

static int64_t slow_leak(int64_t step)
{
	return 4096 + 32 * (step / 7);
}

static int64_t constant(int64_t step)
{
	(void)step;
	return 77;
}

static int64_t noise(int64_t step)
{
	return 10000 + (int64_t)((uint64_t)step * 2654435761u >> 7 & 1023);
}

static int64_t noisy_leak(int64_t step)
{
	return noise(step) + 200 * step;
}

static int64_t cache(int64_t step)
{
	return step < 9 ? 500 * step : 4500;
}

static int64_t table_that_doubles(int64_t step)
{
	int64_t size = 64;
	while (size < step)
		size *= 2;
	return size;
}

static int64_t shrinking(int64_t step)
{
	return 100000 - 10 * step;
}

static int64_t outlier(int64_t step)
{
	return step == 15 ? 1000000 : 500;
}

static int64_t late_cache(int64_t step)
{
	return step < 40 ? 500 * step : 20000;
}

static int64_t leak_beside_cache(int64_t step)
{
	return late_cache(4 * step) + 10 * step;
}

static int64_t tooth(int64_t step)
{
	return 1000 * (step % 28);
}

TEST(caches_that_fill_late_do_not_grow)
{
	ok(!grows(late_cache, 50));
	ok(grows(late_cache, 40));
	ok(!grows(tooth, 50));
	ok(grows(leak_beside_cache, 50));
}

TEST(leaks_grow)
{
	for (size_t count = 3; count <= 64; count++)
		ok(grows(steady_leak, count));
	ok(grows(slow_leak, 30));
	ok(grows(slow_leak, 64));
	ok(grows(noisy_leak, 30));
	struct mt_slope slope = slope_of(steady_leak, 20);
	ok(slope.per_step == 64 && slope.at_least == 64);
}

TEST(what_stops_or_wobbles_does_not)
{
	for (size_t count = 3; count <= 64; count++) {
		ok(!grows(constant, count));
		ok(!grows(shrinking, count));
		ok(!grows(outlier, count));
	}
	for (size_t count = 20; count <= 64; count++)
		if (!ok(!grows(cache, count)))
			printf("# %zu\n", count);
	ok(!grows(noise, 20));
	ok(!grows(noise, 40));
	ok(!grows(noise, 64));
	ok(!grows(table_that_doubles, 64));
}

TEST(steps_need_not_be_even)
{
	struct mt_point points[] = {{2, 20}, {3, 30}, {7, 70}, {20, 200}};
	struct mt_slope slope = mt_slope_of(points, 4);
	ok(slope.per_step == 10 && slope.at_least == 10 && slope.goes_on);
}

TAP_MAIN()
