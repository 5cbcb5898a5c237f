/*
 * fence-range.h - the range of guarded blocks, for those who make them and those who look at
 * them: fence.c, fence-look.c.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_FENCE_RANGE_H
#define MT_PRELOAD_FENCE_RANGE_H

#include "preload/fence.h"
#include "preload/inherited.h"
#include "tracer/record/lock.h"
#include "tracer/record/pages.h"

enum {
	FENCE_CELL_PAGES = 2,
	FENCE_CELL_BYTES = FENCE_CELL_PAGES * MT_PAGE_BYTES,
	FENCE_FIRST_CELL = 1, /* the one before it is the fence before the first block */
};

struct fence_range {
	struct fence_block *blocks; /* by cell */
	uint32_t cell_count;
	uint32_t
		next_cell; /* under the lock: where the search begins, never in a block */
	_Atomic uint32_t top; /* cells below this were used at least once */
	uint32_t sample;
	uint64_t budget_bytes;
	_Atomic uint32_t most_blocks; /* as the kernel's limit of mappings allows */
	_Atomic(char *) spare;        /* pages, each a mapping of its own */
	_Atomic uint64_t live_bytes;
	_Atomic uint32_t live_blocks;
	_Atomic uint32_t deferred; /* cell + 1 */
	struct mt_lock lock;
	_Atomic bool was_opened; /* some page that ought to be inaccessible */
	bool is_broken; /* a fork came in the middle: no new blocks in the child */
};

extern __attribute__((visibility("hidden"))) struct fence_range fence_range;

static inline uint32_t fence_cell_of(const struct fence_block *block)
{
	return (uint32_t)(block - fence_range.blocks);
}

static inline unsigned char *fence_cell_start(uint32_t cell)
{
	return fence.start + (size_t)cell * FENCE_CELL_BYTES;
}

static inline enum fence_state fence_state_of(const struct fence_block *block)
{
	uint32_t state = atomic_load_explicit(&block->state, memory_order_acquire);
	return state == FENCE_PINNED ? FENCE_LIVE : (enum fence_state)state;
}

static inline size_t fence_data_bytes(const struct fence_block *block)
{
	return mt_pages_round(block->offset + (block->size ? block->size : 1));
}

static inline bool fence_is_own(const struct fence_block *block)
{
	return block->birth == (uint16_t)inherited_generation;
}

#endif
