/*
 * large.c - requests that go to the C library, with and without a header of ours.
 * Inside the traced process, under the guard, which covers the C library too.
 */
#include "preload/large.h"

#include "preload/brk.h"
#include "preload/inherited.h"
#include "preload/libc.h"
#include "tracer/record/blocks.h"
#include "tracer/record/counters.h"
#include "tracer/record/unwind.h"

#include <errno.h>

/* Whether there ever was a plain block in the table: else foreign ones need no look. */
static _Atomic bool has_plain;

static _Atomic(void *) deferred;

/* Beyond, no sum of size, header and alignment may be formed. */
static const size_t most_bytes = PTRDIFF_MAX - LARGE_HEADER_ALIGNMENT_MAX;

static bool is_plain_mode(void)
{
	return mt_state.header->malloc_mode == MT_MALLOC_LIBC;
}

static uint16_t generation(void)
{
	return (uint16_t)inherited_generation;
}

void large_drain_deferred(struct thread *thread)
{
	void *block = atomic_exchange_explicit(&deferred, NULL, memory_order_acquire);
	while (block) {
		void *next = *(void **)block;
		large_forget(thread, block);
		large_release(block);
		block = next;
	}
}

void large_defer_free(void *p)
{
	void *seen = atomic_load_explicit(&deferred, memory_order_relaxed);
	do {
		*(void **)p = seen;
	} while (!atomic_compare_exchange_weak_explicit(
		&deferred, &seen, p, memory_order_release, memory_order_relaxed));
}

static void *from_libc(size_t size, size_t alignment, bool is_zeroed)
{
	void *p = alignment > LARGE_ALIGNMENT ? __libc_memalign(alignment, size)
		  : is_zeroed                 ? __libc_calloc(1, size)
					      : __libc_malloc(size);
	brk_follow(p, size);
	return p;
}

static void zero(void *p, size_t size)
{
	__builtin_memset(p, 0, size);
}

static void *place_plain(size_t size, size_t alignment, bool is_zeroed)
{
	void *p = from_libc(size, alignment, is_zeroed);
	if (p && is_zeroed && alignment > LARGE_ALIGNMENT)
		zero(p, size);
	return p;
}

static void *place_headed(size_t size, size_t alignment, bool is_zeroed)
{
	if (alignment < LARGE_ALIGNMENT)
		alignment = LARGE_ALIGNMENT;
	char *start = from_libc(size + alignment, alignment, is_zeroed);
	if (!start)
		return NULL;
	void *p = start + alignment;
	if (is_zeroed && alignment > LARGE_ALIGNMENT)
		zero(p, size);
	uint8_t shift = (uint8_t)__builtin_ctzl(alignment);
	large_mark(p, LARGE_HEADED, size,
		   (struct large_tag){.generation = generation(), .shift = shift});
	return p;
}

void *large_place(struct thread *thread, size_t size, size_t alignment, bool is_zeroed)
{
	if (__builtin_expect(!!atomic_load_explicit(&deferred, memory_order_relaxed), 0))
		large_drain_deferred(thread);
	if (is_plain_mode() || alignment > LARGE_HEADER_ALIGNMENT_MAX)
		return place_plain(size, alignment, is_zeroed);
	if (size > most_bytes) {
		errno = ENOMEM;
		return NULL;
	}
	return place_headed(size, alignment, is_zeroed);
}

static void count_large(struct thread *thread, int64_t count, uint64_t bytes)
{
	thread->large_count += count;
	thread->large_bytes += count * (int64_t)bytes;
}

static void record_plain(struct thread *thread, mt_traceback_id id, void *p, size_t size)
{
	uint32_t entry = mt_blocks_add(&thread->recorder, p, size, id, MT_BLOCK_LIBC);
	const struct mt_block block = {.address = (uintptr_t)p,
				       .size = size,
				       .index = entry,
				       .generation = generation()};
	if (!entry)
		return;
	atomic_store_explicit(&has_plain, true, memory_order_relaxed);
	if (!mt_blocks_note(&block)) {
		mt_blocks_remove(&thread->recorder, entry);
		mt_state_lose(MT_LOSS_BLOCKS_FULL);
		return;
	}
	count_large(thread, 1, size);
	mt_counters_alloc(&thread->recorder, id, size);
}

void large_record(struct thread *thread, mt_traceback_id id, void *p, size_t size)
{
	if (large_kind(p) != LARGE_HEADED) {
		record_plain(thread, id, p, size);
		return;
	}
	uint32_t entry = mt_blocks_add(&thread->recorder, p, size, id, MT_BLOCK_LARGE);
	struct large_tag tag = large_tag(p);
	tag.entry = entry;
	if (entry)
		large_mark(p, LARGE_HEADED, size, tag);
	count_large(thread, 1, size);
	if (entry)
		mt_counters_alloc(&thread->recorder, id, size);
}

static inline void count_alloc(struct mt_recorder *recorder, mt_traceback_id id,
			       size_t size)
{
	struct mt_state_counter *counter = mt_counters_known(recorder, id);
	int64_t delta;
	if (__builtin_expect(counter && mt_counters_can_count_alloc(counter) &&
				     mt_counters_can_alloc(recorder, size, &delta),
			     1))
		mt_counters_count_alloc(recorder, counter, size, delta);
	else
		mt_counters_alloc(recorder, id, size);
}

static inline void count_free(struct mt_recorder *recorder, mt_traceback_id id,
			      size_t size)
{
	struct mt_state_counter *counter = mt_counters_known(recorder, id);
	int64_t delta;
	if (__builtin_expect(counter && mt_counters_can_count_free(counter) &&
				     mt_counters_can_free(recorder, size, &delta),
			     1))
		mt_counters_count_free(recorder, counter, size, delta);
	else
		mt_counters_free(recorder, id, size);
}

/* The usual case in one piece: place_headed and large_record, with one header written. */
void *large_alloc(struct thread *thread, struct mt_caller caller, size_t size,
		  bool is_zeroed)
{
	if (__builtin_expect(
		    is_plain_mode() || size > most_bytes ||
			    atomic_load_explicit(&deferred, memory_order_relaxed),
		    0)) {
		void *p = large_place(thread, size, 1, is_zeroed);
		if (p)
			large_record(thread, thread_traceback(thread, caller), p, size);
		return p;
	}
	char *start = is_zeroed ? __libc_calloc(1, size + LARGE_ALIGNMENT)
				: __libc_malloc(size + LARGE_ALIGNMENT);
	if (!start)
		return NULL;
	brk_follow(start, size);
	void *p = start + LARGE_ALIGNMENT;
	mt_traceback_id id = thread_traceback(thread, caller);
	uint32_t entry =
		id ? mt_blocks_add(&thread->recorder, p, size, id, MT_BLOCK_LARGE) : 0;
	large_mark(p, LARGE_HEADED, size,
		   (struct large_tag){.entry = entry,
				      .generation = generation(),
				      .shift = LARGE_ALIGNMENT_SHIFT});
	count_large(thread, 1, size);
	if (entry)
		count_alloc(&thread->recorder, id, size);
	return p;
}

/* The record of a block that has left the table or loses its header. */
static void forget(struct thread *thread, const struct mt_block *block)
{
	count_large(thread, -1, block->size);
	if ((uint16_t)block->generation != generation()) {
		inherited_remove(block->size);
		return;
	}
	mt_traceback_id id =
		block->index ? mt_blocks_remove(&thread->recorder, block->index) : 0;
	if (id)
		mt_counters_free(&thread->recorder, id, block->size);
}

static struct mt_block headed_block(const void *p)
{
	struct large_tag tag = large_tag(p);
	return (struct mt_block){.address = (uintptr_t)p,
				 .size = large_header(p)->size,
				 .index = tag.entry,
				 .generation = tag.generation};
}

static bool take_plain(const void *p, struct mt_block *block)
{
	return atomic_load_explicit(&has_plain, memory_order_relaxed) &&
	       mt_blocks_take((uintptr_t)p, 0, block);
}

void large_forget(struct thread *thread, void *p)
{
	struct mt_block block;
	if (large_kind(p) == LARGE_HEADED) {
		block = headed_block(p);
		forget(thread, &block);
	} else if (large_kind(p) == LARGE_OTHER && take_plain(p, &block)) {
		forget(thread, &block);
	}
}

static void *start_of(void *p)
{
	return (char *)p - ((size_t)1 << large_tag(p).shift);
}

void large_release(void *p)
{
	switch (large_kind(p)) {
	case LARGE_BUMP:
		return;
	case LARGE_OTHER:
		__libc_free(p);
		return;
	case LARGE_HEADED:
		break;
	default:
		__builtin_unreachable();
	}
	void *start = start_of(p);
	large_header(p)->tag = 0;
	__libc_free(start);
}

void large_free(struct thread *thread, void *p)
{
	if (__builtin_expect(large_kind(p) != LARGE_HEADED, 0)) {
		large_forget(thread, p);
		large_release(p);
		return;
	}
	struct large_tag tag = large_tag(p);
	size_t size = large_header(p)->size;
	void *start = (char *)p - ((size_t)1 << tag.shift);
	large_header(p)->tag = 0;
	count_large(thread, -1, size);
	if (__builtin_expect(tag.generation != generation(), 0)) {
		inherited_remove(size);
	} else {
		mt_traceback_id id = mt_blocks_remove(&thread->recorder, tag.entry);
		if (__builtin_expect(id, 1))
			count_free(&thread->recorder, id, size);
	}
	__libc_free(start);
}

/* The header moves with the data. */
static void *realloc_headed(struct thread *thread, struct mt_caller caller, void *p,
			    size_t size)
{
	struct mt_block block = headed_block(p);
	if (size > most_bytes) {
		errno = ENOMEM;
		return NULL;
	}
	char *start = __libc_realloc(start_of(p), size + LARGE_ALIGNMENT);
	if (!start)
		return NULL;
	brk_follow(start, size);
	void *moved = start + LARGE_ALIGNMENT;
	forget(thread, &block);
	large_mark(moved, LARGE_HEADED, size,
		   (struct large_tag){.generation = generation(),
				      .shift = LARGE_ALIGNMENT_SHIFT});
	large_record(thread, thread_traceback(thread, caller), moved, size);
	return moved;
}

/*
 * The address leaves the table before the C library can give it to another thread, and
 * comes back if it fails. Foreign blocks are not in the table and stay foreign.
 */
static void *realloc_plain(struct thread *thread, struct mt_caller caller, void *p,
			   size_t size)
{
	struct mt_block block;
	bool is_known = take_plain(p, &block);
	void *moved = __libc_realloc(p, size);
	brk_follow(moved, size);
	if (!is_known)
		return moved;
	if (!moved) {
		mt_blocks_note(&block);
		return NULL;
	}
	forget(thread, &block);
	record_plain(thread, thread_traceback(thread, caller), moved, size);
	return moved;
}

bool large_realloc(struct thread *thread, struct mt_caller caller, void *p, size_t size,
		   void **result)
{
	switch (large_kind(p)) {
	case LARGE_BUMP:
		return false;
	case LARGE_OTHER:
		*result = realloc_plain(thread, caller, p, size);
		return true;
	case LARGE_HEADED:
		break;
	default:
		__builtin_unreachable();
	}
	if (large_tag(p).shift != LARGE_ALIGNMENT_SHIFT)
		return false;
	*result = realloc_headed(thread, caller, p, size);
	return true;
}

size_t large_usable_size(const void *p)
{
	if (large_kind(p) == LARGE_OTHER)
		return libc_usable_size(p);
	return large_header(p)->size;
}
