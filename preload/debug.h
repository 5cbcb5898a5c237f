/*
 * debug.h - the debug modes: patterns around every block and in every freed one, checked
 * when the program gives a block back and when all are looked at.
 * Inside the traced process, under the guard.
 *
 * A block is laid out as CPython's debug hooks do: its size and a letter for the API that
 * made it, forbidden bytes, the data, forbidden bytes, a serial number; debug-layout.h.
 * Freed ones are filled and wait in a quarantine; debug-quarantine.h. What decides is
 * never read from around the block but from debug-blocks.h, so that a program that
 * overwrites all of it is still told what it was.
 */
#ifndef MT_PRELOAD_DEBUG_H
#define MT_PRELOAD_DEBUG_H

#include "preload/api-id.h"
#include "preload/serve.h"
#include "preload/thread.h"

#include <stdbool.h>
#include <stddef.h>

/* Once per process, when mt_state is open. False: no memory. */
bool debug_start(void);

static inline bool debug_is_on(void)
{
	return mt_state.header->check_mode == MT_CHECK_DEBUG;
}

/* As serve_alloc_other, serve_free and serve_realloc. */
void *debug_alloc(struct thread *thread, struct mt_caller caller, struct request request);
void debug_free(struct thread *thread, struct mt_caller caller, void *p,
		struct release release);
void *debug_realloc(struct thread *thread, struct mt_caller caller, void *p,
		    struct request request);

/* Whether a live block of these modes begins at p, which may be anything. */
bool debug_is_block(const void *p);
size_t debug_usable_size(const void *p);

/* The traceback of a live block's allocation; 0: unknown. */
mt_traceback_id debug_traceback(const void *p);

/* Another API made this block than the one that asked for it. */
void debug_change_api(void *p, enum api api);

/* From a signal handler in the middle of an event: freed when that ends. */
void debug_free_later(void *p, struct release release);
void debug_drain_later(struct thread *thread);

/* Around fork, as heaps_lock_for_fork; and in the child at its first event. */
void debug_before_fork(void);
void debug_after_fork(void);
void debug_reopen_after_fork(void);
/* Freed blocks in the quarantine are not live, although their pools count them. */
void debug_disinherit(void);

#endif
