/*
 * slope.h - does a series of sizes grow, or only fill and stop, or only wobble? Outside.
 */
#ifndef MT_TRACER_ANALYZE_SLOPE_H
#define MT_TRACER_ANALYZE_SLOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_SLOPE_MIN_POINTS = 3,
	MT_SLOPE_MAX_POINTS = 64, /* of a longer series take that many, evenly */
};

/* One measurement: bytes after step iterations or runs. */
struct mt_point {
	int64_t step;
	int64_t bytes;
};

struct mt_slope {
	double per_step; /* Theil and Sen's: the median slope over all pairs of points */
	double at_least; /* true with 99 %: the lower end of its confidence interval */
	bool goes_on; /* to the end, as steadily as it began or as beside a full cache */
};

/*
 * Points are in order of their steps, MT_SLOPE_MIN_POINTS to MT_SLOPE_MAX_POINTS of them.
 * A leak has at_least > 0 and goes_on; a cache that is full after four fifths of the steps
 * does not go on, nor does what falls back to where it began; noise has no sure slope. Twenty
 * points tell much more than ten.
 */
struct mt_slope mt_slope_of(const struct mt_point *points, size_t count);

#endif
