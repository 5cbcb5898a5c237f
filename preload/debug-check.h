/*
 * debug-check.h - what is wrong around a live block of the debug modes, or in a dead one; for
 * one block, when it is given back, and for all.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_DEBUG_CHECK_H
#define MT_PRELOAD_DEBUG_CHECK_H

#include "preload/debug-blocks.h"
#include "preload/debug-report.h"

#include <stdbool.h>

/* Reports what is wrong around a live block. */
void debug_check_around(const struct debug_call *call, const void *p,
			const struct debug_record *record, struct debug_word word);

/* The same of what was written into a dead one. */
void debug_check_dead(const struct debug_call *call, const void *p);

/*
 * Look at all blocks, live and in the quarantine, as look_at_all; whether there is damage,
 * as look_would_find.
 */
void debug_check_all(const char *call, mt_traceback_id here);
bool debug_has_damage(void);

/* Nobody looks any more: the threads that did were left behind by a fork. */
void debug_unpin_all(void);

#endif
