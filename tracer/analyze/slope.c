/*
 * slope.c - see slope.h. Outside.
 */
#include "tracer/analyze/slope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_PAIRS = MT_SLOPE_MAX_POINTS * (MT_SLOPE_MAX_POINTS - 1) / 2,
	SHORT = 8,      /* points */
	LEAST_TAIL = 8, /* points that can tell a bend */
};

/*
 * Chosen by tests/property/test-slope.c, which prints how many leaks are missed and caches
 * mistaken. Higher ones miss more and mistake less.
 */
static const double half_as_steep = 0.5, quarter_as_steep = 0.25, hardly_bent = 0.8;

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static size_t sorted_slopes(double *slopes, const struct mt_point *points, size_t count)
{
	size_t pairs = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = i + 1; k < count; k++)
			slopes[pairs++] =
				((double)points[k].bytes - (double)points[i].bytes) /
				(double)(points[k].step - points[i].step);
	qsort(slopes, pairs, sizeof *slopes, compare);
	return pairs;
}

static double tie_term(double count)
{
	return count * (count - 1) * (2 * count + 5);
}

/* Of Kendall's S, less what equal values take from it. */
static double variance(const struct mt_point *points, size_t count)
{
	double sum = tie_term((double)count);
	for (size_t i = 0; i < count; i++) {
		bool is_first = true;
		double equal = 1;
		for (size_t k = 0; k < i; k++)
			is_first &= points[k].bytes != points[i].bytes;
		for (size_t k = i + 1; k < count; k++)
			equal += points[k].bytes == points[i].bytes;
		if (is_first)
			sum -= tie_term(equal);
	}
	return sum / 18;
}

/* Of the interval that holds the slope with 99 %; slopes are sorted. */
static double lower_end(const double *slopes, size_t pairs, const struct mt_point *points,
			size_t count)
{
	static const double normal_99 = 2.326; /* one-sided */
	double width = normal_99 * sqrt(variance(points, count));
	double rank = ((double)pairs - width) / 2;
	/* Too few points for 99 %: every pair has to say so. */
	return slopes[rank > 0 ? (size_t)rank : 0];
}

static double least_slope(const struct mt_point *points, size_t count)
{
	double slopes[MAX_PAIRS];
	size_t pairs = sorted_slopes(slopes, points, count);
	return lower_end(slopes, pairs, points, count);
}

/* Of a least-squares line through y[0] ... y[count - 1]; their steps are even enough. */
static double slope_through(const double *y, size_t count)
{
	double middle = ((double)count - 1) / 2, above = 0, below = 0;
	for (size_t i = 0; i < count; i++) {
		above += ((double)i - middle) * y[i];
		below += ((double)i - middle) * ((double)i - middle);
	}
	return below > 0 ? above / below : 0;
}

static double median_of_3(double a, double b, double c)
{
	return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* The series without single points that stand out; a short one has none to spare. */
static void smooth(double *y, const struct mt_point *points, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool is_inner = count > SHORT && i > 0 && i < count - 1;
		y[i] = is_inner ? median_of_3((double)points[i - 1].bytes,
					      (double)points[i].bytes,
					      (double)points[i + 1].bytes)
				: (double)points[i].bytes;
	}
}

/* Steps of the last of so many parts; one at least. */
static size_t tail_of(size_t count, size_t parts)
{
	return count / parts < 1 ? 1 : count / parts;
}

/* The last quarter is at least half as steep as all before it: a full cache is not. */
static bool is_straight(const double *y, size_t count)
{
	size_t quarter = tail_of(count, 4);
	double early = slope_through(y, count - quarter);
	double late = slope_through(y + count - quarter - 1, quarter + 1);
	return late > 0 && late >= half_as_steep * early;
}

/* How steep a parabola through y[0] ... y[count - 1] is at its end. */
static double slope_at_end(const double *y, size_t count)
{
	double middle = ((double)count - 1) / 2;
	/* Of x^2 less its mean, which is orthogonal to the line; x^2 has no part in it. */
	double mean = ((double)count * (double)count - 1) / 12, above = 0, below = 0;
	for (size_t i = 0; i < count; i++) {
		double x = (double)i - middle, bend = x * x - mean;
		above += bend * y[i];
		below += bend * bend;
	}
	return slope_through(y, count) + 2 * middle * above / below;
}

/*
 * A cache filled, and beside it a leak goes on: the last three fifths are surely rising,
 * and do not become flatter, as they would where they approach a limit.
 */
static bool has_steady_tail(const double *y, const struct mt_point *points, size_t count)
{
	size_t first = count * 2 / 5, tail = count - first;
	return tail >= LEAST_TAIL && least_slope(points + first, tail) > 0 &&
	       slope_at_end(y + first, tail) >=
		       hardly_bent * slope_through(y + first, tail);
}

/* What grew among the last three fifths did not do so before the last one only. */
static bool is_rising_last(const double *y, size_t count)
{
	size_t first = count * 2 / 5, fifth = tail_of(count, 5);
	double late = slope_through(y + count - fifth - 1, fifth + 1);
	return late > 0 &&
	       late >= quarter_as_steep * slope_through(y + first, count - first);
}

static double lower_quartile(const double *y, size_t count)
{
	double sorted[MT_SLOPE_MAX_POINTS];
	memcpy(sorted, y, count * sizeof *y);
	qsort(sorted, count, sizeof *sorted, compare);
	return sorted[count / 4];
}

/* What falls back again and again has a floor, and that does not rise. */
static bool has_rising_floor(const double *y, size_t count, double per_step)
{
	size_t half = count / 2;
	double rise = lower_quartile(y + count - half, half) - lower_quartile(y, half);
	return rise >= half_as_steep * per_step * (double)half;
}

static bool goes_on(const struct mt_point *points, size_t count, double per_step)
{
	double y[MT_SLOPE_MAX_POINTS];
	smooth(y, points, count);
	return has_rising_floor(y, count, per_step) && is_rising_last(y, count) &&
	       (is_straight(y, count) || has_steady_tail(y, points, count));
}

struct mt_slope mt_slope_of(const struct mt_point *points, size_t count)
{
	double slopes[MAX_PAIRS];
	size_t pairs = sorted_slopes(slopes, points, count);
	double median = (slopes[(pairs - 1) / 2] + slopes[pairs / 2]) / 2;
	return (struct mt_slope){
		.per_step = median,
		.at_least = lower_end(slopes, pairs, points, count),
		.goes_on = goes_on(points, count, median),
	};
}
