/*
 * report.h - tell what the program did wrong with its memory: on its stderr, and in its
 * trace.
 * Inside the traced process, under the thread's guard. Symbols are not looked up here:
 * the collector is asked for the tracebacks in words and has five seconds; addresses are
 * printed where it does not answer.
 */
#ifndef MT_PRELOAD_REPORT_H
#define MT_PRELOAD_REPORT_H

#include "formats/state.h"
#include "preload/text.h"

#include <stddef.h>
#include <stdint.h>

struct report {
	enum mt_error_kind kind;
	const char *call;    /* the function that found it: "free", "operator delete" */
	const void *address; /* what was passed, or the first byte that is wrong */
	/* The block that it is about, as the program knows it; NULL: none is known. */
	const void *block;
	size_t block_bytes; /* requested */
	uint64_t serial;    /* of its request; 0: not numbered */
	/* Which API it came from, and which was called: printable; 0: does not matter. */
	uint8_t allocated_by, called_by;
	/* Of its allocation, of its free, and of this very call; 0: none. */
	mt_traceback_id allocated, freed, here;
	/* More lines about the block, after the first; NULL: there are none. */
	void (*describe)(struct text *text, const struct report *report);
	const void *context; /* for describe */
};

/*
 * Returns only with MEMTRACE_DEBUG=continue; else the program is aborted. Whoever calls
 * leaves things in a state from which it can go on.
 */
void report_error(const struct report *report);

/* The same for an access, whose consequences the program has to bear: always returns. */
void report_fault(const struct report *report);

/* In a forked child: what another thread of the parent was telling is not the child's. */
void report_after_fork(void);

#endif
