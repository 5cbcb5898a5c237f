/*
 * oracle.h - the traceback of an event by others: libunwind and, where that is wrong, libgcc.
 * Inside the traced process, in the check build only.
 *
 * libunwind is used as for another process: it asks us for registers, words and
 * unwind tables. So it takes no lock of the loader, and a guess of it that leads to memory
 * which cannot be read crashes nothing. All frames are its own work, from our own innermost one.
 */
#ifndef MT_TESTS_TRACEBACKS_ORACLE_H
#define MT_TESTS_TRACEBACKS_ORACLE_H

#include "tracer/record/registers.h"
#include "tracer/record/tracebacks.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	ORACLE_MAX_FRAMES = 1 << 17,
};

/* In a frame: the address of an interrupted instruction, not a return address. */
static const uint64_t oracle_interrupted = UINT64_C(1) << 63;

/* Of an address that is none, only so many bits are recorded. */
static inline uint64_t oracle_frame(uintptr_t pc, bool is_interrupted)
{
	return (pc & ((UINT64_C(1) << MT_PC_BITS) - 1)) |
	       (is_interrupted ? oracle_interrupted : 0);
}

enum oracle_ending {
	ORACLE_COMPLETE, /* there is no caller */
	ORACLE_UNKNOWN,  /* the outermost frame has no unwind information */
	ORACLE_BROKEN,   /* it has, but that leads nowhere */
};

/* Large, and mostly never touched. */
struct oracle {
	void *space;            /* libunwind's address space, with its memory of rules */
	bool lacks_information; /* it was asked for in vain */
	struct mt_registers start;
	uintptr_t low, high; /* the thread's own stack */
	uint32_t count;
	uint64_t frames
		[ORACLE_MAX_FRAMES]; /* innermost first; pc and oracle_interrupted */
	uintptr_t sp[ORACLE_MAX_FRAMES + 1];
};

/* Once, from a constructor. False: a library is missing. */
bool oracle_open(void);

/* It is zeroed memory. */
void oracle_init(struct oracle *oracle);
void oracle_forget_rules(struct oracle *oracle);

/*
 * The frames from the caller outward whose return address is at slot, from the registers
 * in oracle->start. Only fresh: without rules remembered from earlier walks.
 */
enum oracle_ending oracle_walk(struct oracle *oracle, const uintptr_t *slot,
			       bool is_fresh);

/* Whether a function begins at the address. */
bool oracle_is_entry(struct oracle *oracle, uintptr_t pc);

/* libgcc's side: oracle-libgcc.c. */
bool oracle_libgcc_open(void);
enum oracle_ending oracle_libgcc_walk(struct oracle *oracle, const uintptr_t *slot);

#endif
