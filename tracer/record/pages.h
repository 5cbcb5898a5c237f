/*
 * pages.h - memory straight from the kernel.
 * Inside the traced process. Raw system calls: errno stays as it is, no lock is taken, and
 * they work before the C library is relocated.
 *
 * Our memory is marked by two advices that no program gives together for memory without a
 * file: a scan for leaks (tracer/collect/mappings.h) knows it by them and does not take
 * what lies in it for pointers of the program.
 */
#ifndef MT_TRACER_RECORD_PAGES_H
#define MT_TRACER_RECORD_PAGES_H

#include "tracer/record/syscall.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	MT_PAGE_BYTES = 4096,
};

/* Anywhere; NULL when there is none. */
static inline void *mt_pages_mmap(size_t bytes, int protection, int flags)
{
	long result = mt_syscall6(SYS_mmap, 0, (long)bytes, protection, flags, -1, 0);
	return mt_syscall_is_address(result) ? (void *)result : NULL;
}

static inline void *mt_pages_mmap_own(size_t bytes, int protection, int flags)
{
	void *pages = mt_pages_mmap(bytes, protection, flags);
	if (pages) {
		mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_DONTDUMP);
		mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_RANDOM);
	}
	return pages;
}

/* As mt_pages_map, for what the program stores there. */
static inline void *mt_pages_map_for_program(size_t bytes)
{
	return mt_pages_mmap(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* Private, zeroed, touched page by page as it is used. NULL when there is none. */
static inline void *mt_pages_map(size_t bytes)
{
	return mt_pages_mmap_own(bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS);
}

/*
 * As mt_pages_map, for tables that are touched here and there: nothing is reserved for the
 * untouched part, and no huge page makes it resident.
 */
static inline void *mt_pages_map_sparse(size_t bytes)
{
	void *pages = mt_pages_mmap_own(bytes, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	if (pages)
		mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_NOHUGEPAGE);
	return pages;
}

/* Address space only: nothing can be read or written until mt_pages_commit. */
static inline void *mt_pages_reserve(size_t bytes)
{
	return mt_pages_mmap_own(bytes, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

static inline bool mt_pages_commit(void *pages, size_t bytes)
{
	return !mt_syscall3(SYS_mprotect, (long)pages, (long)bytes,
			    PROT_READ | PROT_WRITE);
}

static inline void mt_pages_unmap(void *pages, size_t bytes)
{
	mt_syscall3(SYS_munmap, (long)pages, (long)bytes, 0);
}

/* Give the memory back but keep the range: a private page then reads as zero. */
static inline void mt_pages_discard(void *pages, size_t bytes)
{
	mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_DONTNEED);
}

/* The same for a shared page: it is zero for all who map it. */
static inline void mt_pages_punch(void *pages, size_t bytes)
{
	mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_REMOVE);
}

/* Large and dense: as few pages as the system allows. */
static inline void mt_pages_want_huge(void *pages, size_t bytes)
{
	mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_HUGEPAGE);
}

/* A page of zeros in a child that has memory of its own. False: the kernel cannot. */
static inline bool mt_pages_wipe_on_fork(void *page)
{
	return !mt_syscall3(SYS_madvise, (long)page, MT_PAGE_BYTES, MADV_WIPEONFORK);
}

static inline size_t mt_pages_round(size_t bytes)
{
	return (bytes + MT_PAGE_BYTES - 1) & ~(size_t)(MT_PAGE_BYTES - 1);
}

#endif
