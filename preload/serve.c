/*
 * serve.c - events off the fast path: classic geometry, large blocks.
 * Inside the traced process, under the guard.
 */
#include "preload/serve.h"

#include "preload/debug.h"
#include "preload/door.h"
#include "preload/fenced.h"
#include "preload/large.h"

static bool is_for_heap(struct request request)
{
	return pymalloc.pools && serve_is_small(request.size) &&
	       request.size + pymalloc.spare_bytes <= PYMALLOC_THRESHOLD &&
	       !request.is_outside &&
	       request.alignment_shift <= pymalloc.geometry.class_shift;
}

void *serve_place(struct thread *thread, struct request request)
{
	if (is_for_heap(request)) {
		void *p = pymalloc_alloc(
			&thread->heap,
			pymalloc_class(pymalloc.geometry,
				       request.size + pymalloc.spare_bytes));
		if (p && pymalloc.spare_bytes)
			*(void **)p = NULL;
		if (p && request.is_zeroed)
			__builtin_memset(p, 0, request.size);
		if (p)
			return p;
		mt_state_lose(MT_LOSS_HEAP_FULL);
	}
	return large_place(thread, request.size, (size_t)1 << request.alignment_shift,
			   request.is_zeroed);
}

void serve_record(struct thread *thread, mt_traceback_id id, void *p, size_t size)
{
	if (pymalloc_is_inside(p))
		serve_record_small(thread, id, p, size, serve_tag_of(p).block_bytes);
	else
		large_record(thread, id, p, size);
}

void serve_forget(struct thread *thread, void *p)
{
	if (pymalloc_is_inside(p))
		serve_forget_small(thread, p, serve_tag_of(p).block_bytes);
	else
		large_forget(thread, p);
}

void serve_release(struct thread *thread, void *p)
{
	if (pymalloc_is_inside(p))
		serve_release_small(thread, serve_tag_of(p), p);
	else
		large_release(p);
}

void *serve_alloc_other(struct thread *thread, struct mt_caller caller,
			struct request request)
{
	if (__builtin_expect(serve_is_checked(), 0))
		return debug_is_on() ? debug_alloc(thread, caller, request)
				     : fenced_alloc(thread, caller, request);
	return serve_alloc_plain(thread, caller, request);
}

void *serve_alloc_plain(struct thread *thread, struct mt_caller caller,
			struct request request)
{
	if (request.size > PYMALLOC_THRESHOLD &&
	    request.alignment_shift <= LARGE_ALIGNMENT_SHIFT)
		return large_alloc(thread, caller, request.size, request.is_zeroed);
	void *p = serve_place(thread, request);
	if (p)
		serve_record(thread, thread_traceback(thread, caller), p, request.size);
	return p;
}

void serve_free_other(struct thread *thread, void *p)
{
	if (!pymalloc_is_inside(p)) {
		large_free(thread, p);
		return;
	}
	serve_forget(thread, p);
	serve_release(thread, p);
}

size_t serve_usable_size(const void *p)
{
	if (debug_is_on() && debug_is_block(p))
		return debug_usable_size(p);
	if (serve_is_checked() && fence_is_inside(p))
		return fenced_usable_size(p);
	if (pymalloc_is_inside(p))
		return serve_tag_of(p).block_bytes - pymalloc.spare_bytes;
	return large_usable_size(p);
}

/* A thread without state gets one for as long as it lives, or for this event. */
__attribute__((noinline)) void *serve_alloc_traced(struct mt_caller caller,
						   struct request request)
{
	struct thread *thread = thread_enter();
	if (!thread)
		return serve_alloc_nested(request);
	void *p = serve_alloc_other(thread, caller, request);
	thread_leave(thread);
	return p;
}

/* The heap is full. */
static void *alloc_outside(struct thread *thread, struct small_request request,
			   mt_traceback_id id)
{
	mt_state_lose(MT_LOSS_HEAP_FULL);
	void *p = large_place(thread, request.size, 1, request.is_zeroed);
	if (p)
		large_record(thread, id, p, request.size);
	return p;
}

void *serve_alloc_slowly(struct thread *thread, struct small_request request,
			 mt_traceback_id id)
{
	uint32_t class_index = pymalloc_class(PYMALLOC_MODERN, request.size);
	void *p = pymalloc_alloc(&thread->heap, class_index);
	if (__builtin_expect(p != NULL, 1)) {
		serve_record_small(thread, id, p, request.size,
				   (size_t)(class_index + 1)
					   << PYMALLOC_MODERN.class_shift);
		if (request.is_zeroed)
			__builtin_memset(p, 0, request.size);
	} else {
		p = alloc_outside(thread, request, id);
	}
	thread_leave(thread);
	return p;
}

static inline void *alloc_walked(struct thread *thread, struct small_request request,
				 mt_traceback_id id)
{
	struct mt_state_counter *counter = mt_counters_known(&thread->recorder, id);
	return __builtin_expect(counter != NULL, 1)
		       ? serve_alloc_known(thread, request, id, counter)
		       : serve_alloc_slowly(thread, request, id);
}

__attribute__((noinline)) void *serve_alloc_missed(struct thread *thread,
						   const uintptr_t *slot,
						   struct small_request request)
{
	struct mt_recorder *recorder = &thread->recorder;
	struct mt_caller caller = {slot, recorder->frame_pointer};
	return alloc_walked(thread, request, mt_unwind_miss(recorder, caller));
}

__attribute__((noinline)) void *serve_alloc_spared(struct thread *thread,
						   const uintptr_t *slot,
						   struct small_request request,
						   uint32_t place)
{
	struct mt_recorder *recorder = &thread->recorder;
	struct mt_caller caller = {slot, recorder->frame_pointer};
	return alloc_walked(thread, request, mt_unwind_spared(recorder, caller, place));
}

MT_HOT void *serve_alloc_led(struct thread *thread, const uintptr_t *slot,
			     struct small_request request, uint64_t mixed, mt_sign sign)
{
	uint32_t place = mt_unwind_follow(thread->recorder.unwinder, slot, mixed, sign);
	SERVE_RENEW(thread);
	const struct mt_unwinder *u = thread->recorder.unwinder;
	if (__builtin_expect(mt_unwind_is_spared(u, place), 0))
		return serve_alloc_spared(thread, slot, request, place);
	struct mt_prediction *p = &u->predictions[place];
	struct mt_caller caller = {slot, thread->recorder.frame_pointer};
	if (__builtin_expect(!mt_unwind_is_for(u, p, caller), 0))
		return serve_alloc_missed(thread, slot, request);
	return serve_alloc_predicted(thread, slot, request, p);
}

/* Without a record. */
static __attribute__((noinline)) void *alloc_untraced(struct thread *thread,
						      struct small_request request)
{
	void *p = pymalloc_alloc(&thread->heap,
				 pymalloc_class(PYMALLOC_MODERN, request.size));
	thread_count_untraced(thread);
	if (__builtin_expect(!p, 0))
		p = alloc_outside(thread, request, 0);
	else if (request.is_zeroed)
		__builtin_memset(p, 0, request.size);
	thread_leave(thread);
	return p;
}

static __attribute__((noinline)) void *alloc_otherwise(struct thread *thread,
						       const uintptr_t *slot,
						       struct small_request request)
{
	struct mt_caller caller = {slot, thread->recorder.frame_pointer};
	if (process_is_child())
		process_enter_child(thread);
	if (!pymalloc.is_modern) {
		void *p = serve_alloc_other(
			thread, caller,
			(struct request){.size = request.size,
					 .alignment_shift = request.alignment_shift,
					 .is_zeroed = request.is_zeroed,
					 .api = request.api});
		thread_leave(thread);
		return p;
	}
	if (!thread_is_traced(thread))
		return alloc_untraced(thread, request);
	return alloc_walked(thread, request,
			    mt_unwind_otherwise(&thread->recorder, caller));
}

void *serve_alloc_unpassed(struct thread *thread, const uintptr_t *slot,
			   struct small_request request)
{
	/* A pass would not have outlived a fork. */
	if (!thread->recorder.pass.is_given || thread_is_traced(thread))
		return alloc_otherwise(thread, slot, request);
	void *p = pymalloc_try_alloc(&thread->heap,
				     pymalloc_class(PYMALLOC_MODERN, request.size));
	if (__builtin_expect(!p, 0))
		return alloc_untraced(thread, request);
	if (__builtin_expect(!mt_guard_leave_if_quiet(&thread->recorder.guard), 0))
		return serve_leave_disturbed(thread, p, request);
	return request.is_zeroed ? __builtin_memset(p, 0, request.size) : p;
}

__attribute__((noinline)) void *serve_leave_disturbed(struct thread *thread, void *p,
						      struct small_request request)
{
	thread_finish_nested(thread);
	thread_leave(thread);
	return request.is_zeroed ? __builtin_memset(p, 0, request.size) : p;
}

__attribute__((noinline)) void serve_free_disturbed(struct thread *thread)
{
	thread_finish_nested(thread);
	thread_leave(thread);
}

DOOR_OF(serve_free_traced, serve_free_by, "%rcx", "%r8")
void serve_free_by(void *p, struct release release, const uintptr_t *slot,
		   uintptr_t frame_pointer)
{
	if (!p)
		return;
	struct thread *thread = thread_enter();
	if (!thread) {
		serve_free_nested(p, release);
		return;
	}
	struct mt_caller caller = {slot, frame_pointer};
	if (__builtin_expect(!serve_is_checked(), 1))
		serve_free_other(thread, p);
	else if (debug_is_on())
		debug_free(thread, caller, p, release);
	else
		fenced_free(thread, caller, p, release);
	thread_leave(thread);
}

void *serve_alloc_outside(struct thread *thread, struct mt_caller caller,
			  struct request request)
{
	mt_guard_raise(&thread->recorder.guard);
	if (thread->recorder.pass.generation != mt_modules_current() ||
	    request.size <= PYMALLOC_THRESHOLD ||
	    request.alignment_shift > LARGE_ALIGNMENT_SHIFT) {
		thread_leave(thread);
		return serve_alloc_traced(caller, request);
	}
	void *p = large_alloc(thread, caller, request.size, request.is_zeroed);
	if (__builtin_expect(!mt_guard_leave_if_quiet(&thread->recorder.guard), 0))
		serve_free_disturbed(thread);
	return p;
}

void serve_free_outside(struct thread *thread, void *p)
{
	if (!p)
		return;
	mt_guard_raise(&thread->recorder.guard);
	large_free(thread, p);
	if (__builtin_expect(!mt_guard_leave_if_quiet(&thread->recorder.guard), 0))
		serve_free_disturbed(thread);
}

/* It may be another heap's, or from another time. */
void serve_free_unrecorded(struct thread *thread, void *p)
{
	uint32_t pool_index = pymalloc_pool_index(PYMALLOC_MODERN, p);
	if (__builtin_expect(inherited_generation ||
				     pymalloc.tags[pool_index].slot !=
					     thread->heap.slot ||
				     !pymalloc_try_free(&thread->heap,
							&pymalloc.pools[pool_index], p),
			     0)) {
		serve_free_slowly(thread, p);
		return;
	}
	if (__builtin_expect(!mt_guard_leave_if_quiet(&thread->recorder.guard), 0))
		serve_free_disturbed(thread);
}

__attribute__((noinline)) void serve_free_slowly(struct thread *thread, void *p)
{
	serve_free_other(thread, p);
	thread_leave(thread);
}
