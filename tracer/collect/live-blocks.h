/*
 * live-blocks.h - the live blocks of a process, each with its place. Outside.
 *
 * Blocks are numbered in the order of their addresses, from 0. What is known of a small
 * one is its side word (4 bytes) and a bit for each granule of its pool; of one outside
 * the small-object heap 16 bytes.
 */
#ifndef MT_TRACER_COLLECT_LIVE_BLOCKS_H
#define MT_TRACER_COLLECT_LIVE_BLOCKS_H

#include "formats/error.h"
#include "tracer/collect/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_LIVE_NONE UINT32_MAX

/* A pool of the small-object heap. */
struct mt_live_pool {
	uint32_t first;      /* number of its first live block */
	uint16_t live_count; /* without those that came from a fork's parent */
	uint8_t class_index;
	bool is_used;
	bool has_unknown; /* live blocks besides: which of them is not known */
};

struct mt_live_large {
	uint64_t address : 48;
	uint64_t size_low : 16;
	uint32_t size_high;
	uint32_t traceback;
};

/* Large blocks that lie close together, and where to begin to look among them. */
struct mt_live_cluster {
	uint64_t start, end;
	uint32_t first, count; /* large blocks */
	uint32_t index;        /* in starts; of no use where count is 1 */
};

/* Memory that the program told us of, and its traceback. */
struct mt_live_region {
	uint64_t address, size;
	mt_traceback_id traceback;
};

struct mt_live {
	struct mt_geometry geometry;
	/* In the debug modes, between a block as recorded and as the program knows it. */
	uint32_t lead;
	uint64_t base, bytes;          /* of the small-object heap, from the lead on */
	uint64_t lowest, highest;      /* bounds of all blocks */
	uint32_t pool_shift, granules; /* of a pool */
	uint32_t reciprocals[MT_MAX_CLASSES];

	struct mt_live_pool *pools;
	uint64_t *live;  /* granules / 64 words for each pool: blocks begin here */
	uint16_t *ranks; /* by word of live: how many begin in the words before */
	uint32_t pool_count, pool_room;
	uint32_t *words; /* side words of the small blocks */
	uint32_t small_count;
	size_t small_capacity;
	uint32_t small_first; /* number of the first small block */

	struct mt_live_large *large;
	uint32_t large_count;
	struct mt_live_cluster *clusters;
	uint32_t cluster_count;
	uint32_t *starts;

	struct mt_live_region *regions; /* of memtrace_track */
	size_t region_count;

	uint32_t count;
	bool is_partial;  /* some blocks were never recorded */
	bool has_unknown; /* that, or some came from the parent of a fork */
};

/* What a block is. */
struct mt_live_block {
	uint64_t address, size;
	mt_traceback_id traceback;
};

/* Of a state that may change: how much it holds, about. */
struct mt_live_estimate {
	uint32_t blocks;
	uint64_t bytes;
};
struct mt_live_estimate mt_live_estimate(const struct mt_image *image);

/*
 * Memory for what the estimate says, so that loading need not wait for it. Heap is zeroed
 * before; what is missing is taken later.
 */
void mt_live_prepare(struct mt_live *heap, const struct mt_image *image,
		     const struct mt_live_estimate *estimate);

/*
 * From a state that nobody changes meanwhile; its header must be fresh. Heap is zeroed
 * before, or prepared.
 */
int mt_live_load(struct mt_live *heap, const struct mt_image *image,
		 struct mt_error *err);
void mt_live_deinit(struct mt_live *heap);

/* Of all live blocks together, at least. */
uint64_t mt_live_bytes(const struct mt_live *heap);

/*
 * The live block that the address lies in, and how far; MT_LIVE_NONE: in none. Where a
 * block ends belongs to it, unless another one may begin there: a small block that fills
 * its place has no byte to spare.
 */
uint32_t mt_live_find(const struct mt_live *heap, uint64_t address, uint64_t *offset);

/* The address will be looked for soon. */
void mt_live_prefetch(const struct mt_live *heap, uint64_t address);

/* Whether it is worth to look: most words are no pointers. */
static inline bool mt_live_may_hold(const struct mt_live *heap, uint64_t address)
{
	return address - heap->lowest < heap->highest - heap->lowest;
}

struct mt_live_block mt_live_block(const struct mt_live *heap, uint32_t number);

/* One after the other: begins zeroed, before the first. */
struct mt_live_cursor {
	uint32_t next;    /* number */
	uint32_t pool;    /* that the next small one is looked for in */
	uint32_t granule; /* from which on */
};
struct mt_live_block mt_live_next(const struct mt_live *heap,
				  struct mt_live_cursor *cursor);

/* Whether it is one of the small-object heap, and the pool that it is in. */
static inline bool mt_live_is_small(const struct mt_live *heap, uint32_t number)
{
	return number - heap->small_first < heap->small_count;
}

#endif
