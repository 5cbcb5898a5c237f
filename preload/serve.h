/*
 * serve.h - one event from the door to the block and its record, and back.
 * Inside the traced process. The bodies of the doors of the malloc family and of Python's
 * allocators: inlined there, because the caller's frame is the door's.
 */
#ifndef MT_PRELOAD_SERVE_H
#define MT_PRELOAD_SERVE_H

#include "preload/api-id.h"
#include "preload/heaps.h"
#include "preload/inherited.h"
#include "preload/thread.h"
#include "tracer/record/counters.h"
#include "tracer/record/sidetable.h"
#include "tracer/record/unwind.h"

#include <stdbool.h>
#include <stddef.h>

#define SERVE_INLINE static inline __attribute__((always_inline))

/*
 * The compiler is to take the variable for a new one: what hangs on it is computed again
 * where it is used, and takes no register that the hot path would have to save first.
 */
#define SERVE_RENEW(variable) __asm__("" : "+r"(variable))

/* What is asked for; fits two registers. */
struct request {
	size_t size;
	uint8_t alignment_shift; /* 0: the geometry's own alignment */
	bool is_zeroed;
	bool is_outside; /* from the C library although it is small */
	uint8_t api;     /* enum api */
};
static_assert(sizeof(struct request) == 16, "passed by value everywhere");

/*
 * The same for what may be a block of the small heap; fits one register. Alignment and API
 * matter where the short way is not open.
 */
struct small_request {
	uint32_t size; /* not 0 */
	uint8_t alignment_shift;
	bool is_zeroed;
	uint8_t api;
};
static_assert(sizeof(struct small_request) == 8, "passed in a register");

/* All that is not the fast path of modern geometry. NULL with errno ENOMEM. */
void *serve_alloc_other(struct thread *thread, struct mt_caller caller,
			struct request request);
void serve_free_other(struct thread *thread, void *p);

/* Without a look for errors of the program. */
void *serve_alloc_plain(struct thread *thread, struct mt_caller caller,
			struct request request);
void *serve_realloc_plain(struct thread *thread, struct mt_caller caller, void *p,
			  struct request request);

/* The parts of the two above. A block without a record yet; NULL with errno ENOMEM. */
void *serve_place(struct thread *thread, struct request request);
/* size as requested; id 0 leaves it without a record. */
void serve_record(struct thread *thread, mt_traceback_id id, void *p, size_t size);
void serve_forget(struct thread *thread, void *p);
void serve_release(struct thread *thread, void *p);

/* p is not NULL, the request not for nothing. On failure the block is as it was. */
void *serve_realloc(struct mt_caller caller, void *p, struct request request);

size_t serve_usable_size(const void *p);

/* A mode in which errors of the program are looked for. */
SERVE_INLINE bool serve_is_checked(void)
{
	return mt_state.header->check_mode != MT_CHECK_NONE;
}

/* For a block of the small heap, in any geometry. */
SERVE_INLINE struct pool_tag serve_tag_of(const void *p)
{
	return pymalloc.tags[pymalloc_pool_index(pymalloc.geometry, p)];
}

/* id 0 writes nothing: no block without a record has a side word. */
SERVE_INLINE void serve_record_small(struct thread *thread, mt_traceback_id id,
				     const void *p, size_t size, size_t block_bytes)
{
	if (!id)
		return;
	mt_sidetable_set(p, id, (uint32_t)(block_bytes - size));
	mt_counters_alloc(&thread->recorder, id, size);
}

SERVE_INLINE void serve_forget_small(struct thread *thread, const void *p,
				     size_t block_bytes)
{
	mt_side_word word = mt_sidetable_get(p);
	if (__builtin_expect(word != 0, 1)) {
		mt_sidetable_set(p, 0, 0);
		mt_counters_free(&thread->recorder, mt_side_word_id(word),
				 block_bytes - mt_side_word_slack(word));
	} else if (__builtin_expect(inherited_generation != 0, 0)) {
		heaps_disinherit(pymalloc_pool_index(pymalloc.geometry, p));
	}
}

SERVE_INLINE void serve_release_small(struct thread *thread, struct pool_tag tag, void *p)
{
	uint32_t pool_index = pymalloc_pool_index(pymalloc.geometry, p);
	if (__builtin_expect(tag.slot == thread->heap.slot, 1))
		pymalloc_free(&thread->heap, &pymalloc.pools[pool_index], p);
	else
		heaps_free_remote(&thread->heap, pool_index, p);
}

SERVE_INLINE bool serve_is_small(size_t size)
{
	return size - 1 < PYMALLOC_THRESHOLD;
}

/*
 * Events that the functions below leave to others, by calls in their last place: so they
 * keep their registers free for the rest.
 */
void *serve_alloc_traced(struct mt_caller caller, struct request request);
/* By its own caller: where it is jumped to, that of the door. */
__attribute__((visibility("hidden"))) void serve_free_traced(void *p,
							     struct release release);
void serve_free_by(void *p, struct release release, const uintptr_t *slot,
		   uintptr_t frame_pointer);

/*
 * The same with the guard up: small, modern geometry. The caller's frame pointer is in
 * thread->recorder.
 */
void *serve_alloc_unpassed(struct thread *thread, const uintptr_t *slot,
			   struct small_request request);
void *serve_alloc_led(struct thread *thread, const uintptr_t *slot,
		      struct small_request request, uint64_t mixed, mt_sign sign);
/* An event that is spared a prediction at this place. */
void *serve_alloc_spared(struct thread *thread, const uintptr_t *slot,
			 struct small_request request, uint32_t place);
void *serve_alloc_missed(struct thread *thread, const uintptr_t *slot,
			 struct small_request request);
void *serve_alloc_slowly(struct thread *thread, struct small_request request,
			 mt_traceback_id id);
void serve_free_slowly(struct thread *thread, void *p);
/* A block without a side word. */
void serve_free_unrecorded(struct thread *thread, void *p);

/* What lies outside of the small heap, while the short way is open. */
void *serve_alloc_outside(struct thread *thread, struct mt_caller caller,
			  struct request request);
void serve_free_outside(struct thread *thread, void *p);

/* The end of an event whose guard was disturbed. */
void *serve_leave_disturbed(struct thread *thread, void *p, struct small_request request);
void serve_free_disturbed(struct thread *thread);

/* For an event without a thread's state. */
void *serve_alloc_nested(struct request request);
void serve_free_nested(void *p, struct release release);

SERVE_INLINE bool serve_is_fast(struct request request)
{
	return serve_is_small(request.size) && request.alignment_shift <= 4 &&
	       !request.is_outside;
}

/* As mt_sidetable_at, in modern geometry. */
SERVE_INLINE uint32_t *serve_side_place(const void *p)
{
	size_t offset = (size_t)((const unsigned char *)p - mt_state.heap);
	return &mt_state.side[offset >> PYMALLOC_MODERN.class_shift];
}

/* The traceback is known, and its counter. */
SERVE_INLINE void *serve_alloc_known(struct thread *thread, struct small_request request,
				     mt_traceback_id id, struct mt_state_counter *counter)
{
	uint32_t size = request.size;
	if (__builtin_expect(!mt_counters_can_count_alloc(counter), 0))
		return serve_alloc_slowly(thread, request, id);
	int64_t delta;
	void *p = NULL;
	if (__builtin_expect(mt_counters_can_alloc(&thread->recorder, size, &delta), 1))
		p = pymalloc_try_alloc(&thread->heap,
				       pymalloc_class(PYMALLOC_MODERN, size));
	if (__builtin_expect(!p, 0))
		return serve_alloc_slowly(thread, request, id);
	uint32_t slack = -size % PYMALLOC_MODERN_ALIGNMENT;
	__atomic_store_n(serve_side_place(p), mt_side_word_make(id, slack),
			 __ATOMIC_RELAXED);
	mt_counters_count_alloc(&thread->recorder, counter, size, delta);
	if (__builtin_expect(!mt_guard_leave_if_quiet(&thread->recorder.guard), 0))
		return serve_leave_disturbed(thread, p, request);
	return request.is_zeroed ? __builtin_memset(p, 0, size) : p;
}

/* A prediction that mt_unwind_is_for this event. */
SERVE_INLINE void *serve_alloc_predicted(struct thread *thread, const uintptr_t *slot,
					 struct small_request request,
					 struct mt_prediction *prediction)
{
	if (__builtin_expect(!mt_unwind_joins(thread->recorder.unwinder, prediction) ||
				     !mt_unwind_holds_inside(prediction, slot),
			     0))
		return serve_alloc_missed(thread, slot, request);
	SERVE_RENEW(prediction);
	SERVE_RENEW(thread);
	if (__builtin_expect(
		    !mt_unwind_holds_outside(thread->recorder.unwinder, prediction), 0))
		return serve_alloc_missed(thread, slot, request);
	mt_unwind_count_right(prediction);
	mt_check_traceback(&thread->recorder,
			   (struct mt_caller){slot, thread->recorder.frame_pointer},
			   prediction->traceback);
	SERVE_RENEW(thread);
	return serve_alloc_known(thread, request, prediction->traceback,
				 prediction->counter);
}

SERVE_INLINE void *serve_alloc(struct mt_caller caller, struct request request)
{
	struct thread *thread = thread_self;
	if (__builtin_expect(!thread || thread->recorder.guard.up, 0))
		return serve_alloc_traced(caller, request);
	if (__builtin_expect(!serve_is_fast(request), 0))
		return serve_alloc_outside(thread, caller, request);
	mt_guard_raise(&thread->recorder.guard);
	thread->recorder.frame_pointer = caller.frame_pointer;
	struct small_request small = {.size = (uint32_t)request.size,
				      .alignment_shift = request.alignment_shift,
				      .is_zeroed = request.is_zeroed,
				      .api = request.api};
	if (__builtin_expect(thread->recorder.pass.generation != mt_modules_current(), 0))
		return serve_alloc_unpassed(thread, caller.slot, small);
	const struct mt_unwinder *u = thread->recorder.unwinder;
	uint64_t mixed = mt_unwind_mix(*caller.slot, caller.slot);
	mt_sign sign = mt_unwind_sign(u, mixed);
	if (mt_sign_is_for(sign, mixed))
		return serve_alloc_led(thread, caller.slot, small, mixed, sign);
	uint32_t place = mt_unwind_place(u, mixed);
	if (__builtin_expect(mt_unwind_is_spared(u, place), 0))
		return serve_alloc_spared(thread, caller.slot, small, place);
	struct mt_prediction *p = &u->predictions[place];
	if (__builtin_expect(!mt_unwind_is_for(u, p, caller), 0))
		return serve_alloc_missed(thread, caller.slot, small);
	return serve_alloc_predicted(thread, caller.slot, small, p);
}

SERVE_INLINE void serve_free(void *p, struct release release)
{
	struct thread *thread = thread_self;
	if (__builtin_expect(!thread || thread->recorder.guard.up ||
				     !thread->recorder.pass.is_given,
			     0)) {
		serve_free_traced(p, release);
		return;
	}
	size_t offset = (size_t)((unsigned char *)p - mt_state.heap);
	if (__builtin_expect(offset >= mt_state.heap_bytes, 0)) {
		serve_free_outside(thread, p);
		return;
	}
	mt_guard_raise(&thread->recorder.guard);
	uint32_t *place = &mt_state.side[offset >> PYMALLOC_MODERN.class_shift];
	mt_side_word word = __atomic_load_n(place, __ATOMIC_RELAXED);
	if (__builtin_expect(!word, 0)) {
		serve_free_unrecorded(thread, p);
		return;
	}
	size_t pool_index = offset >> PYMALLOC_MODERN.pool_shift;
	struct mt_state_counter *counter =
		mt_counters_in_use(&thread->recorder, mt_side_word_id(word));
	if (__builtin_expect(!counter || !mt_counters_can_count_free(counter) ||
				     pymalloc.tags[pool_index].slot != thread->heap.slot,
			     0)) {
		serve_free_slowly(thread, p);
		return;
	}
	size_t size = pymalloc.tags[pool_index].block_bytes - mt_side_word_slack(word);
	int64_t delta;
	if (__builtin_expect(!mt_counters_can_free(&thread->recorder, size, &delta) ||
				     !pymalloc_try_free(&thread->heap,
							&pymalloc.pools[pool_index], p),
			     0)) {
		serve_free_slowly(thread, p);
		return;
	}
	__atomic_store_n(place, 0, __ATOMIC_RELAXED);
	mt_counters_count_free(&thread->recorder, counter, size, delta);
	if (__builtin_expect(!mt_guard_leave_if_quiet(&thread->recorder.guard), 0))
		serve_free_disturbed(thread);
}

#endif
