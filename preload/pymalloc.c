/*
 * pymalloc.c - the paths of the small-object allocator on which pools change state.
 * Inside the traced process, under the thread's guard.
 *
 * A pool without used blocks belongs to its arena. Giving it back and taking it again
 * costs more than all else, so a heap may keep the only pool of a class linked although
 * it is empty. With a single thread that is done only where CPython would choose this
 * very pool next, and any other move of a pool is preceded by the real return: nobody can
 * tell the difference. With threads, whose pools come in no promised order, the only
 * pool of a class stays with its heap.
 */
#include "preload/pymalloc.h"

#include "preload/arenas.h"
#include "preload/config.h"
#include "preload/heaps.h"

struct pymalloc pymalloc;

bool pymalloc_start(void)
{
	if (!mt_state.heap_bytes || !mt_state.max_arenas)
		return false;
	pymalloc.geometry = mt_state.header->geometry_kind == MT_GEOMETRY_CLASSIC
				    ? PYMALLOC_CLASSIC
				    : PYMALLOC_MODERN;
	if (!arenas_start())
		return false;
	bool is_checked = mt_state.header->check_mode != MT_CHECK_NONE;
	pymalloc.spare_bytes = config.finds_leaks && !is_checked;
	pymalloc.is_modern = mt_state.header->geometry_kind == MT_GEOMETRY_MODERN &&
			     !is_checked && !pymalloc.spare_bytes;
	return true;
}

void pymalloc_heap_init(struct heap *heap, uint32_t slot)
{
	for (int i = 0; i < MT_MAX_CLASSES; i++)
		heap->front[i] = &heap->none;
	heap->slot = slot;
}

static void unlink_pool(struct heap *heap, struct pool *pool)
{
	pool->next->prev = pool->prev;
	if (pool->prev)
		pool->prev->next = pool->next;
	else
		heap->front[pool->class_index] = pool->next;
}

static bool is_only_pool(const struct heap *heap, const struct pool *pool)
{
	return pool->next == &heap->none && !pool->prev;
}

static void put_pool(struct heap *heap, struct pool *pool)
{
	unlink_pool(heap, pool);
	pymalloc_published(pool)->state = MT_POOL_EMPTY;
	arenas_put_pool(pool);
}

/* Make true what was put off: before any other pool moves. */
static void settle_parked(struct heap *heap)
{
	struct pool *pool = heap->parked;
	heap->parked = NULL;
	if (pool && pool->used == 0)
		put_pool(heap, pool);
}

/* Without blocks handed out: two are ready, the rest is carved when it is needed. */
static void format(struct pool *pool, uint32_t class_index)
{
	uint8_t pool_shift = pymalloc.geometry.pool_shift;
	size_t index = (size_t)(pool - pymalloc.pools);
	unsigned char *base = mt_state.heap + (index << pool_shift);
	uint32_t size = (class_index + 1) << pymalloc.geometry.class_shift;
	unsigned char *first = base + PYMALLOC_POOL_HEADER_BYTES;
	pool->class_index = (uint8_t)class_index;
	pool->block_bytes = (uint16_t)size;
	*(void **)first = first + size;
	*(void **)(first + size) = NULL;
	pool->free = first;
	pool->fresh = first + 2 * (size_t)size;
	pool->fresh_last = base + ((size_t)1 << pool_shift) - size;
}

static void adopt_pool(struct heap *heap, struct pool *pool, uint32_t class_index)
{
	if (pool->class_index != class_index)
		format(pool, class_index);
	pool->used = 0;
	pymalloc.tags[pool - pymalloc.pools] =
		(struct pool_tag){.slot = heap->slot,
				  .block_bytes = pool->block_bytes,
				  .class_index = pool->class_index};
	*pymalloc_published(pool) =
		(struct mt_state_pool){.state = MT_POOL_USED,
				       .class_index = pool->class_index,
				       .slot = heap->slot};
	pymalloc_link_front(heap, pool);
}

/* A pool for the class at the front of its list. False: out of memory. */
static bool take_pool(struct heap *heap, uint32_t class_index)
{
	bool locked = arenas_lock();
	settle_parked(heap);
	struct pool *pool = arenas_take_pool();
	if (!pool && arenas_are_shared()) {
		arenas_unlock(locked);
		heaps_drain_ended();
		locked = arenas_lock();
		pool = arenas_take_pool();
	}
	if (!pool && arenas_add())
		pool = arenas_take_pool();
	arenas_unlock(locked);
	if (!pool)
		return false;
	arenas_make_present(pool);
	adopt_pool(heap, pool, class_index);
	return true;
}

void *pymalloc_alloc_slow(struct heap *heap, uint32_t class_index)
{
	heaps_drain(heap);
	if (!heap->front[class_index]->free && !take_pool(heap, class_index))
		return NULL;
	return pymalloc_alloc(heap, class_index);
}

void pymalloc_free_last(struct heap *heap, struct pool *pool, void *block)
{
	*(void **)block = pool->free;
	pool->free = block;
	pool->used = 0;
	if (arenas_are_shared() && is_only_pool(heap, pool))
		return;
	bool locked = arenas_lock();
	settle_parked(heap);
	if (!locked && is_only_pool(heap, pool) && arenas_would_choose(pool))
		heap->parked = pool;
	else
		put_pool(heap, pool);
	arenas_unlock(locked);
}

static void settle_class(struct heap *heap, uint32_t class_index)
{
	struct pool *pool = heap->front[class_index];
	while (pool != &heap->none) {
		struct pool *next = pool->next;
		if (pool->used == 0)
			put_pool(heap, pool);
		pool = next;
	}
}

void pymalloc_heap_settle(struct heap *heap)
{
	bool locked = arenas_lock();
	settle_parked(heap);
	for (uint32_t i = 0; i < MT_MAX_CLASSES; i++)
		settle_class(heap, i);
	arenas_unlock(locked);
}
