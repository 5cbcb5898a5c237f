/*
 * slope.c - see slope.h. Outside.
 */
#include "tracer/analyze/slope.h"

#include <math.h>
#include <stdlib.h>

enum {
	MAX_PAIRS = MT_SLOPE_MAX_POINTS * (MT_SLOPE_MAX_POINTS - 1) / 2,
};

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

static double mean(const struct mt_point *points, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)points[i].bytes;
	return sum / (double)count;
}

/* The level of the last quarter is above that of the one before. */
static bool goes_on(const struct mt_point *points, size_t count)
{
	size_t later = count - count / 2, first = later / 2;
	const struct mt_point *half = points + count - later;
	return mean(half + first, later - first) > mean(half, first);
}

struct mt_slope mt_slope_of(const struct mt_point *points, size_t count)
{
	static const double normal_99 = 2.326; /* one-sided */
	double slopes[MAX_PAIRS];
	size_t pairs = sorted_slopes(slopes, points, count);
	double width = normal_99 * sqrt(variance(points, count));
	double rank = ((double)pairs - width) / 2;
	return (struct mt_slope){
		.per_step = (slopes[(pairs - 1) / 2] + slopes[pairs / 2]) / 2,
		/* Too few points for 99 %: every pair has to say so. */
		.at_least = slopes[rank > 0 ? (size_t)rank : 0],
		.goes_on = goes_on(points, count),
	};
}
