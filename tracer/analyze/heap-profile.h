/*
 * heap-profile.h - between the blocks of a scan and the rows of a profile. Outside.
 */
#ifndef MT_TRACER_ANALYZE_HEAP_PROFILE_H
#define MT_TRACER_ANALYZE_HEAP_PROFILE_H

#include "tracer/analyze/group.h"
#include "tracer/analyze/heap.h"
#include "tracer/analyze/types.h"

enum {
	MT_LEAKED_KINDS = 1 << MT_LEAK_DEFINITE | 1 << MT_LEAK_INDIRECT,
	MT_ALL_KINDS = (1 << MT_LEAK_KINDS) - 1,
};

/*
 * One row for each traceback, with its blocks of these kinds (bits 1 << enum mt_leak_kind)
 * as live, in place of the rows that there are.
 */
int mt_heap_set_rows(struct mt_profile *profile, const struct mt_heap *heap,
		     unsigned kinds, struct mt_error *err);

/* The same for cells by type, which borrow types. */
int mt_heap_set_cells(struct mt_profile *profile, const struct mt_heap *heap,
		      unsigned kinds, const struct mt_types *types, struct mt_error *err);

/*
 * The group of each block; MT_INDEX_NONE: it is in none, because filters dropped it. Of a
 * profile that was added to groups.
 */
int mt_heap_locate(const struct mt_heap *heap, struct mt_groups *groups,
		   const struct mt_profile *profile, const struct mt_callsites *callsites,
		   uint32_t *group_of_block, struct mt_error *err);

#endif
