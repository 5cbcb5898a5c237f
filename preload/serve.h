/*
 * serve.h - one event from the door to the block and its record, and back.
 * Inside the traced process. The bodies of the doors of the malloc family and of Python's
 * allocators: inlined there, because the caller's frame is the door's.
 */
#ifndef MT_PRELOAD_SERVE_H
#define MT_PRELOAD_SERVE_H

#include "preload/heaps.h"
#include "preload/inherited.h"
#include "preload/thread.h"
#include "tracer/record/counters.h"
#include "tracer/record/sidetable.h"
#include "tracer/record/unwind.h"

#include <stdbool.h>
#include <stddef.h>

#define SERVE_INLINE static inline __attribute__((always_inline))

/* What is asked for; fits two registers. */
struct request {
	size_t size;
	uint8_t alignment_shift; /* 0: the geometry's own alignment */
	bool is_zeroed;
	bool is_outside; /* from the C library although it is small */
};
static_assert(sizeof(struct request) == 16, "passed by value everywhere");

/* All that is not the fast path of modern geometry. NULL with errno ENOMEM. */
void *serve_alloc_other(struct thread *thread, struct mt_caller caller,
			struct request request);
void serve_free_other(struct thread *thread, void *p);

/* p is not NULL, the request not for nothing. On failure the block is as it was. */
void *serve_realloc(struct mt_caller caller, void *p, struct request request);

size_t serve_usable_size(const void *p);

SERVE_INLINE bool serve_is_small(size_t size)
{
	return size - 1 < PYMALLOC_THRESHOLD;
}

SERVE_INLINE void serve_record_small(struct thread *thread, struct mt_caller caller,
				     const void *p, size_t size, size_t block_bytes)
{
	if (!thread_is_traced(thread))
		return;
	mt_traceback_id id = mt_unwind_traceback(&thread->recorder, caller);
	mt_sidetable_set(p, id, (uint32_t)(block_bytes - size));
	mt_counters_alloc(&thread->recorder, id, size);
}

SERVE_INLINE void serve_forget_small(struct thread *thread, const void *p,
				     uint32_t pool_index, size_t block_bytes)
{
	if (__builtin_expect(mt_sidetable_get(p) != 0, 1)) {
		mt_side_word word = mt_sidetable_take(p);
		mt_counters_free(&thread->recorder, mt_side_word_id(word),
				 block_bytes - mt_side_word_slack(word));
	} else if (__builtin_expect(inherited_generation != 0, 0)) {
		heaps_disinherit(pool_index);
	}
}

/* NULL: no memory in the small-object heap. */
SERVE_INLINE void *serve_alloc_small(struct thread *thread,
				     struct pymalloc_geometry geometry,
				     struct mt_caller caller, size_t size)
{
	uint32_t class_index = pymalloc_class(geometry, size);
	void *p = pymalloc_alloc(&thread->heap, class_index);
	if (__builtin_expect(p != NULL, 1))
		serve_record_small(thread, caller, p, size,
				   (size_t)(class_index + 1) << geometry.class_shift);
	return p;
}

SERVE_INLINE void serve_release_small(struct thread *thread, struct pool_tag tag,
				      uint32_t pool_index, void *p)
{
	if (__builtin_expect(tag.slot == thread->heap.slot, 1))
		pymalloc_free(&thread->heap, &pymalloc.pools[pool_index], p);
	else
		heaps_free_remote(&thread->heap, pool_index, p);
}

SERVE_INLINE void serve_free_small(struct thread *thread,
				   struct pymalloc_geometry geometry, void *p)
{
	uint32_t pool_index = pymalloc_pool_index(geometry, p);
	struct pool_tag tag = pymalloc.tags[pool_index];
	serve_forget_small(thread, p, pool_index, tag.block_bytes);
	serve_release_small(thread, tag, pool_index, p);
}

/*
 * Events of threads that are not traced, or have no state: the functions that follow keep
 * their registers free for the others.
 */
void *serve_alloc_untraced(struct mt_caller caller, struct request request);
void serve_free_untraced(void *p);

/* For an event without a thread's state. */
void *serve_alloc_nested(struct request request);
void serve_free_nested(void *p);

SERVE_INLINE bool serve_is_fast(struct request request)
{
	return serve_is_small(request.size) && request.alignment_shift <= 4 &&
	       !request.is_outside;
}

SERVE_INLINE void *serve_alloc(struct mt_caller caller, struct request request)
{
	struct thread *thread = thread_self;
	if (__builtin_expect(!thread || !thread_is_traced(thread), 0))
		return serve_alloc_untraced(caller, request);
	thread = thread_enter();
	if (__builtin_expect(!thread, 0))
		return serve_alloc_nested(request);
	void *p = NULL;
	if (__builtin_expect(pymalloc.is_modern && serve_is_fast(request), 1))
		p = serve_alloc_small(thread, PYMALLOC_MODERN, caller, request.size);
	if (__builtin_expect(!p, 0))
		p = serve_alloc_other(thread, caller, request);
	else if (request.is_zeroed)
		__builtin_memset(p, 0, request.size);
	thread_leave(thread);
	return p;
}

SERVE_INLINE void serve_free(void *p)
{
	struct thread *thread = thread_self;
	if (__builtin_expect(!thread || !thread_is_traced(thread), 0)) {
		serve_free_untraced(p);
		return;
	}
	if (!p)
		return;
	thread = thread_enter();
	if (__builtin_expect(!thread, 0)) {
		serve_free_nested(p);
		return;
	}
	if (__builtin_expect(pymalloc.is_modern && pymalloc_is_inside(p), 1))
		serve_free_small(thread, PYMALLOC_MODERN, p);
	else
		serve_free_other(thread, p);
	thread_leave(thread);
}

#endif
