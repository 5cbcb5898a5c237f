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

/* No more than was added: blocks that were forgotten do not count when they go. */
static inline void inherited_remove(uint64_t bytes)
{
	struct mt_state_header *header = mt_state.header;
	if (!atomic_load_explicit(&header->arenas.inherited_count, memory_order_relaxed))
		return;
	atomic_fetch_sub_explicit(&header->arenas.inherited_count, 1,
				  memory_order_relaxed);
	atomic_fetch_sub_explicit(&header->arenas.inherited_bytes, bytes,
				  memory_order_relaxed);
}

/* As if there were none. No event may be under way. */
static inline void inherited_forget(void)
{
	struct mt_state_header *header = mt_state.header;
	for (uint32_t i = 0; i < header->used.pools; i++)
		if (mt_state.pools[i].inherited)
			mt_state.pools[i].inherited = 0;
	atomic_store(&header->arenas.inherited_count, 0);
	atomic_store(&header->arenas.inherited_bytes, 0);
	atomic_store(&header->arenas.inherited_total_count, 0);
	atomic_store(&header->arenas.inherited_total_bytes, 0);
}

#endif
