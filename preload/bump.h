/*
 * bump.h - emergency blocks, for requests that may not touch anything else: from a signal
 * handler in the middle of an event, and before the library is relocated.
 * Inside the traced process. Atomics and mmap only; nothing is ever given back.
 */
#ifndef MT_PRELOAD_BUMP_H
#define MT_PRELOAD_BUMP_H

#include <stddef.h>

/* Zeroed, with a large_header of kind LARGE_BUMP. NULL: no memory. */
void *bump_alloc(size_t size, size_t alignment);

#endif
