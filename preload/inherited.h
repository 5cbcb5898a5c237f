/*
 * inherited.h - blocks that a forked child got from its parent: one row, by class sizes.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_INHERITED_H
#define MT_PRELOAD_INHERITED_H

#include "tracer/record/state.h"

#include <stdint.h>

/* How many forks lie between this process and the first: 0 means nothing is inherited. */
extern uint32_t inherited_generation;

static inline void inherited_add(uint64_t count, uint64_t bytes)
{
	struct mt_state_header *header = mt_state.header;
	atomic_fetch_add_explicit(&header->arenas.inherited_count, count,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&header->arenas.inherited_bytes, bytes,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&header->arenas.inherited_total_count, count,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&header->arenas.inherited_total_bytes, bytes,
				  memory_order_relaxed);
}

static inline void inherited_remove(uint64_t bytes)
{
	struct mt_state_header *header = mt_state.header;
	atomic_fetch_sub_explicit(&header->arenas.inherited_count, 1,
				  memory_order_relaxed);
	atomic_fetch_sub_explicit(&header->arenas.inherited_bytes, bytes,
				  memory_order_relaxed);
}

#endif
