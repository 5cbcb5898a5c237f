/*
 * pools.h - where blocks lie: what pools are used for, who pins them, and what is lost
 * to whom. Outside.
 *
 * The census goes over the small-object heap, pool by pool, and tells what it sees; then
 * it tells of the blocks with the C library. Shares of free memory are exact: they add up
 * to what is free.
 */
#ifndef MT_TRACER_COLLECT_POOLS_H
#define MT_TRACER_COLLECT_POOLS_H

#include "formats/record.h"
#include "formats/state.h"
#include "tracer/collect/cells.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_POOLS_PER_ARENA = 64,
};

/* A traceback's losses, and its place among the holders of the pool under way. */
struct mt_pools_holder {
	struct mt_record_hold hold;
	uint32_t stamp, place;
};

/* A pool of the arena under way that has blocks: its pins are pins[first] and on. */
struct mt_pools_used {
	uint32_t first, count;
	uint32_t blocks;
	uint64_t free_bytes;
	bool has_waiting;
};

struct mt_pools_arena {
	uint32_t index;
	uint32_t first_pin; /* of those that were kept */
	uint32_t pin_count;
	uint32_t blocks;
};

#define MT_POOLS_LIST(type)                                                              \
	struct {                                                                         \
		type *list;                                                              \
		size_t count, capacity;                                                  \
	}

struct mt_pools {
	struct mt_geometry geometry;
	MT_POOLS_LIST(struct mt_record_pool) pools;
	MT_POOLS_LIST(struct mt_record_pin) pins;
	MT_POOLS_LIST(struct mt_pools_arena) arenas; /* those with pins */
	MT_POOLS_LIST(struct mt_pools_holder) holders;
	MT_POOLS_LIST(uint32_t) numbers; /* by traceback, 0: nobody's: holder + 1 or 0 */
	bool has_borders;                /* smaller requests would make smaller blocks */
	struct mt_cells borders; /* keys: traceback, excess in the slot's place, class */
	struct mt_cells waiting; /* keys: traceback, class */

	/* The arena under way. */
	MT_POOLS_LIST(struct mt_record_pin) arena_pins;
	struct mt_pools_used used[MT_POOLS_PER_ARENA];
	uint32_t used_count;
	uint32_t arena;     /* index + 1; 0: none */
	uint32_t pool;      /* the one under way */
	uint32_t first_pin; /* of it, in arena_pins */
	bool has_waiting;   /* blocks in it that nobody can free */
	uint32_t stamp;
};

/* Zeroed is empty. */
void mt_pools_begin(struct mt_pools *pools, const struct mt_geometry *geometry,
		    bool has_borders);
void mt_pools_deinit(struct mt_pools *pools);

/* All that follow return false when out of memory. */

/* A pool begins, has blocks and ends; pools come in order of their indices. */
bool mt_pools_begin_pool(struct mt_pools *pools, uint32_t index);
bool mt_pools_add_block(struct mt_pools *pools, uint32_t traceback, uint32_t count,
			uint32_t rounding_bytes);
/* A freed one that waits in the quarantine of the debug modes: it takes its place. */
bool mt_pools_add_waiting(struct mt_pools *pools, uint32_t traceback, uint8_t class_index,
			  uint64_t block_bytes);
bool mt_pools_end_pool(struct mt_pools *pools, const struct mt_state_pool *pool,
		       uint32_t used);

/* What traceback lost, 0: what nobody did; NULL: nothing was told of it. Until the next call. */
struct mt_pools_holder *mt_pools_holder(const struct mt_pools *pools, size_t traceback);

/* After the last pool; arenas are then in order of their blocks, fewest first. */
bool mt_pools_end_heap(struct mt_pools *pools);

/* A block of the size, or one with the C library that takes block_bytes there. */
bool mt_pools_add_border(struct mt_pools *pools, uint32_t traceback, uint8_t class_index,
			 uint64_t size);
bool mt_pools_add_large(struct mt_pools *pools, uint32_t traceback, uint64_t size,
			uint64_t block_bytes);

/* Bytes freed by the C library below a block of the traceback; 0: above all blocks. */
bool mt_pools_add_beneath(struct mt_pools *pools, uint32_t traceback, uint64_t bytes);

#endif
