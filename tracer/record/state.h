/*
 * state.h - the shared state as the library sees it: make it, map it, hand it over.
 * Inside the traced process.
 *
 * mt_state_open() may run at the very first allocation, before any constructor; it makes
 * only system calls. The hand-over to the collector comes later, from the constructor,
 * and in a forked child at its first event.
 */
#ifndef MT_TRACER_RECORD_STATE_H
#define MT_TRACER_RECORD_STATE_H

#include "formats/state.h"

#include <stdbool.h>
#include <stddef.h>

/* What the regions are mapped to. Fixed for the life of the process, forks included. */
struct mt_state {
	struct mt_state_header *header;
	struct mt_control *control;
	struct mt_state_thread *threads;
	struct mt_state_module *modules;
	char *strings;
	struct mt_state_node *nodes;
	_Atomic mt_node_id *tracebacks;
	struct mt_state_chunk *chunks;
	struct mt_state_counter *counters;
	struct mt_state_peak *peaks;
	uint32_t *side;
	struct mt_state_pool *pools;
	uint8_t *arenas;
	struct mt_state_block *blocks;
	struct mt_state_start *starts;
	struct mt_state_kept *kept;

	/* How many entries each table has room for. */
	uint32_t max_threads, max_modules, max_nodes, max_tracebacks, max_chunks,
		max_blocks;
	uint32_t max_pools, max_arenas, max_strings_bytes, max_starts;

	unsigned char *heap; /* the small-object heap: reserved, PROT_NONE until used */
	/* 0: no address space for it; all goes to the C library. May shrink: see below. */
	size_t heap_bytes;

	/* A filter of system calls is in place: from now on only those that malloc makes too. */
	bool has_filter;
};

extern __attribute__((visibility("hidden"))) struct mt_state mt_state;

/* Choices that shape the state; from the environment, read without getenv. */
struct mt_state_options {
	enum mt_malloc_mode malloc_mode;
	enum mt_check_mode check_mode;
	enum mt_geometry_kind geometry;
	uint32_t nframe;
	bool wants_scan;
};

/*
 * Reserve address space (shrinking step by step where it is scarce), create both memfds
 * and map them. False: not even the smallest state could be had; then mt_state.header
 * points to a private static header, so that readers need no test, nothing can be
 * recorded and heap_bytes is 0.
 */
bool mt_state_open(const struct mt_state_options *options);

/* After it returned false: why, as a line for the user. */
const char *mt_state_missing(void);

/*
 * In a forked child at its first event: a fresh, empty state over the old addresses.
 * Keeps geometry, mode and heap; notes the parent's uuid and pid in the header.
 */
bool mt_state_reopen_after_fork(void);

/*
 * In a forked child that must not or cannot have a state of its own: private memory over
 * the old addresses, so that nothing more reaches the parent's state. Nothing is recorded
 * from now on.
 */
void mt_state_detach(void);

/*
 * The program is about to limit its address space to limit bytes: give up what the heap
 * and the tables have reserved and not used, so that mmap goes on working. Lowers
 * heap_bytes and the max_ values.
 */
void mt_state_shrink(uint64_t limit);

/* The two memfds, state then control; false: they are closed. */
bool mt_state_fds(int fds[2]);
void mt_state_close_fds(void);

/*
 * Send both memfds to the collector behind the abstract socket `name` and close them
 * here. They are safe with the kernel then, so its answer is waited for, at most
 * timeout_ms, only where waits is set or a user of another name listens. False: nobody
 * there; they stay open for another try.
 */
bool mt_state_hand_over(const char *name, int timeout_ms, bool waits);

/* Whether this process has sent its state to a collector. */
bool mt_state_is_handed_over(void);

/* Whether the collector could make a file for it, as far as it has said. */
bool mt_state_has_trace(void);

/* The collector's pid as the kernel gave it; 0 when unknown or not handed over. */
uint32_t mt_state_collector_pid(void);

/* Count an event that could not be recorded as it should. */
static inline void mt_state_lose(enum mt_loss reason)
{
	atomic_fetch_add_explicit(&mt_state.header->losses[reason], 1,
				  memory_order_relaxed);
}

/*
 * Copy a string into MT_REGION_STRINGS; returns its offset, 0 when full or empty.
 * Lock-free.
 */
uint32_t mt_state_add_string(const char *text);
uint32_t mt_state_add_bytes(const char *bytes, uint32_t size);

/*
 * A thread slot, ended ones first (their heap and counters are adopted), else a new one.
 * Sets tid, serial and name. Returns the slot, or UINT32_MAX when none is left
 * (counted). Lock-free. mt_state_slot_close leaves it to the next thread.
 */
uint32_t mt_state_slot_open(uint32_t tid);
void mt_state_slot_close(uint32_t slot);

/* The calling thread's stack for signals, as the kernel has it. */
void mt_state_slot_note_signal_stack(uint32_t slot);

#endif
