/*
 * look.c - see look.h.
 * Inside the traced process.
 */
#include "preload/look.h"

#include "preload/debug-check.h"
#include "preload/debug.h"
#include "preload/fenced.h"

static _Atomic uint32_t lookers;

void look_at_all(const char *call, mt_traceback_id here)
{
	atomic_fetch_add(&lookers, 1);
	if (debug_is_on())
		debug_check_all(call, here);
	else if (fence.bytes)
		fenced_check_all(call, here);
	atomic_fetch_sub(&lookers, 1);
}

void look_as_asked(void)
{
	if (atomic_exchange(&mt_state.control->check_wanted, 0))
		look_at_all("memtrace snapshot", 0);
}

bool look_would_find(void)
{
	return debug_is_on() ? debug_has_damage() : fence.bytes && fenced_has_damage();
}

void look_reopen_after_fork(void)
{
	if (!atomic_exchange(&lookers, 0))
		return;
	if (debug_is_on())
		debug_unpin_all();
	else
		fence_unpin_all();
}
