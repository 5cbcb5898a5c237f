/*
 * fence.h - blocks that end at an inaccessible page, and become inaccessible when freed.
 * Inside the traced process, under the guard; for `--malloc guard` alone.
 *
 * A range of addresses is reserved at start and cut into cells of two pages. A block takes
 * whole cells and lies at the very end of its data pages; at least one page beyond stays
 * inaccessible. What its alignment leaves between its end and that page, and what is left
 * of its first page before it, holds a pattern that is looked at when it is freed. Then
 * its pages are given back and its cells wait until the whole range has been used once.
 *
 * Not every block is fenced: one of `sample` is tried, as long as the fenced ones' pages
 * stay within the budget and the kernel has mappings left. All others are served as ever.
 */
#ifndef MT_PRELOAD_FENCE_H
#define MT_PRELOAD_FENCE_H

#include "formats/state.h"
#include "preload/api-id.h"
#include "preload/report.h"
#include "preload/thread.h"
#include "tracer/record/recorder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FENCE_ALIGNMENT = 16, /* at least, of every block */
	FENCE_FILLER = 0xfd,  /* around the block, within its pages */
};

/* What a cell's first page holds. */
enum fence_state {
	FENCE_NONE = 0, /* never used, or within a larger block */
	FENCE_LIVE = 1,
	FENCE_FREED = 2,
	FENCE_STUCK = 3,  /* as freed, but its pages are not given back (yet) */
	FENCE_PINNED = 4, /* live, and being looked at: its free waits */
};

/* By cell; kept after the free, for who touches it then. */
struct fence_block {
	_Atomic uint32_t state; /* enum fence_state */
	uint32_t cells;
	uint64_t size;   /* requested */
	uint16_t offset; /* of the block from the start of its cell: within a page */
	uint8_t api;     /* enum api that asked for it */
	uint8_t reserved;
	mt_traceback_id allocated, freed;
	uint32_t entry;        /* mt_blocks index; 0: not recorded */
	uint16_t birth, death; /* generations of forks: whose the tracebacks are */
	uint32_t next;         /* of those freed by signal handlers: cell + 1 */
};
static_assert(sizeof(struct fence_block) == 40, "one for every 8 KiB of the range");

/* Bytes 0: blocks are not fenced. */
struct fence {
	unsigned char *start;
	size_t bytes;
};

extern struct fence fence;

static inline bool fence_is_inside(const void *p)
{
	return (size_t)((const unsigned char *)p - fence.start) < fence.bytes;
}

/* Once per process. False: there is no room for it; nothing is fenced. */
bool fence_start(uint64_t budget_bytes, uint32_t sample);

/*
 * A block of size bytes, zeroed, without a record yet. NULL: this one is not to be
 * fenced; errno is untouched.
 */
struct fence_block *fence_place(struct thread *thread, size_t size, size_t alignment);

/* The record of a live block begins and ends; fence_free ends it too. */
void fence_record(struct thread *thread, struct fence_block *block, mt_traceback_id id,
		  enum api api);
void fence_forget(struct thread *thread, struct fence_block *block);

/* The live block that begins at p; NULL: there is none. */
struct fence_block *fence_find(const void *p);

/*
 * The block whose cells hold the address, live or freed. NULL: nothing is known of it.
 * Async-signal-safe.
 */
struct fence_block *fence_around(const void *address);

/*
 * The nearest one to an address that is in the range: live or freed, and however far. NULL:
 * there is none. Async-signal-safe.
 */
const struct fence_block *fence_nearest(const void *address);

unsigned char *fence_start_of(const struct fence_block *block);
bool fence_is_live(const struct fence_block *block);

/* Its tracebacks, as ids of this process; 0: unknown. */
mt_traceback_id fence_allocated(const struct fence_block *block);
mt_traceback_id fence_freed(const struct fence_block *block);

/* Of the live block at p, if this process allocated it; 0: it did not. */
mt_traceback_id fence_traceback(const void *p);

/* How far an address is from the block; 0: within. */
size_t fence_distance(const struct fence_block *block, const void *address);

/* The first byte around the block that was written to; NULL: none. */
const unsigned char *fence_damage(const struct fence_block *block);

/* The live block after this one, the first after NULL; NULL: there is none. */
struct fence_block *fence_next(struct fence_block *block);

/*
 * Keep a live block from being freed for a moment in which nothing is waited for and no
 * handler of a signal runs; false: it is live no more. Then what lies around it is as new.
 */
bool fence_pin(struct fence_block *block);
void fence_mend(struct fence_block *block);
void fence_unpin(struct fence_block *block);

/* Nobody pins any more: the threads that did were left behind by a fork. */
void fence_unpin_all(void);

/*
 * End a block that fence_find gave, by a call that freed (its traceback; 0: unknown).
 * False: another thread was faster.
 */
bool fence_free(struct thread *thread, struct fence_block *block, mt_traceback_id freed);

/* The same in the middle of an event: all but the state waits for fence_drain. */
bool fence_free_nested(struct fence_block *block);
void fence_drain(struct thread *thread);

/* For reports: where the address lies, seen from the block, if there is one. */
void fence_describe(struct text *text, const struct report *report);

/* Let the access to the page at this address go on: MEMTRACE_DEBUG=continue. */
bool fence_open(const void *address);

/* The program limits its address space: give up what no live block needs. */
void fence_shrink(void);

/* Around fork, only under the guard and in pairs; and in the child at its first event. */
void fence_before_fork(void);
void fence_after_fork(void);
void fence_reopen_after_fork(void);

#endif
