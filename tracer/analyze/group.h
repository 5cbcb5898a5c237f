/*
 * group.h - rows of a profile added up by a key: line, file, function, ... Outside.
 *
 * A group has two sides, so that two profiles, of one trace or of two, add up into the
 * same groups: top fills one side, diff both.
 */
#ifndef MT_TRACER_ANALYZE_GROUP_H
#define MT_TRACER_ANALYZE_GROUP_H

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/path.h"
#include "tracer/analyze/profile.h"

enum mt_by {
	MT_BY_LINENO,
	MT_BY_FILENAME,
	MT_BY_FUNCTION,
	MT_BY_TRACEBACK,
	MT_BY_MODULE,
	MT_BY_SIZE_CLASS,
	MT_BY_THREAD,
	MT_BY_DOMAIN,
	MT_BY_TYPE,
};

enum mt_metric {
	MT_METRIC_LIVE,
	MT_METRIC_PEAK,
	MT_METRIC_TOTAL,
	MT_METRIC_RETAINED, /* grouped as live; see retained.h */
};

/* As on the command line: "lineno". */
const char *mt_by_name(enum mt_by by);

/* Rows by thread and by size class come from the profile's cells. */
static inline bool mt_by_needs_cells(enum mt_by by)
{
	return by == MT_BY_SIZE_CLASS || by == MT_BY_THREAD;
}

/* The keys that are made of locations. */
static inline bool mt_by_is_location(enum mt_by by)
{
	return by != MT_BY_TRACEBACK && by != MT_BY_DOMAIN && by != MT_BY_TYPE &&
	       !mt_by_needs_cells(by);
}

enum mt_side {
	MT_SIDE_NEW = 0, /* the only one of a top */
	MT_SIDE_OLD = 1,
};

enum mt_group_kind {
	MT_GROUP_KEYED,
	MT_GROUP_INHERITED, /* blocks from before a fork: no class, no thread known */
	MT_GROUP_UNKNOWN,   /* class or thread is not known */
};

struct mt_group {
	struct mt_counts sides[2];
	struct mt_counts spread[2]; /* of the traces of a side; see samples.h */
	/* The one with the largest share, of those that have the key; by traceback: the
	   key frame. */
	mt_location_id location;
	struct mt_counts share;      /* of location */
	mt_location_id old_location; /* the same for the old side alone */
	uint32_t path;               /* by traceback */
	uint64_t number;             /* bytes of a class (0: large), tid, domain */
	const char *name;            /* of a thread or type, interned; NULL: none */
	uint8_t kind;                /* enum mt_group_kind */
	uint8_t share_side;
};

struct mt_groups {
	enum mt_by by;
	struct mt_locations *locations;
	struct mt_paths paths;
	struct mt_group *list;
	size_t count, capacity;
	struct mt_index index;
	uint32_t *group_of_path; /* by traceback, in place of the index: group + 1 */
	size_t path_capacity;
	struct mt_counts totals[2]; /* of the profiles, each row once */
};

int mt_groups_init(struct mt_groups *groups, enum mt_by by,
		   struct mt_locations *locations, struct mt_error *err);
void mt_groups_deinit(struct mt_groups *groups);

/*
 * Add a profile to a side; the old side first. Callsites must be resolved, and the whole
 * chains by traceback and in cumulative mode, where every frame counts, as often as it
 * occurs. Cumulative and metrics but live are for keys that have them.
 */
int mt_groups_add(struct mt_groups *groups, enum mt_side side,
		  const struct mt_profile *profile, const struct mt_callsites *callsites,
		  enum mt_metric metric, bool is_cumulative, struct mt_error *err);

/*
 * The group of each row of a profile that was added, by type of each cell; MT_INDEX_NONE:
 * it is in none.
 */
int mt_groups_locate(struct mt_groups *groups, const struct mt_profile *profile,
		     const struct mt_callsites *callsites, uint32_t *ids,
		     struct mt_error *err);

/* The order of keys where the numbers are equal. <0, 0, >0. */
int mt_groups_compare_keys(const struct mt_groups *groups, const struct mt_group *a,
			   const struct mt_group *b);

#endif
