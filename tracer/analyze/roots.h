/*
 * roots.h - what to call the places outside the heap that hold blocks: "cache+8",
 * "the stack in worker (pool.c:40)". Outside.
 */
#ifndef MT_TRACER_ANALYZE_ROOTS_H
#define MT_TRACER_ANALYZE_ROOTS_H

#include "tracer/analyze/heap.h"
#include "tracer/analyze/location.h"

/* A zeroed struct is empty. */
struct mt_roots {
	const struct mt_heap *heap;
	const struct mt_frame_locations *frames;
	const char **labels; /* by root; equal ones are one string, interned */
	const char *
		*names; /* the same without the place in it: "cache", "mapped memory" */
};

/* Look up all symbols that they need. Frames are resolved on the way. */
int mt_roots_init(struct mt_roots *roots, const struct mt_heap *heap,
		  struct mt_frame_locations *frames, const char *directory,
		  struct mt_error *err);
void mt_roots_deinit(struct mt_roots *roots);

/* "global", "thread-local", "stack", ... */
const char *mt_root_kind_name(uint8_t kind);

#endif
