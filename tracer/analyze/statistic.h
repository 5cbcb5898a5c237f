/*
 * statistic.h - groups as tracemalloc's Statistic and StatisticDiff: their order and
 * their words. Outside.
 */
#ifndef MT_TRACER_ANALYZE_STATISTIC_H
#define MT_TRACER_ANALYZE_STATISTIC_H

#include "tracer/analyze/group.h"

enum mt_sort {
	MT_SORT_SIZE,
	MT_SORT_COUNT,
	MT_SORT_AVERAGE,
};

struct mt_statistic {
	const struct mt_group *group;
	struct mt_counts now;
	struct mt_counts diff; /* now - old side; zero in a top */
	/* Of the traces on each side, the larger one: a smaller change is none. */
	struct mt_counts spread;
};

struct mt_statistics {
	struct mt_statistic *list; /* the first of the order */
	size_t count;
	size_t omitted_count; /* the rest, added up */
	struct mt_statistic omitted;
};

/*
 * The first limit groups (0: all) in order, descending. Of a top: by size, count, key;
 * of a diff by |size difference|, size, |count difference|, count, key. Another sort puts
 * its number before these. A change within the spread comes after all others. groups is
 * borrowed.
 */
int mt_statistics_init(struct mt_statistics *statistics, const struct mt_groups *groups,
		       bool is_diff, enum mt_sort sort, size_t limit,
		       struct mt_error *err);
void mt_statistics_deinit(struct mt_statistics *statistics);

/* How a row of a diff has changed. */
enum mt_change {
	MT_CHANGE_NONE, /* also: by no more than the spread */
	MT_CHANGE_INSERTED,
	MT_CHANGE_VANISHED,
	MT_CHANGE_GROWN,
	MT_CHANGE_SHRUNK,
};

enum mt_change mt_change_of(struct mt_counts now, struct mt_counts diff,
			    struct mt_counts spread);

enum {
	MT_SIZE_TEXT_BYTES = 40,
	MT_STATISTIC_TEXT_BYTES = 256,
};

/* "4855 KiB", signed "+4855 KiB". Of a double, because averages are fractions. */
void mt_size_text(char text[MT_SIZE_TEXT_BYTES], double bytes, bool is_signed);

/*
 * What follows the key in a row's text:
 * "size=4855 KiB (+4855 KiB), count=46001 (+46001), average=108 B".
 */
void mt_statistic_text(char text[MT_STATISTIC_TEXT_BYTES], struct mt_counts now,
		       const struct mt_counts *diff);

#endif
