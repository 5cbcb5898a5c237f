/*
 * debug-layout.h - the bytes around a block, as CPython's debug hooks have them.
 * Inside the traced process.
 *
 *   p - 16      requested size n, big-endian
 *   p - 8       letter of the API, then 7 forbidden bytes
 *   p           n bytes of data
 *   p + n       8 forbidden bytes
 *   p + n + 8   serial number of the request, big-endian
 *   p + n + 16  what the size is rounded up by, up to 15 bytes: forbidden, beyond CPython
 */
#ifndef MT_PRELOAD_DEBUG_LAYOUT_H
#define MT_PRELOAD_DEBUG_LAYOUT_H

#include "formats/state.h"
#include "preload/api-id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DEBUG_CLEAN_BYTE = 0xcd,     /* fresh data */
	DEBUG_DEAD_BYTE = 0xdd,      /* all of a freed block */
	DEBUG_FORBIDDEN_BYTE = 0xfd, /* on both sides */

	DEBUG_HEAD_BYTES = MT_DEBUG_LEAD_BYTES,
	DEBUG_PAD_BYTES = 8,
	DEBUG_TAIL_BYTES = 16,
	DEBUG_AROUND_BYTES = DEBUG_HEAD_BYTES + DEBUG_TAIL_BYTES,

	/*
	 * Larger blocks are not filled: that would make resident what the program may
	 * never touch. When they are freed only their ends are.
	 */
	DEBUG_FILL_LIMIT = 16 << 20,
};

/* The whole of a block of n bytes at p, with what its size is rounded up by. */
static inline unsigned char *debug_base(const void *p)
{
	return (unsigned char *)p - DEBUG_HEAD_BYTES;
}

static inline size_t debug_whole_bytes(size_t n)
{
	return (n + DEBUG_AROUND_BYTES + 15) & ~(size_t)15;
}

static inline uint64_t debug_word_at(const unsigned char *place)
{
	uint64_t word;
	__builtin_memcpy(&word, place, sizeof word);
	return word;
}

static inline void debug_put_word(unsigned char *place, uint64_t word)
{
	__builtin_memcpy(place, &word, sizeof word);
}

static const uint64_t debug_forbidden = UINT64_C(0xfdfdfdfdfdfdfdfd);

static inline uint64_t debug_lead(enum api api)
{
	return (debug_forbidden & ~UINT64_C(0xff)) | (unsigned char)api_letter(api);
}

/* The rest after the serial number lies within the last 16 bytes, which begin in the tail. */
static inline void debug_surround(void *p, size_t n, enum api api, uint64_t serial)
{
	unsigned char *base = debug_base(p), *tail = (unsigned char *)p + n;
	unsigned char *end = base + debug_whole_bytes(n);
	debug_put_word(base, __builtin_bswap64(n));
	debug_put_word(base + 8, debug_lead(api));
	debug_put_word(end - 16, debug_forbidden);
	debug_put_word(end - 8, debug_forbidden);
	debug_put_word(tail, debug_forbidden);
	debug_put_word(tail + DEBUG_PAD_BYTES, __builtin_bswap64(serial));
}

static inline bool debug_is_head_whole(const void *p, size_t n, enum api api)
{
	const unsigned char *base = debug_base(p);
	return debug_word_at(base) == __builtin_bswap64(n) &&
	       debug_word_at(base + 8) == debug_lead(api);
}

/* How many forbidden bytes follow the serial number, up to the end of all. */
static inline size_t debug_rest_bytes(size_t n)
{
	return debug_whole_bytes(n) - n - DEBUG_AROUND_BYTES;
}

/* Whether the last `count` bytes of the 8 before end are forbidden; 0 to 8. */
static inline bool debug_is_forbidden_up_to(const unsigned char *end, size_t count)
{
	uint64_t wrong = debug_word_at(end - 8) ^ debug_forbidden;
	return !count || !(wrong >> (8 - count) * 8);
}

static inline bool debug_is_tail_whole(const void *p, size_t n, uint64_t serial)
{
	const unsigned char *tail = (const unsigned char *)p + n;
	const unsigned char *end = debug_base(p) + debug_whole_bytes(n);
	size_t rest = debug_rest_bytes(n);
	if (debug_word_at(tail) != debug_forbidden ||
	    debug_word_at(tail + DEBUG_PAD_BYTES) != __builtin_bswap64(serial))
		return false;
	return rest <= 8 ? debug_is_forbidden_up_to(end, rest)
			 : debug_is_forbidden_up_to(end, 8) &&
				   debug_is_forbidden_up_to(end - 8, rest - 8);
}

/* The byte that debug_surround puts at tail + offset. */
static inline unsigned char debug_tail_byte(size_t offset, uint64_t serial)
{
	size_t digit = offset - DEBUG_PAD_BYTES;
	return digit < sizeof serial
		       ? (unsigned char)(serial >> (sizeof serial - 1 - digit) * 8)
		       : DEBUG_FORBIDDEN_BYTE;
}

#endif
