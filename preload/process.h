/*
 * process.h - the life of the traced process: its start, and its forked children.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_PROCESS_H
#define MT_PRELOAD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct thread; /* preload/thread.h */

/*
 * At the very first event, before any constructor: the state is made, recorder and heaps
 * begin. No effect the second time. False: nothing can be recorded, requests go to the C
 * library (mt_state.heap_bytes is 0, tracing is off).
 */
bool process_start(void);

/* A word that the kernel sets to zero in any child that has memory of its own. */
extern __attribute__((visibility("hidden"))) volatile uint32_t *process_fork_word;

/* Tested on every event: true in a forked child until process_enter_child. */
static inline bool process_is_child(void)
{
	return __builtin_expect(!*process_fork_word, 0);
}

/*
 * In a forked child at its first event, under the guard of its only thread: a fresh
 * state, or none where that cannot be had. Also where the parent was not recorded.
 */
void process_enter_child(struct thread *thread);

/* In a debug mode: look at all blocks, for the trace and the report by the name of this call. */
void process_look(const char *call);

/* A filter of system calls may be in place: make only those that malloc makes too. */
void process_note_filter(void);

/*
 * Said once in the life of the process: the recorder cannot go on. Tracing ends, the
 * program does not.
 */
void process_give_up(const char *why);

#endif
