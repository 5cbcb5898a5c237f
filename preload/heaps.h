/*
 * heaps.h - the heaps of all threads: blocks freed by others, and what outlives a thread.
 * Inside the traced process, under the guard.
 *
 * There is one heap per thread slot. A block that another thread frees is collected with
 * others of its pool, handed over as a chain on the pool's atomic list, and taken back by
 * the owner when a class runs dry. The heap of an ended thread waits for the next thread in
 * its slot; until then whoever runs out of arenas takes its freed blocks back.
 */
#ifndef MT_PRELOAD_HEAPS_H
#define MT_PRELOAD_HEAPS_H

#include "preload/pymalloc.h"

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* Once per process, when mt_state is open. False: no memory; requests go unrecorded. */
bool heaps_start(void);

/* The thread of a slot; NULL: never used. Stays mapped for ever. */
struct thread *heaps_thread(uint32_t slot);

/* Memory for the thread of a new slot, zeroed; NULL: none. Only the slot's owner calls. */
struct thread *heaps_thread_create(uint32_t slot);

/* A block of another heap, side word already taken. */
void heaps_free_remote(struct heap *heap, uint32_t pool_index, void *block);

/*
 * A block of any heap, side word left: from a signal handler in the middle of an event,
 * or from a thread without a slot. The owner records the free.
 */
void heaps_free_unrecorded(uint32_t pool_index, void *block);

/* Hand over what this heap has collected for others. */
void heaps_flush(struct heap *heap);

/* Take back what others freed. */
void heaps_drain(struct heap *heap);

/* The same for heaps whose threads have ended. */
void heaps_drain_ended(void);

/*
 * Around fork: no other thread may be changing arenas or tables, so that the child gets
 * them whole. Only under the guard, and only in pairs.
 */
void heaps_lock_for_fork(void);
void heaps_unlock_for_fork(void);

/*
 * In a forked child at its first event, when mt_state is fresh: `survivor`, which was in
 * slot `from`, goes on in slot `to`; the heaps of all other threads are never used again.
 * What is live in all of them is entered as inherited.
 */
void heaps_after_fork(struct thread *survivor, uint32_t from, uint32_t to);

/* A small block without a side word was freed: if it was inherited, one less is. */
void heaps_disinherit(uint32_t pool_index);

#endif
