/*
 * nested.c - events without a thread's state: from a signal handler inside an event, from
 * before relocation, from a thread without a slot.
 * Inside the traced process; may touch only what is atomic.
 */
#include "preload/bump.h"
#include "preload/debug.h"
#include "preload/fenced.h"
#include "preload/heaps.h"
#include "preload/large.h"
#include "preload/libc.h"
#include "preload/serve.h"

#include <errno.h>

static void *fail(void)
{
	errno = ENOMEM;
	return NULL;
}

static void *alloc_slotless(struct request request)
{
	thread_enter_slotless();
	void *p;
	if (request.alignment_shift > LARGE_ALIGNMENT_SHIFT)
		p = __libc_memalign((size_t)1 << request.alignment_shift, request.size);
	else
		p = __libc_malloc(request.size);
	if (p && request.is_zeroed)
		__builtin_memset(p, 0, request.size);
	thread_leave_slotless();
	return p;
}

/* errno has no place before relocation, and nobody to read it. */
void *serve_alloc_nested(struct request request)
{
	enum thread_reason why = thread_why();
	if (why == THREAD_SLOTLESS)
		return alloc_slotless(request);
	void *p = bump_alloc(request.size, (size_t)1 << request.alignment_shift);
	return p || why == THREAD_TOO_EARLY ? p : fail();
}

static bool is_known_to_libc_alone(const void *p)
{
	return mt_state.header->malloc_mode != MT_MALLOC_LIBC &&
	       large_kind(p) == LARGE_OTHER;
}

static void free_nested(void *p, enum thread_reason why)
{
	if (why != THREAD_TOO_EARLY && pymalloc_is_inside(p)) {
		heaps_free_unrecorded(pymalloc_pool_index(pymalloc.geometry, p), p);
	} else if (large_kind(p) == LARGE_BUMP) {
		return;
	} else if (why == THREAD_SLOTLESS && is_known_to_libc_alone(p)) {
		thread_enter_slotless();
		__libc_free(p);
		thread_leave_slotless();
	} else if (why != THREAD_TOO_EARLY) {
		large_defer_free(p);
	}
}

void serve_free_nested(void *p, struct release release)
{
	enum thread_reason why = thread_why();
	if (debug_is_on() && why != THREAD_TOO_EARLY)
		debug_free_later(p, release);
	else if (fence_is_inside(p))
		fenced_free_later(p);
	else
		free_nested(p, why);
	if (why == THREAD_NESTED && thread_self)
		mt_guard_disturb(&thread_self->recorder.guard);
}
