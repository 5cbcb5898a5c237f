/*
 * heaps.c - blocks freed by other threads, the heaps of ended ones, and forked children.
 * Inside the traced process, under the guard; what other threads touch is atomic.
 */
#include "preload/heaps.h"

#include "preload/arenas.h"
#include "preload/debug.h"
#include "preload/fence.h"
#include "preload/inherited.h"
#include "preload/large.h"
#include "preload/look.h"
#include "preload/thread.h"
#include "tracer/record/blocks.h"
#include "tracer/record/counters.h"
#include "tracer/record/pages.h"
#include "tracer/record/sidetable.h"

uint32_t inherited_generation;

static struct thread **threads;     /* by slot */
static _Atomic uint32_t slot_limit; /* slots below this may have one */

/* What the threads counted that forks left behind. */
static struct {
	int64_t large_bytes, large_count;
} lost_threads;

bool heaps_start(void)
{
	threads = mt_pages_map_sparse(mt_state.max_threads * sizeof *threads);
	if (!threads || !debug_start())
		return false;
	if (!pymalloc_start())
		mt_state.heap_bytes = 0;
	return true;
}

struct thread *heaps_thread(uint32_t slot)
{
	return __atomic_load_n(&threads[slot], __ATOMIC_ACQUIRE);
}

struct thread *heaps_thread_create(uint32_t slot)
{
	struct thread *thread =
		mt_pages_map_coloured(sizeof *thread, MT_PAGES_COLOUR_THREAD);
	if (!thread)
		return NULL;
	thread->is_wiped = mt_pages_wipe_on_fork(&thread->recorder.pass);
	pymalloc_heap_init(&thread->heap, slot);
	__atomic_store_n(&threads[slot], thread, __ATOMIC_RELEASE);
	uint32_t limit = atomic_load(&slot_limit);
	while (limit <= slot &&
	       !atomic_compare_exchange_weak(&slot_limit, &limit, slot + 1))
		;
	return thread;
}

/*
 * The pool cannot change hands meanwhile: the blocks count as used until its owner has
 * taken them back. Only who finds the list empty enters the pool with its owner.
 */
static void hand_over(uint32_t pool_index, void *first, void *last)
{
	uint32_t slot = pymalloc.tags[pool_index].slot;
	if (slot == PYMALLOC_SLOT_FROZEN)
		return;
	struct pool_remote *remote = &pymalloc.remotes[pool_index];
	void *seen = atomic_load_explicit(&remote->blocks, memory_order_relaxed);
	do {
		*(void **)last = seen;
	} while (!atomic_compare_exchange_weak_explicit(&remote->blocks, &seen, first,
							memory_order_release,
							memory_order_relaxed));
	if (seen)
		return;
	struct heap *owner = &heaps_thread(slot)->heap;
	struct pool_remote *head =
		atomic_load_explicit(&owner->pending, memory_order_relaxed);
	do {
		remote->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&owner->pending, &head, remote,
							memory_order_release,
							memory_order_relaxed));
}

static void flush_batch(struct remote_batch *batch)
{
	hand_over(batch->pool_index, batch->first, batch->last);
	batch->count = 0;
}

void heaps_free_remote(struct heap *heap, uint32_t pool_index, void *block)
{
	struct remote_batch *batch = &heap->batches[pool_index % PYMALLOC_BATCHES];
	if (batch->count && batch->pool_index != pool_index)
		flush_batch(batch);
	if (batch->count)
		*(void **)block = batch->first;
	else
		batch->last = block;
	batch->first = block;
	batch->pool_index = pool_index;
	if (++batch->count == PYMALLOC_BATCH_BLOCKS)
		flush_batch(batch);
}

void heaps_free_unrecorded(uint32_t pool_index, void *block)
{
	atomic_store_explicit(&pymalloc.remotes[pool_index].is_unrecorded, 1,
			      memory_order_relaxed);
	hand_over(pool_index, block, block);
}

void heaps_flush(struct heap *heap)
{
	for (unsigned i = 0; i < PYMALLOC_BATCHES; i++)
		if (heap->batches[i].count)
			flush_batch(&heap->batches[i]);
}

void heaps_disinherit(uint32_t pool_index)
{
	uint16_t *place = &mt_state.pools[pool_index].inherited;
	uint16_t seen = __atomic_load_n(place, __ATOMIC_RELAXED);
	do {
		if (seen == 0)
			return;
	} while (!__atomic_compare_exchange_n(place, &seen, seen - 1, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	inherited_remove(pymalloc.tags[pool_index].block_bytes);
}

/* The free that a signal handler or a slotless thread could not record. */
static void record_late(const struct pool *pool, const void *block)
{
	mt_side_word word = mt_sidetable_take(block);
	if (word)
		mt_counters_free(&thread_self->recorder, mt_side_word_id(word),
				 pool->block_bytes - mt_side_word_slack(word));
	else
		heaps_disinherit((uint32_t)(pool - pymalloc.pools));
}

static void drain_pool(struct heap *heap, struct pool_remote *remote)
{
	struct pool *pool = &pymalloc.pools[remote - pymalloc.remotes];
	void *block =
		atomic_exchange_explicit(&remote->blocks, NULL, memory_order_acquire);
	bool is_unrecorded =
		atomic_load_explicit(&remote->is_unrecorded, memory_order_relaxed);
	while (block) {
		void *next = *(void **)block;
		if (is_unrecorded)
			record_late(pool, block);
		pymalloc_free(heap, pool, block);
		block = next;
	}
}

void heaps_drain(struct heap *heap)
{
	if (!atomic_load_explicit(&heap->pending, memory_order_relaxed))
		return;
	struct pool_remote *remote =
		atomic_exchange_explicit(&heap->pending, NULL, memory_order_acquire);
	while (remote) {
		struct pool_remote *next = remote->next;
		drain_pool(heap, remote);
		remote = next;
	}
}

static bool has_pending(uint32_t slot)
{
	struct thread *thread = heaps_thread(slot);
	return thread &&
	       atomic_load_explicit(&thread->heap.pending, memory_order_relaxed);
}

void heaps_drain_ended(void)
{
	uint32_t count = atomic_load(&mt_state.header->used.slots);
	for (uint32_t slot = 0; slot < count; slot++) {
		_Atomic uint32_t *state = &mt_state.threads[slot].state;
		uint32_t ended = MT_THREAD_ENDED;
		if (atomic_load_explicit(state, memory_order_relaxed) != ended ||
		    !has_pending(slot) ||
		    !atomic_compare_exchange_strong(state, &ended, MT_THREAD_LIVE))
			continue;
		struct heap *heap = &heaps_thread(slot)->heap;
		heaps_drain(heap);
		pymalloc_heap_settle(heap);
		atomic_store(state, MT_THREAD_ENDED);
	}
}

void heaps_lock_for_fork(void)
{
	debug_before_fork();
	fence_before_fork();
	arenas_before_fork();
	mt_blocks_before_fork();
}

void heaps_unlock_for_fork(void)
{
	mt_blocks_after_fork();
	arenas_after_fork();
	fence_after_fork();
	debug_after_fork();
}

/* Freed blocks that did not reach their pools are not live. */
static uint32_t count_remote(uint32_t pool_index)
{
	uint32_t count = 0;
	const void *block = atomic_load(&pymalloc.remotes[pool_index].blocks);
	for (; block; block = *(void *const *)block)
		count++;
	return count;
}

static void inherit_pool(uint32_t pool_index, uint32_t from, uint32_t to)
{
	const struct pool *pool = &pymalloc.pools[pool_index];
	struct pool_tag *tag = &pymalloc.tags[pool_index];
	uint32_t remote = count_remote(pool_index);
	uint32_t live = pool->used > remote ? pool->used - remote : 0;
	tag->slot = tag->slot == from ? to : PYMALLOC_SLOT_FROZEN;
	mt_state.pools[pool_index] = (struct mt_state_pool){
		.state = !pool->used  ? MT_POOL_EMPTY
			 : pool->free ? MT_POOL_USED
				      : MT_POOL_FULL,
		.class_index = pool->class_index,
		.inherited = (uint16_t)live,
		.slot = to,
	};
	if (live)
		inherited_add(live, live * (uint64_t)pool->block_bytes);
}

/* A thread that is gone had collected blocks for others, and counted its large ones. */
static void inherit_thread(const struct thread *gone)
{
	for (unsigned i = 0; i < PYMALLOC_BATCHES; i++)
		for (uint32_t n = gone->heap.batches[i].count; n > 0; n--)
			heaps_disinherit(gone->heap.batches[i].pool_index);
	lost_threads.large_bytes += gone->large_bytes;
	lost_threads.large_count += gone->large_count;
}

static void inherit_pools(struct heap *heap, uint32_t from, uint32_t to)
{
	heaps_flush(heap);
	heaps_drain(heap);
	for (uint32_t i = 0; i < arenas_pool_limit(); i++)
		if (arenas_is_carved(i))
			inherit_pool(i, from, to);
}

void heaps_after_fork(struct thread *survivor, uint32_t from, uint32_t to)
{
	inherited_generation++;
	mt_blocks_reopen_after_fork();
	debug_reopen_after_fork();
	fence_reopen_after_fork();
	look_reopen_after_fork();
	if (mt_state.heap_bytes) {
		arenas_reopen_after_fork();
		inherit_pools(&survivor->heap, from, to);
	}
	uint32_t limit = atomic_exchange(&slot_limit, to + 1);
	for (uint32_t slot = 0; slot < limit; slot++) {
		if (threads[slot] && threads[slot] != survivor)
			inherit_thread(threads[slot]);
		threads[slot] = NULL;
	}
	threads[to] = survivor;
	survivor->heap.slot = to;
	debug_disinherit();
	inherited_add((uint64_t)(lost_threads.large_count + survivor->large_count),
		      (uint64_t)(lost_threads.large_bytes + survivor->large_bytes));
}
