/*
 * samples.h - several traces on one side of a diff, or several moments of one trace:
 * what each of them says of each group. Outside.
 *
 * Groups add up. The samples remember the sums after each profile, so that what a single
 * one holds is a difference.
 */
#ifndef MT_TRACER_ANALYZE_SAMPLES_H
#define MT_TRACER_ANALYZE_SAMPLES_H

#include "tracer/analyze/group.h"

struct mt_samples {
	struct mt_groups *groups;
	enum mt_side side;
	struct mt_sample {
		struct mt_counts *sums; /* by group, as far as there were groups then */
		size_t group_count;
		struct mt_counts total;
	} * list;
	size_t count, capacity;
};

/* A zeroed struct with groups and side is empty. */
void mt_samples_deinit(struct mt_samples *samples);

/* Call after each profile that was added to the side. */
int mt_samples_note(struct mt_samples *samples, struct mt_error *err);

/* What the profile that was noted as the index-th holds. */
struct mt_counts mt_samples_get(const struct mt_samples *samples, size_t index,
				size_t group);

/*
 * The side of each group becomes the median of its samples, with their spread, which is
 * the largest less the smallest. The side's total becomes the sum of the medians; where
 * rows do not add up to it anyway (rows_overlap) the median of the totals.
 */
int mt_samples_settle(struct mt_samples *samples, bool rows_overlap,
		      struct mt_error *err);

#endif
