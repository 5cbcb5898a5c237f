/*
 * arenas.h - arenas of 64 pools, carved from the one reserved range of the small heap.
 * Inside the traced process. All functions but arenas_start and arenas_make_present run between arenas_lock and
 * arenas_unlock; the pools they hand out are in no heap.
 */
#ifndef MT_PRELOAD_ARENAS_H
#define MT_PRELOAD_ARENAS_H

#include "preload/pymalloc.h"

#include <stdbool.h>
#include <stdint.h>

/* Room for the arenas of mt_state.heap. False: no memory. */
bool arenas_start(void);

/* mt_state.max_arenas has become smaller than it was: give up what belongs to the rest. */
void arenas_shrink(void);

/* Whether other threads may be here too. Only the caller itself can make it true. */
bool arenas_are_shared(void);

/* Returns what arenas_unlock needs; with a single thread there is nothing to lock. */
bool arenas_lock(void);
void arenas_unlock(bool locked);

void arenas_before_fork(void);
void arenas_after_fork(void);

/*
 * In a forked child that may have been made behind the handlers' back: forget arenas
 * that were being changed, and enter the others into the fresh state.
 */
void arenas_reopen_after_fork(void);

/*
 * An empty pool of the fullest arena that has one: the newest that came back, or a new
 * one, with class_index PYMALLOC_CLASS_NONE. NULL: no arena has one.
 */
struct pool *arenas_take_pool(void);

/*
 * The pages of a pool that was taken, and some behind it. Needs no lock: the arena stays while
 * the caller has the pool.
 */
void arenas_make_present(const struct pool *pool);

/* When no arena has a pool left: a new one. False: out of memory or of range. */
bool arenas_add(void);

/*
 * Whether the next arenas_take_pool would return this pool, were it put back now. Only
 * with a single thread.
 */
bool arenas_would_choose(const struct pool *pool);

void arenas_put_pool(struct pool *pool);

/* Pools of the range that were ever carved: indices below this. */
uint32_t arenas_pool_limit(void);

/* Whether the pool has been in use since its arena came. */
bool arenas_is_carved(uint32_t pool_index);

/* Bytes of the arenas in use. */
size_t arenas_bytes(void);

#endif
