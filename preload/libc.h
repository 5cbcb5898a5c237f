/*
 * libc.h - the C library's own allocator, by the names that nobody interposes, and its lists of
 * what is called at the end.
 * Inside the traced process; called under the guard.
 */
#ifndef MT_PRELOAD_LIBC_H
#define MT_PRELOAD_LIBC_H

#include <stdbool.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);
int __libc_mallopt(int parameter, int value);

/* What was registered first is called last. library NULL: with the destructors of none. */
int __cxa_atexit(void (*function)(void *), void *argument, void *library);
int __cxa_at_quick_exit(void (*function)(void *), void *library);

/*
 * Does aligned_alloc refuse an alignment that is no power of two, as C17 has it? In an older
 * C library it is memalign under another name, which rounds up. False until libc_start.
 */
extern bool libc_checks_alignment;

/* Looks names up: from the constructor only. */
void libc_start(void);

/*
 * Its first use makes the heap ready, without a lock: that has to be while there is one
 * thread. Where it serves the small blocks too, starting a thread sees to that.
 */
static inline void libc_make_ready(void)
{
	enum {
		NO_PARAMETER = 0,
	};
	__libc_mallopt(NO_PARAMETER, 0);
}

/*
 * What malloc_usable_size would say. It has no second name, and a look-up by name may
 * allocate, so the chunk's size field is read as the C library itself reads it: a
 * layout that gdb scripts and sanitizers have relied on since dlmalloc.
 */
static inline size_t libc_usable_size(const void *p)
{
	enum {
		IS_MMAPPED = 2,
		FLAGS = 7,
	};
	size_t chunk = ((const size_t *)p)[-1];
	size_t overhead = chunk & IS_MMAPPED ? 2 * sizeof chunk : sizeof chunk;
	return (chunk & ~(size_t)FLAGS) - overhead;
}

#endif
