/*
 * brk.c - see brk.h. Inside the traced process, under the guard.
 */
#include "preload/brk.h"

#include "tracer/record/pages.h"

enum {
	LEAST_STRIDE_BYTES = 16 << 10,
	MOST_STRIDE_BYTES = 1 << 20,
	STRIDE_SHARE = 8, /* of the heap so far */
	/* Larger blocks may be meant to stay untouched in part. */
	MOST_BLOCK_BYTES = 64 << 10,
};

uintptr_t brk_present;

static size_t stride_of(uintptr_t start)
{
	static uintptr_t bottom;
	if (!bottom)
		bottom = start;
	size_t bytes = (start - bottom) / STRIDE_SHARE;
	if (start < bottom || bytes < LEAST_STRIDE_BYTES)
		return LEAST_STRIDE_BYTES;
	return bytes < MOST_STRIDE_BYTES ? bytes : MOST_STRIDE_BYTES;
}

void brk_make_present(uintptr_t start, uintptr_t end)
{
	uintptr_t top = (uintptr_t)__curbrk & ~(uintptr_t)(MT_PAGE_BYTES - 1);
	uintptr_t present = __atomic_load_n(&brk_present, __ATOMIC_RELAXED);
	if (present > top)
		present = top; /* the break was lowered */
	if (end > present && end <= top) {
		uintptr_t from = start > present ? start : present;
		uintptr_t to =
			end - start > MOST_BLOCK_BYTES ? end : end + stride_of(start);
		to = to < top ? to : top;
		if (end - start <= MOST_BLOCK_BYTES)
			mt_pages_populate((void *)from, to - from);
		present = to & ~(uintptr_t)(MT_PAGE_BYTES - 1);
	}
	__atomic_store_n(&brk_present, present, __ATOMIC_RELAXED);
}
