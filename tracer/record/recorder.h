/*
 * recorder.h - what happened, told by the allocator: one call for each event.
 * Inside the traced process; always called under the thread's guard.
 *
 * A struct mt_recorder belongs to a thread slot, lives in private memory and outlives
 * the threads that use the slot. The hot parts are inline in counters.h and unwind.h.
 */
#ifndef MT_TRACER_RECORD_RECORDER_H
#define MT_TRACER_RECORD_RECORDER_H

#include "formats/state.h"
#include "tracer/record/guard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What nearly every event runs lies side by side: lines of code a page apart take each other's
 * place in the first cache.
 */
#define MT_HOT __attribute__((hot))

struct mt_unwinder; /* unwind.h */

/*
 * Where an event entered the library: the stack slot that holds the return address into
 * the caller, and the caller's frame pointer register. MT_CALLER() in a door (a function
 * compiled with a frame pointer) fills it.
 */
struct mt_caller {
	const uintptr_t *slot;
	uintptr_t frame_pointer;
};

#define MT_CALLER()                                                                      \
	((struct mt_caller){.slot = (const uintptr_t *)__builtin_frame_address(0) + 1,   \
			    .frame_pointer =                                             \
				    *(const uintptr_t *)__builtin_frame_address(0)})

/*
 * What lets events take the short way; zero closes it. It has a page to itself, which the kernel
 * clears in a child with memory of its own: its first event finds the way closed. Nothing
 * else lies less than a page from it.
 */
struct mt_recorder_pass {
	uint32_t
		generation; /* of the modules when predictions on the own stack may be made */
	uint32_t is_given; /* events of this thread are recorded */
};

/* Entries of MT_REGION_BLOCKS that the slot may use: blocks.h. */
struct mt_free_blocks {
	uint32_t first, count; /* being filled or emptied; chained by their addresses */
	uint32_t full;         /* a bunch in reserve; 0: none */
};

struct mt_recorder {
	struct mt_guard guard;
	uint32_t slot;                  /* thread slot */
	struct mt_state_thread *shared; /* its line in the shared state */
	/* The counter of traceback id is at directory[id / 64] + id % 64; NULL: none yet. */
	struct mt_state_counter **directory;
	int64_t delta_high, delta_low; /* bounds of shared->delta_bytes: counters.h */
	struct mt_unwinder *unwinder;
	uintptr_t frame_pointer; /* of the event's caller, where registers are scarce */
	struct mt_free_blocks free_blocks;
	char apart[4096 - 64 * 2];
	_Alignas(64) struct mt_recorder_pass pass; /* its owner says whether is_given */
	char apart_too[4096 - sizeof(struct mt_recorder_pass)];
};

/*
 * Once per process, when the state is open; and again in a forked child (fresh tables).
 * False: no memory; then nothing is recorded.
 */
bool mt_recorder_start_process(void);

/*
 * Make *recorder ready for the calling thread in slot. The struct is zeroed memory or
 * one that mt_recorder_close left: then directory and tables are kept.
 */
bool mt_recorder_open(struct mt_recorder *recorder, uint32_t slot);
void mt_recorder_close(struct mt_recorder *recorder);

/* In a forked child: forget all that the parent recorded. For the surviving thread. */
bool mt_recorder_reopen_after_fork(struct mt_recorder *recorder, uint32_t slot);

/* memtrace_start and memtrace_stop: sets totals.tracing; while off, all ids are 0. */
void mt_recorder_set_tracing(bool on);

/*
 * A new domain for memtrace_track: the traceback of the caller beneath the domain's root.
 * Domain 0 is plain mt_unwind_traceback. Returns 0 when it cannot be had (counted).
 */
mt_traceback_id mt_recorder_traceback_in_domain(struct mt_recorder *recorder,
						struct mt_caller caller, uint32_t domain);

/*
 * The traceback without its innermost frame; 0: there is none, or id is 0. Of a signal
 * handler's caller, which is the kernel's frame, it is where the signal came.
 */
mt_traceback_id mt_recorder_outer(mt_traceback_id id);

/*
 * The frames of a traceback, most recent first, as addresses; returns how many there are
 * in all, stores at most n. For memtrace_get_object_traceback and reports.
 */
int mt_recorder_frames(mt_traceback_id id, uintptr_t *frames, int n);

#endif
