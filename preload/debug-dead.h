/*
 * debug-dead.h - what a freed block is filled with while it waits in the quarantine.
 * Inside the traced process, under the guard.
 *
 * All of it is dead bytes; but a block too large for that is hollow: only its two ends are,
 * and the pages between are given back, so that it waits at the price of its ends. What is
 * read there is zero, and a page that is there again has been written to.
 */
#ifndef MT_PRELOAD_DEBUG_DEAD_H
#define MT_PRELOAD_DEBUG_DEAD_H

#include "preload/debug-layout.h"

#include <stddef.h>
#include <stdint.h>

enum {
	DEBUG_DEAD_SOLID_BYTES = 64 << 10, /* blocks up to this are never hollow */
};

size_t debug_dead_fill_large(void *p, size_t whole);

/* Its first byte that is not as debug_dead_fill left it, not before from; NULL: none. */
const unsigned char *debug_dead_find_from(const void *p, size_t whole,
					  const unsigned char *from);

/* whole: debug_whole_bytes. Returns how many bytes of memory it keeps; 0: it cannot wait. */
static inline size_t debug_dead_fill(void *p, size_t whole)
{
	if (__builtin_expect(whole > DEBUG_DEAD_SOLID_BYTES, 0))
		return debug_dead_fill_large(p, whole);
	__builtin_memset(debug_base(p), DEBUG_DEAD_BYTE, whole);
	return whole;
}

/* The first of all. */
static inline const unsigned char *debug_dead_find(const void *p, size_t whole)
{
	static const uint64_t dead = UINT64_C(0xdddddddddddddddd);
	const unsigned char *at = debug_base(p), *end = at + whole;
	if (__builtin_expect(whole > DEBUG_DEAD_SOLID_BYTES, 0))
		return debug_dead_find_from(p, whole, at);
	while (at < end && !((debug_word_at(at) ^ dead) | (debug_word_at(at + 8) ^ dead)))
		at += 16;
	while (at < end && *at == DEBUG_DEAD_BYTE)
		at++;
	return at < end ? at : NULL;
}

/* What that byte should be. */
unsigned char debug_dead_byte(const void *p, size_t whole, const unsigned char *at);

#endif
