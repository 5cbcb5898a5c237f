/*
 * room.h - memory for the large tables of a scan. Outside.
 *
 * Whoever waits for a scan would wait for page faults most of the time: a room is made
 * present in large pieces, in huge pages where there are any, and goes back to the system
 * when it is freed. What is small comes from malloc.
 */
#ifndef MT_TRACER_COLLECT_ROOM_H
#define MT_TRACER_COLLECT_ROOM_H

#include <stddef.h>

/* Zeroed. NULL: no memory. */
void *mt_room_take(size_t bytes);

/* An array that will grow, with likely elements present already, for mt_room_grow. */
void *mt_room_prepare(size_t likely, size_t most, size_t element_bytes);

/*
 * An array that grows, up to most elements: room for one more than count. The array,
 * perhaps moved, and its capacity then; what is new is zero. NULL: no memory; array is
 * then as before. Begins with NULL.
 */
void *mt_room_grow(void *array, size_t count, size_t most, size_t element_bytes,
		   size_t *capacity);

/* What lies beyond so many bytes goes back, if it is much. NULL does nothing. */
void mt_room_fit(void *room, size_t bytes);

/* NULL does nothing. */
void mt_room_free(void *room);

#endif
