/*
 * debug-quarantine.h - freed blocks that nobody gets again for a while, oldest first out.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_DEBUG_QUARANTINE_H
#define MT_PRELOAD_DEBUG_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	DEBUG_QUARANTINE_BATCH = 32,
};

/* For at most this many bytes; 0: for none. False: no memory. */
bool debug_quarantine_start(size_t bytes);

/* bytes: how much memory it keeps. False: that is too much for it to come in. */
bool debug_quarantine_put(void *p, size_t bytes);

/*
 * The oldest while there is more in it than there should be; 0: there is not. They are the
 * caller's. When one has to go many do: looking at them is cheaper so.
 */
size_t debug_quarantine_take(void *out[DEBUG_QUARANTINE_BATCH]);

/* The same however full it is: somebody needs the memory. */
size_t debug_quarantine_give_up(void *out[DEBUG_QUARANTINE_BATCH]);

/* For each, oldest first; meanwhile nothing goes in or out. */
void debug_quarantine_each(void (*visit)(void *context, void *p), void *context);

void debug_quarantine_before_fork(void);
void debug_quarantine_after_fork(void);
void debug_quarantine_reopen_after_fork(void);

#endif
