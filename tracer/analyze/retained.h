/*
 * retained.h - what would be freed with the blocks of a row, at least. Outside.
 *
 * A scan says of each block what goes if it alone goes. Of several, those that lie on the
 * way to others of the same row count for these: nothing counts twice. What only several
 * of them hold together is not known.
 */
#ifndef MT_TRACER_ANALYZE_RETAINED_H
#define MT_TRACER_ANALYZE_RETAINED_H

#include "tracer/analyze/group.h"
#include "tracer/analyze/heap.h"

/*
 * Add to sums (key_count of them) what the blocks of each key retain. key_of_block:
 * MT_INDEX_NONE for blocks that do not count.
 */
int mt_retained_add(const struct mt_heap *heap, const uint32_t *key_of_block,
		    size_t key_count, struct mt_counts *sums, struct mt_error *err);

#endif
