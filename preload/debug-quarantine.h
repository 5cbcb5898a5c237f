/*
 * debug-quarantine.h - freed blocks that nobody gets again for a while, oldest first out.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_DEBUG_QUARANTINE_H
#define MT_PRELOAD_DEBUG_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

/* For at most this many bytes; 0: for none. False: no memory. */
bool debug_quarantine_start(size_t bytes);

/* False: blocks of this size do not come in. */
bool debug_quarantine_put(void *p, size_t bytes);

/*
 * The oldest block while there is more in it than there should be; NULL: there is not. It
 * is the caller's. bytes: finds how large a block is.
 */
void *debug_quarantine_take(size_t (*bytes)(const void *p));

/* For each, oldest first; meanwhile nothing goes in or out. */
void debug_quarantine_each(void (*visit)(void *context, void *p), void *context);

void debug_quarantine_before_fork(void);
void debug_quarantine_after_fork(void);
void debug_quarantine_reopen_after_fork(void);

#endif
