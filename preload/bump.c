/*
 * bump.c - areas that are only ever filled.
 * Inside the traced process; reentrant at every instruction, without relocations.
 */
#include "preload/bump.h"

#include "preload/large.h"
#include "tracer/record/pages.h"

enum {
	AREA_BYTES = 256 << 10,
};

struct area {
	_Atomic size_t used; /* may run beyond the end */
	unsigned char bytes[AREA_BYTES - sizeof(size_t)];
};

static _Atomic(struct area *) current;

static void *place(unsigned char *from, size_t size, size_t alignment)
{
	uintptr_t start = (uintptr_t)from + sizeof(struct large_header);
	unsigned char *p = (unsigned char *)((start + alignment - 1) & -alignment);
	large_mark(p, LARGE_BUMP, size, (struct large_tag){0});
	return p;
}

/* Bytes of the current area, or NULL when it is full. */
static unsigned char *take(struct area *area, size_t bytes)
{
	if (!area)
		return NULL;
	size_t at = atomic_fetch_add_explicit(&area->used, bytes, memory_order_relaxed);
	return at + bytes <= sizeof area->bytes ? area->bytes + at : NULL;
}

void *bump_alloc(size_t size, size_t alignment)
{
	if (alignment < LARGE_ALIGNMENT)
		alignment = LARGE_ALIGNMENT;
	if (size > PTRDIFF_MAX / 2 || alignment > PTRDIFF_MAX / 4)
		return NULL;
	size_t bytes = (size + alignment + 2 * sizeof(struct large_header)) &
		       ~(sizeof(struct large_header) - 1);
	if (bytes > AREA_BYTES / 4) {
		unsigned char *own = mt_pages_map_for_program(mt_pages_round(bytes));
		return own ? place(own, size, alignment) : NULL;
	}
	struct area *area = atomic_load_explicit(&current, memory_order_acquire);
	unsigned char *from;
	while (!(from = take(area, bytes))) {
		struct area *next = mt_pages_map_for_program(sizeof *next);
		if (!next)
			return NULL;
		if (!atomic_compare_exchange_strong(&current, &area, next))
			mt_pages_unmap(next, sizeof *next);
		else
			area = next;
	}
	return place(from, size, alignment);
}
