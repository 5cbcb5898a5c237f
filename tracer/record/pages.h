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

#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	MT_PAGE_BYTES = 4096,
	MT_PAGES_HUGE_BYTES = 2 << 20,
	/* MADV_POPULATE_READ and _WRITE: Linux 5.14, headers may be older. */
	MT_PAGES_POPULATE_READ = 22,
	MT_PAGES_POPULATE = 23,
};

/* For arrays that few processes touch: they lie behind all that most do. */
#define MT_PAGES_COLD __attribute__((section(".bss.cold")))

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

/* The same for few, used at once. */
static inline void *mt_pages_map_present(size_t bytes)
{
	return mt_pages_mmap_own(bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
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

/*
 * What every event reads does not all begin where a page does: those lines would take each
 * other's place in the processor's first cache, in which addresses of a page's size apart
 * share a set. So these begin further on, each where no other's first lines are. Bytes.
 */
enum {
	MT_PAGES_COLOUR_WORDS = 16 * 64,
	MT_PAGES_COLOUR_THREAD = 36 * 64,
	MT_PAGES_COLOUR_UNWINDER = 48 * 64,
	MT_PAGES_COLOUR_DIRECTORY = 60 * 64,
};

/* As mt_pages_map and mt_pages_map_sparse, beginning `colour` bytes into a page. */
static inline void *mt_pages_map_coloured(size_t bytes, size_t colour)
{
	char *pages = mt_pages_map(bytes + colour);
	return pages ? pages + colour : NULL;
}

static inline void *mt_pages_map_sparse_coloured(size_t bytes, size_t colour)
{
	char *pages = mt_pages_map_sparse(bytes + colour);
	return pages ? pages + colour : NULL;
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

/* Of what mt_pages_map_coloured and its like gave. */
static inline void mt_pages_unmap_coloured(void *start, size_t bytes, size_t colour)
{
	mt_pages_unmap((char *)start - colour, bytes + colour);
}

static inline void mt_pages_discard_coloured(void *start, size_t bytes, size_t colour)
{
	mt_pages_discard((char *)start - colour, bytes + colour);
}

/* The same for a shared page: it is zero for all who map it. */
static inline void mt_pages_punch(void *pages, size_t bytes)
{
	mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_REMOVE);
}

/*
 * What is about to be used is made present by one call: a fault for each page costs several
 * times as much, under some hypervisors more than ten times. Only a help: where the kernel
 * cannot, memory is short, or a filter of system calls may not know the advice, the pages come one
 * by one as ever. The range is widened to whole pages, all of which must be ours.
 */
static inline void mt_pages_populate(const void *start, size_t bytes)
{
	if (__builtin_expect(mt_state.has_filter, 0))
		return;
	uintptr_t first = (uintptr_t)start & ~(uintptr_t)(MT_PAGE_BYTES - 1);
	uintptr_t end = ((uintptr_t)start + bytes + MT_PAGE_BYTES - 1) &
			~(uintptr_t)(MT_PAGE_BYTES - 1);
	mt_syscall3(SYS_madvise, (long)first, (long)(end - first), MT_PAGES_POPULATE);
}

/* The same for what is only read: code and constants of a file. */
static inline void mt_pages_populate_read(const void *start, const void *end)
{
	uintptr_t first = (uintptr_t)start & ~(uintptr_t)(MT_PAGE_BYTES - 1);
	mt_syscall3(SYS_madvise, (long)first, (long)((uintptr_t)end - first),
		    MT_PAGES_POPULATE_READ);
}

/*
 * For tables whose entries are used in their order: how many from this one on are to be made
 * present now. 0: that was done when an earlier entry was used. A stride is `least` at first,
 * a power of two, and later at most an eighth of what is in use.
 */
static inline uint32_t mt_pages_stride(uint32_t index, uint32_t least)
{
	uint32_t stride = least;
	while (stride <= index / 16)
		stride *= 2;
	return index & (stride - 1) ? 0 : stride;
}

/* Large and dense: as few pages as the system allows. */
static inline void mt_pages_want_huge(void *pages, size_t bytes)
{
	if (mt_state.has_filter)
		return;
	mt_syscall3(SYS_madvise, (long)pages, (long)bytes, MADV_HUGEPAGE);
}

/* A page of zeros in a child that has memory of its own. False: the kernel cannot. */
static inline bool mt_pages_wipe_on_fork(void *inside)
{
	uintptr_t page = (uintptr_t)inside & ~(uintptr_t)(MT_PAGE_BYTES - 1);
	return !mt_syscall3(SYS_madvise, (long)page, MT_PAGE_BYTES, MADV_WIPEONFORK);
}

static inline size_t mt_pages_round(size_t bytes)
{
	return (bytes + MT_PAGE_BYTES - 1) & ~(size_t)(MT_PAGE_BYTES - 1);
}

#endif
