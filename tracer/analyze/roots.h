/*
 * roots.h - what to call the places outside the heap that hold blocks: "cache+8",
 * "the stack in worker (pool.c:40)". Where a wrapper's frame holds something, as that of a
 * function that waits, who called it is named too. Outside.
 */
#ifndef MT_TRACER_ANALYZE_ROOTS_H
#define MT_TRACER_ANALYZE_ROOTS_H

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/heap.h"

enum {
	MT_NO_LOCATION = UINT32_MAX,
};

/* Whose frame holds something, and, where that is a wrapper, who of the user's called it. */
struct mt_root_place {
	mt_location_id function, caller; /* or MT_NO_LOCATION */
};

/* A zeroed struct is empty. */
struct mt_roots {
	const struct mt_heap *heap;
	struct mt_callsites *callsites;
	struct mt_root_place *places; /* by root */
	const char **labels;          /* by root; equal ones are one string, interned */
	const char *
		*names; /* the same without the place in it: "cache", "mapped memory" */
};

/* Look up all symbols that they need. Frames are resolved on the way. */
int mt_roots_init(struct mt_roots *roots, const struct mt_heap *heap,
		  struct mt_callsites *callsites, const char *directory,
		  struct mt_error *err);
void mt_roots_deinit(struct mt_roots *roots);

/* "global", "thread-local", "stack", ... */
const char *mt_root_kind_name(uint8_t kind);

#endif
