/*
 * pymalloc.h - blocks of 1 to 512 bytes, in pools, in arenas: CPython's small-object
 * allocator with one heap per thread.
 * Inside the traced process; everything here runs under the thread's guard.
 *
 * Sizes, offsets, free-list order, pool states and the choice of arenas are CPython's
 * (3.10 and later): on one thread the same requests give the same blocks. What differs is
 * where the bookkeeping lies: the 48 bytes at the start of each pool stay untouched, and
 * the pool's fields are in tables indexed by pool, so that what the owner writes, what
 * every thread reads and what other threads write are on different cache lines.
 *
 * A heap owns its used and full pools. Empty pools belong to their arena, arenas to all
 * heaps; both change hands under one lock.
 */
#ifndef MT_PRELOAD_PYMALLOC_H
#define MT_PRELOAD_PYMALLOC_H

#include "formats/state.h"
#include "tracer/record/state.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PYMALLOC_THRESHOLD = 512,
	PYMALLOC_POOL_HEADER_BYTES = 48,
	PYMALLOC_MODERN_ALIGNMENT = 16,
	PYMALLOC_POOLS_PER_ARENA = 64,
	PYMALLOC_CLASS_NONE = 0xff, /* carved, never used */
	PYMALLOC_BATCHES = 16,      /* remote frees under way, by pool */
	PYMALLOC_BATCH_BLOCKS = 32,
	PYMALLOC_SLOT_FROZEN = UINT32_MAX, /* pool of a thread that a fork left behind */
};

/* What a geometry comes down to on the hot path: two shifts. */
struct pymalloc_geometry {
	uint8_t class_shift;
	uint8_t pool_shift;
};

#define PYMALLOC_MODERN  ((struct pymalloc_geometry){.class_shift = 4, .pool_shift = 14})
#define PYMALLOC_CLASSIC ((struct pymalloc_geometry){.class_shift = 3, .pool_shift = 12})

/* A pool as its owner sees it. */
struct pool {
	void *free;                /* newest free block; NULL: full */
	struct pool *next;         /* used: in its class, or none; empty: in its arena */
	struct pool *prev;         /* used only; NULL: front */
	unsigned char *fresh;      /* next block that was never handed out */
	unsigned char *fresh_last; /* the last place where one fits */
	uint32_t used;             /* blocks handed out and not yet back */
	uint16_t block_bytes;
	uint8_t class_index; /* kept while empty, with the free list */
	uint8_t padding[17];
};
static_assert(sizeof(struct pool) == 64, "one cache line");

/* A pool as every thread sees it: written when the pool changes hands. */
struct pool_tag {
	uint32_t slot;
	uint16_t block_bytes;
	uint8_t class_index;
	uint8_t padding;
};
static_assert(sizeof(struct pool_tag) == 8, "read with one load");

/* Blocks of a pool that other threads freed, linked by their first words. */
struct pool_remote {
	_Atomic(void *) blocks;
	struct pool_remote *next;       /* in the owner's list of such pools */
	_Atomic uint32_t is_unrecorded; /* some were freed without a record */
	uint8_t padding[44];
};
static_assert(sizeof(struct pool_remote) == 64, "one cache line");

/* Blocks of one pool that this thread has freed and not yet handed over. */
struct remote_batch {
	void *first, *last;
	uint32_t pool_index;
	uint32_t count;
};

struct heap {
	struct pool *front[MT_MAX_CLASSES]; /* by class; &none: has no used pool */
	uint32_t slot;
	struct pool *parked; /* single-threaded: may be empty but not yet back */
	struct remote_batch batches[PYMALLOC_BATCHES];
	_Alignas(64) struct pool
		none; /* ends each list; without a free block, prev is idle */
	_Alignas(64) _Atomic(struct pool_remote *) pending; /* pools with remote blocks */
};

/* The tables, by pool index. NULL: there is no small-object heap. */
struct pymalloc {
	struct pool *pools;
	struct pool_tag *tags;
	struct pool_remote *remotes;
	struct pymalloc_geometry geometry;
	/* And there is a heap, and nothing is special: the fast path's only question. */
	bool is_modern;
	/*
	 * 1 where leaks are searched for, else 0: what a block has beyond the request, so that
	 * a pointer to its end is not taken for one to its neighbour. Its first word is
	 * cleared then too: the free list's link is no pointer of the program.
	 */
	uint8_t spare_bytes;
};

extern __attribute__((visibility("hidden"))) struct pymalloc pymalloc;

/* Reserve the tables for mt_state.heap. False: no memory, all goes to the C library. */
bool pymalloc_start(void);

void pymalloc_heap_init(struct heap *heap, uint32_t slot);

/* Give empty pools back to their arenas; the heap's thread ends. */
void pymalloc_heap_settle(struct heap *heap);

/* The slow sides of pymalloc_alloc and pymalloc_free. */
void *pymalloc_alloc_slow(struct heap *heap, uint32_t class_index);
void pymalloc_free_last(struct heap *heap, struct pool *pool, void *block);

static inline uint32_t pymalloc_pool_index(struct pymalloc_geometry geometry,
					   const void *p)
{
	return (uint32_t)((size_t)((const unsigned char *)p - mt_state.heap) >>
			  geometry.pool_shift);
}

static inline bool pymalloc_is_inside(const void *p)
{
	return (size_t)((const unsigned char *)p - mt_state.heap) < mt_state.heap_bytes;
}

static inline uint32_t pymalloc_class(struct pymalloc_geometry geometry, size_t size)
{
	return (uint32_t)((size - 1) >> geometry.class_shift);
}

static inline struct mt_state_pool *pymalloc_published(const struct pool *pool)
{
	return &mt_state.pools[pool - pymalloc.pools];
}

static inline void pymalloc_link_front(struct heap *heap, struct pool *pool)
{
	struct pool **front = &heap->front[pool->class_index];
	pool->prev = NULL;
	pool->next = *front;
	(*front)->prev = pool;
	*front = pool;
}

/* The pool at the front of its class is full. */
static inline void pymalloc_unlink_front(struct heap *heap, struct pool *pool)
{
	pool->next->prev = NULL;
	heap->front[pool->class_index] = pool->next;
}

/* Carved; NULL: there is no room for one. */
static inline void *pymalloc_carve(struct pool *pool)
{
	unsigned char *fresh = pool->fresh;
	if (fresh > pool->fresh_last)
		return NULL;
	*(void **)fresh = NULL;
	pool->fresh = fresh + pool->block_bytes;
	return fresh;
}

/*
 * A block of a used pool of the class; NULL: it has none. The next free block is made
 * ready when the last one goes: either a link leads to it, or it is carved, or the pool is
 * full and leaves its class.
 */
static inline void *pymalloc_try_alloc(struct heap *heap, uint32_t class_index)
{
	struct pool *pool = heap->front[class_index];
	void *block = pool->free;
	if (__builtin_expect(!block, 0))
		return NULL;
	void *next = *(void **)block;
	if (__builtin_expect(!next, 0)) {
		next = pymalloc_carve(pool);
		if (!next) {
			pymalloc_unlink_front(heap, pool);
			pymalloc_published(pool)->state = MT_POOL_FULL;
		}
	}
	pool->used++;
	pool->free = next;
	return block;
}

static inline void *pymalloc_alloc(struct heap *heap, uint32_t class_index)
{
	void *block = pymalloc_try_alloc(heap, class_index);
	return __builtin_expect(block != NULL, 1)
		       ? block
		       : pymalloc_alloc_slow(heap, class_index);
}

/*
 * A block of a pool that this heap owns. False, and nothing is done: it is the last one,
 * whose pool may have to be given back.
 */
static inline bool pymalloc_try_free(struct heap *heap, struct pool *pool, void *block)
{
	void *last = pool->free;
	uint32_t used = pool->used - 1;
	if (__builtin_expect(!used, 0) && heap->parked != pool)
		return false;
	*(void **)block = last;
	pool->free = block;
	pool->used = used;
	if (__builtin_expect(!last, 0)) {
		pymalloc_link_front(heap, pool);
		pymalloc_published(pool)->state = MT_POOL_USED;
	}
	return true;
}

static inline void pymalloc_free(struct heap *heap, struct pool *pool, void *block)
{
	if (__builtin_expect(!pymalloc_try_free(heap, pool, block), 0))
		pymalloc_free_last(heap, pool, block);
}

#endif
