/*
 * lock.h - a small mutex for the rare paths: pools and arenas change hands, tables grow.
 * Inside the traced process: futex only, no errno, no allocation. Held for a few hundred
 * instructions and only under the guard, so that no signal handler can wait for it.
 */
#ifndef MT_TRACER_RECORD_LOCK_H
#define MT_TRACER_RECORD_LOCK_H

#include "tracer/record/syscall.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum mt_lock_word {
	MT_LOCK_FREE = 0,
	MT_LOCK_HELD = 1,
	MT_LOCK_AWAITED = 2, /* held, and somebody may sleep on it */
};

struct mt_lock {
	_Atomic uint32_t word; /* enum mt_lock_word */
};

static inline void mt_lock_take(struct mt_lock *lock)
{
	uint32_t seen = MT_LOCK_FREE;
	if (atomic_compare_exchange_strong_explicit(&lock->word, &seen, MT_LOCK_HELD,
						    memory_order_acquire,
						    memory_order_relaxed))
		return;
	while (atomic_exchange_explicit(&lock->word, MT_LOCK_AWAITED,
					memory_order_acquire) != MT_LOCK_FREE)
		mt_syscall6(SYS_futex, (long)&lock->word, FUTEX_WAIT_PRIVATE,
			    MT_LOCK_AWAITED, 0, 0, 0);
}

static inline void mt_lock_give(struct mt_lock *lock)
{
	if (atomic_exchange_explicit(&lock->word, MT_LOCK_FREE, memory_order_release) ==
	    MT_LOCK_AWAITED)
		mt_syscall3(SYS_futex, (long)&lock->word, FUTEX_WAKE_PRIVATE, 1);
}

static inline bool mt_lock_is_held(const struct mt_lock *lock)
{
	return atomic_load_explicit(&lock->word, memory_order_relaxed) != MT_LOCK_FREE;
}

#endif
