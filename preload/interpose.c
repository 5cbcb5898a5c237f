/*
 * interpose.c - the doors of the malloc family.
 * Inside the traced process. Errors, zero sizes, overflow and alignment are as glibc has
 * them; doors that only translate their arguments still take the caller themselves.
 */
#include "preload/aside.h"
#include "preload/door.h"
#include "preload/libc.h"
#include "preload/serve.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

void *malloc_of(size_t size, const uintptr_t *slot, uintptr_t frame_pointer);
void *calloc_of(size_t count, size_t size, const uintptr_t *slot,
		uintptr_t frame_pointer);
void *realloc_of(void *p, size_t size, const uintptr_t *slot, uintptr_t frame_pointer);
void cfree(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);

static inline bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static void *fail(int error)
{
	errno = error;
	return NULL;
}

DOOR_OF(malloc, malloc_of, "%rsi", "%rdx")
MT_HOT void *malloc_of(size_t size, const uintptr_t *slot, uintptr_t frame_pointer)
{
	return serve_alloc((struct mt_caller){slot, frame_pointer},
			   (struct request){.size = size});
}

DOOR_OF(calloc, calloc_of, "%rdx", "%rcx")
MT_HOT void *calloc_of(size_t count, size_t size, const uintptr_t *slot,
		       uintptr_t frame_pointer)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return fail(ENOMEM);
	return serve_alloc((struct mt_caller){slot, frame_pointer},
			   (struct request){.size = bytes, .is_zeroed = true});
}

SERVE_INLINE void *resize(struct mt_caller caller, void *p, size_t size)
{
	if (!p)
		return malloc_of(size, caller.slot, caller.frame_pointer);
	if (size)
		return serve_realloc(caller, p, (struct request){.size = size});
	serve_free_by(p, release_by(API_MALLOC), caller.slot, caller.frame_pointer);
	return NULL;
}

DOOR_OF(realloc, realloc_of, "%rdx", "%rcx")
MT_HOT void *realloc_of(void *p, size_t size, const uintptr_t *slot,
			uintptr_t frame_pointer)
{
	return resize((struct mt_caller){slot, frame_pointer}, p, size);
}

DOOR void *reallocarray(void *p, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return fail(ENOMEM);
	/* Valgrind does not know this door; the block is its own. */
	if (__builtin_expect(aside_for_valgrind, 0))
		return realloc(p, bytes);
	return resize(MT_CALLER(), p, bytes);
}

MT_HOT DOOR void free(void *p)
{
	serve_free(p, release_by(API_MALLOC));
}

DOOR void cfree(void *p)
{
	serve_free(p, release_by(API_MALLOC));
}

DOOR void free_sized(void *p, size_t size)
{
	serve_free(p, (struct release){.size = size});
}

DOOR void free_aligned_sized(void *p, size_t alignment, size_t size)
{
	(void)alignment;
	serve_free(p, (struct release){.size = size});
}

/* An alignment that is no power of two is rounded up to one. */
SERVE_INLINE void *align(struct mt_caller caller, size_t alignment, size_t size)
{
	if (alignment > SIZE_MAX / 2 + 1)
		return fail(EINVAL);
	if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX - size)
		return fail(ENOMEM);
	unsigned shift = alignment < 2 ? 0 : 64 - (unsigned)__builtin_clzl(alignment - 1);
	return serve_alloc(caller, (struct request){.size = size,
						    .alignment_shift = (uint8_t)shift,
						    .api = API_ALIGNED});
}

DOOR void *memalign(size_t alignment, size_t size)
{
	return align(MT_CALLER(), alignment, size);
}

DOOR void *aligned_alloc(size_t alignment, size_t size)
{
	if (libc_checks_alignment && !is_power_of_two(alignment))
		return fail(EINVAL);
	return align(MT_CALLER(), alignment, size);
}

DOOR int posix_memalign(void **result, size_t alignment, size_t size)
{
	if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
		return EINVAL;
	int before = errno;
	void *p = align(MT_CALLER(), alignment, size);
	if (!p)
		return ENOMEM; /* and so is errno, as with the C library */
	errno = before;
	*result = p;
	return 0;
}

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

DOOR void *valloc(size_t size)
{
	return align(MT_CALLER(), page_bytes(), size);
}

DOOR void *pvalloc(size_t size)
{
	size_t page = page_bytes();
	size_t bytes;
	if (__builtin_add_overflow(size, page - 1, &bytes))
		return fail(ENOMEM);
	return align(MT_CALLER(), page, bytes & ~(page - 1));
}

DOOR size_t malloc_usable_size(void *p)
{
	return p ? serve_usable_size(p) : 0;
}
