/*
 * debug-dead.c - see debug-dead.h.
 * Inside the traced process.
 */
#include "preload/debug-dead.h"

#include "preload/config.h"
#include "tracer/record/pages.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	END_BYTES = 32 << 10, /* of a hollow block, on either side */
	LOOK_PAGES = 512,     /* at a time */
};

/* The pages of a hollow block that are given back; empty for any other. */
struct hollow {
	const unsigned char *start, *end;
};

static struct hollow hollow_of(const void *p, size_t whole)
{
	const unsigned char *base = debug_base(p);
	struct hollow none = {base + whole, base + whole};
	if ((whole <= DEBUG_FILL_LIMIT && whole <= config.quarantine_bytes) ||
	    whole <= DEBUG_DEAD_SOLID_BYTES + 2 * MT_PAGE_BYTES)
		return none;
	uintptr_t start = mt_pages_round((uintptr_t)base + END_BYTES);
	uintptr_t end = (uintptr_t)base + whole - END_BYTES;
	return (struct hollow){(const unsigned char *)start,
			       (const unsigned char *)(end & -(uintptr_t)MT_PAGE_BYTES)};
}

static void fill(const unsigned char *from, const unsigned char *end)
{
	__builtin_memset((void *)from, DEBUG_DEAD_BYTE, (size_t)(end - from));
}

/* Locked pages cannot be given back. */
size_t debug_dead_fill_large(void *p, size_t whole)
{
	struct hollow hollow = hollow_of(p, whole);
	size_t bytes = (size_t)(hollow.end - hollow.start);
	if (bytes &&
	    mt_syscall3(SYS_madvise, (long)hollow.start, (long)bytes, MADV_DONTNEED) != 0)
		return 0;
	fill(debug_base(p), hollow.start);
	fill(hollow.end, debug_base(p) + whole);
	return whole - bytes;
}

/* The first byte in from..end that is another; both multiples of 16, or from any. */
static const unsigned char *find_other(const unsigned char *from,
				       const unsigned char *end, unsigned char byte)
{
	const uint64_t word = UINT64_C(0x0101010101010101) * byte;
	while (from < end && ((uintptr_t)from % 16 || end - from < 16) && *from == byte)
		from++;
	while (from < end && (uintptr_t)from % 16 == 0 &&
	       !((debug_word_at(from) ^ word) | (debug_word_at(from + 8) ^ word)))
		from += 16;
	while (from < end && *from == byte)
		from++;
	return from < end ? from : NULL;
}

/* Only pages that are there are read. */
static const unsigned char *find_in_hollow(const unsigned char *from,
					   const unsigned char *end)
{
	unsigned char is_there[LOOK_PAGES] = {0};
	while (from < end) {
		uintptr_t page = (uintptr_t)from & -(uintptr_t)MT_PAGE_BYTES;
		size_t pages = ((uintptr_t)end - page) / MT_PAGE_BYTES;
		if (pages > LOOK_PAGES)
			pages = LOOK_PAGES;
		if (mt_syscall3(SYS_mincore, (long)page, (long)(pages * MT_PAGE_BYTES),
				(long)is_there))
			return NULL;
		for (size_t i = 0; i < pages; i++) {
			const unsigned char *next =
				(const unsigned char *)page + (i + 1) * MT_PAGE_BYTES;
			const unsigned char *found =
				is_there[i] & 1 ? find_other(from, next, 0) : NULL;
			if (found)
				return found;
			from = next;
		}
	}
	return NULL;
}

static const unsigned char *later(const unsigned char *a, const unsigned char *b)
{
	return a > b ? a : b;
}

const unsigned char *debug_dead_find_from(const void *p, size_t whole,
					  const unsigned char *from)
{
	struct hollow hollow = hollow_of(p, whole);
	const unsigned char *found = NULL;
	if (from < hollow.start)
		found = find_other(from, hollow.start, DEBUG_DEAD_BYTE);
	if (!found && from < hollow.end)
		found = find_in_hollow(later(from, hollow.start), hollow.end);
	return found ? found
		     : find_other(later(from, hollow.end), debug_base(p) + whole,
				  DEBUG_DEAD_BYTE);
}

unsigned char debug_dead_byte(const void *p, size_t whole, const unsigned char *at)
{
	struct hollow hollow = hollow_of(p, whole);
	return at >= hollow.start && at < hollow.end ? 0 : DEBUG_DEAD_BYTE;
}
