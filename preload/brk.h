/*
 * brk.h - the pages of the C library's main heap, made present as it grows.
 * Inside the traced process, under the guard.
 *
 * The C library raises the break by 132 KiB and more at a time, and then touches page
 * after page as it hands out blocks. We see each block first, and save it the faults.
 */
#ifndef MT_PRELOAD_BRK_H
#define MT_PRELOAD_BRK_H

#include <stddef.h>
#include <stdint.h>

/* The break as the C library knows it. */
extern void *__curbrk;

/* Pages below are present, as far as we know; may be wrong in either direction. */
extern uintptr_t brk_present;

void brk_make_present(uintptr_t start, uintptr_t end);

/* A block that the C library has just made, at p, whatever heap it is from; NULL: none. */
static inline void brk_follow(const void *p, size_t bytes)
{
	uintptr_t end = (uintptr_t)p + bytes, top = (uintptr_t)__curbrk;
	uintptr_t present = __atomic_load_n(&brk_present, __ATOMIC_RELAXED);
	if (__builtin_expect((end > present && end <= top) || present > top, 0) && p)
		brk_make_present((uintptr_t)p, end);
}

#endif
