/*
 * guard.h - one event at a time in a thread.
 * Inside the traced process. The guard is up while an event is being served or while the
 * C library works for us; an event that meets it comes from a signal handler or from
 * the C library itself, must not wait and is not recorded. What such an event leaves to
 * be done disturbs the guard, and is done when the event under way ends.
 */
#ifndef MT_TRACER_RECORD_GUARD_H
#define MT_TRACER_RECORD_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum mt_guard_state {
	MT_GUARD_DOWN = 0,
	MT_GUARD_UP = 1,
	MT_GUARD_DISTURBED = 2, /* one less is UP: see mt_guard_leave_if_quiet */
};

struct mt_guard {
	volatile uint32_t up; /* enum mt_guard_state */
};

/* Only while it is known to be down. */
static inline void mt_guard_raise(struct mt_guard *guard)
{
	guard->up = MT_GUARD_UP;
	atomic_signal_fence(memory_order_seq_cst);
}

/* False: an event is under way in this thread already. */
static inline bool mt_guard_enter(struct mt_guard *guard)
{
	if (__builtin_expect(guard->up, 0))
		return false;
	mt_guard_raise(guard);
	return true;
}

static inline void mt_guard_leave(struct mt_guard *guard)
{
	atomic_signal_fence(memory_order_seq_cst);
	guard->up = MT_GUARD_DOWN;
}

/* From a signal handler, while the guard is up. */
static inline void mt_guard_disturb(struct mt_guard *guard)
{
	guard->up = MT_GUARD_DISTURBED;
}

/*
 * End the event: one instruction, which no handler can come between. False: the guard was
 * disturbed, is up as after mt_guard_was_disturbed, and the event goes on.
 */
static inline __attribute__((always_inline)) bool
mt_guard_leave_if_quiet(struct mt_guard *guard)
{
	__asm__ goto("decl %0\n\tjne %l[disturbed]"
		     :
		     : "m"(guard->up)
		     : "memory", "cc"
		     : disturbed);
	return true;
disturbed:
	return false;
}

/* Whether that happened since the guard went up, or since the last call. */
static inline bool mt_guard_was_disturbed(struct mt_guard *guard)
{
	if (__builtin_expect(guard->up != MT_GUARD_DISTURBED, 1))
		return false;
	guard->up = MT_GUARD_UP;
	return true;
}

#endif
