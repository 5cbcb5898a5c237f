/*
 * thread.h - the calling thread's own state, and how an event begins and ends.
 * Inside the traced process.
 *
 * A thread attaches at its first event: it gets a slot and with it a recorder and a heap,
 * possibly those of a thread that ended. It retires in the last round of thread-specific
 * data destructors; an event after that attaches for itself alone.
 */
#ifndef MT_PRELOAD_THREAD_H
#define MT_PRELOAD_THREAD_H

#include "preload/process.h"
#include "preload/pymalloc.h"
#include "tracer/record/recorder.h"
#include "tracer/record/unwind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Belongs to a slot; private memory, mapped for ever. */
struct thread {
	struct mt_recorder recorder;
	bool is_recorded;  /* the recorder is open */
	bool is_transient; /* attached for one event */
	bool is_wiped;     /* in a child of a fork, the recorder's pass */
	uint8_t rounds;    /* of destructors that the thread has seen */
	/* Blocks outside the small heap that this slot added and took away. */
	int64_t large_bytes;
	int64_t large_count;
	struct heap heap;
};
/*
 * Before relocation the offset of thread_self reads 0, and the thread pointer's own
 * address at %fs:0 is taken for a thread: its first word is not zero, so the guard seems
 * to be up.
 */
static_assert(offsetof(struct thread, recorder.guard.up) == 0, "read before relocation");

extern __thread struct thread *thread_self
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* From the library's constructor: learn about the ends of threads. */
void thread_start(void);

/* The calling thread's state, made on demand; NULL: no slot, or too early. */
struct thread *thread_attach(void);

/* Let this thread's events take the short way, if they may. */
void thread_give_pass(struct thread *thread);

/* Leave the slot to the next thread. */
void thread_retire(void);

/* Why an event has no thread. */
enum thread_reason {
	THREAD_TOO_EARLY, /* before relocation: not even counted */
	THREAD_NESTED,    /* inside another event: must not wait nor touch the heap */
	THREAD_SLOTLESS,  /* no slot or no state: the C library serves it */
};

/* Begin the event of a thread that has no state at hand. NULL: see thread_why. */
struct thread *thread_enter_slow(void);

/* After a thread_enter that gave NULL. */
enum thread_reason thread_why(void);

/* An event of a slotless thread: nested ones are kept out meanwhile. */
void thread_enter_slotless(void);
void thread_leave_slotless(void);

/* Frees that met the guard are carried out, under it. */
void thread_finish_nested(struct thread *thread);

/* End the event of a thread that has retired. */
void thread_leave_transient(struct thread *thread);

/* Begin an event: NULL if it cannot be served by the thread's own state. */
static inline __attribute__((always_inline)) struct thread *thread_enter(void)
{
	struct thread *thread = thread_self;
	if (__builtin_expect(!thread || !mt_guard_enter(&thread->recorder.guard), 0))
		return thread_enter_slow();
	if (__builtin_expect(process_is_child(), 0))
		process_enter_child(thread);
	return thread;
}

static inline __attribute__((always_inline)) void thread_leave(struct thread *thread)
{
	while (mt_guard_was_disturbed(&thread->recorder.guard))
		thread_finish_nested(thread);
	mt_guard_leave(&thread->recorder.guard);
	if (__builtin_expect(thread->is_transient, 0))
		thread_leave_transient(thread);
}

/* Whether this event is to be recorded. */
static inline bool thread_is_traced(const struct thread *thread)
{
	return thread->is_recorded &&
	       atomic_load_explicit(&mt_state.header->totals.tracing,
				    memory_order_relaxed);
}

/* An event that is not traced: is it lost because there was no memory for the recorder? */
static inline void thread_count_untraced(const struct thread *thread)
{
	if (__builtin_expect(!thread->is_recorded, 0))
		mt_state_lose(MT_LOSS_THREADS_FULL);
}

/* Of the caller of a door; 0: this event is not to be recorded. */
static inline mt_traceback_id thread_traceback(struct thread *thread,
					       struct mt_caller caller)
{
	if (__builtin_expect(thread_is_traced(thread), 1))
		return mt_unwind_traceback(&thread->recorder, caller);
	thread_count_untraced(thread);
	return 0;
}

#endif
