/*
 * guard.h - one event at a time in a thread.
 * Inside the traced process. The guard is up while an event is being served or while the
 * C library works for us; an event that meets it comes from a signal handler or from
 * the C library itself, must not wait and is not recorded.
 */
#ifndef MT_TRACER_RECORD_GUARD_H
#define MT_TRACER_RECORD_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mt_guard {
	volatile uint32_t up;
};

/* False: an event is under way in this thread already. */
static inline bool mt_guard_enter(struct mt_guard *guard)
{
	if (__builtin_expect(guard->up, 0))
		return false;
	guard->up = 1;
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

static inline void mt_guard_leave(struct mt_guard *guard)
{
	atomic_signal_fence(memory_order_seq_cst);
	guard->up = 0;
}

#endif
