/*
 * look.h - a look at all blocks, whichever mode searches for errors.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_LOOK_H
#define MT_PRELOAD_LOOK_H

#include "tracer/record/state.h"

#include <stdbool.h>

/*
 * What was written beside a block, or with --malloc debug into a freed one, is reported, once.
 * call: what reports name, and from where: here, 0 for nowhere. Without such a mode: nothing.
 */
void look_at_all(const char *call, mt_traceback_id here);

/* The same after somebody outside has taken a snapshot. */
void look_as_asked(void);

static inline void look_if_asked(void)
{
	_Atomic uint32_t *wanted = &mt_state.control->check_wanted;
	if (__builtin_expect(atomic_load_explicit(wanted, memory_order_relaxed), 0))
		look_as_asked();
}

/*
 * Whether there is anything to report, and nothing else: in a forked child that has had no
 * event, and therefore a single thread.
 */
bool look_would_find(void);

/* In a forked child at its first event: another thread may have been looking. */
void look_reopen_after_fork(void);

#endif
