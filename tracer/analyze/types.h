/*
 * types.h - what to call the blocks of a scan: the class of a C++ object, or what a look
 * at the contents says. Outside.
 */
#ifndef MT_TRACER_ANALYZE_TYPES_H
#define MT_TRACER_ANALYZE_TYPES_H

#include "tracer/analyze/heap.h"
#include "tracer/analyze/location.h"

/* By type of the heap; equal names are one string, interned. A zeroed struct is empty. */
struct mt_types {
	const char **names;
};

/*
 * "shapes::Circle" where the first word leads to its vtable; "object (libx.so+0x12)" where
 * the module has no symbols; "string of 17", "pointers", "zeroes", "data".
 */
int mt_types_init(struct mt_types *types, const struct mt_heap *heap,
		  const struct mt_frame_locations *frames, struct mt_error *err);
void mt_types_deinit(struct mt_types *types);

#endif
