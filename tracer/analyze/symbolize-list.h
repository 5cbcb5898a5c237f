/*
 * symbolize-list.h - growable arrays of the symbolizer. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_LIST_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_LIST_H

#include <stddef.h>
#include <stdlib.h>

/*
 * Room for one more item behind the `count` that `items` holds. Returns the array, perhaps
 * at a new place, or NULL without memory; the old array is then untouched.
 */
static inline void *mt_list_room(void *items, size_t count, size_t *capacity,
				 size_t item_bytes)
{
	if (count < *capacity)
		return items;
	size_t wanted = *capacity ? *capacity * 2 : 64;
	void *moved = reallocarray(items, wanted, item_bytes);
	if (moved)
		*capacity = wanted;
	return moved;
}

#endif
