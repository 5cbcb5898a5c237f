/*
 * debug-blocks.h - what the debug modes know of each block: out of reach of what the
 * program writes around it, and found without reading memory at its address.
 * Inside the traced process, under the guard; lock-free.
 *
 * Blocks of these modes begin at least 48 bytes apart at multiples of 16: a record of 24
 * bytes per block fits a shadow of 8 bytes for each 16. That of the small heap is one
 * piece; elsewhere it is made for each megabyte of addresses in which a block begins.
 * There they are 64 bytes apart, and the record has one word more.
 */
#ifndef MT_PRELOAD_DEBUG_BLOCKS_H
#define MT_PRELOAD_DEBUG_BLOCKS_H

#include "formats/state.h"
#include "preload/api-id.h"
#include "preload/pymalloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DEBUG_GRANULE = 16,
	DEBUG_LEAST_DISTANCE = 48,
};

enum debug_state {
	DEBUG_NONE = 0,
	DEBUG_LIVE = 1,
	DEBUG_PINNED = 2, /* live, and being looked at: its free waits */
	DEBUG_DEAD = 3,   /* freed, still in the quarantine */
};

/* A record: three words, of which only the first has its lowest two bits set. */
struct debug_record {
	_Atomic uint64_t word;
	uint64_t
		size; /* requested << 2 | generation (of forks) of its allocation << 50 */
	uint64_t serial; /* << 2 | generation of its free << 50 */
};
static_assert(sizeof(struct debug_record) == DEBUG_LEAST_DISTANCE / 2, "three granules");

enum {
	DEBUG_FIELD_SHIFT = 2,
	DEBUG_GENERATION_SHIFT = 50,
	DEBUG_NUMBER_SPARE = 64 - DEBUG_GENERATION_SHIFT,
};

/* Of a block outside the small heap: its entry in mt_blocks << 2. */
static inline uint64_t *debug_record_entry(struct debug_record *record)
{
	return (uint64_t *)(record + 1);
}

/* The first word in parts. */
struct debug_word {
	enum debug_state state;
	enum api api;
	uint8_t shift; /* what was allocated begins 1 << shift before the block */
	mt_traceback_id allocated;
	mt_traceback_id freed;
};

static inline uint64_t debug_word_make(struct debug_word word)
{
	return (uint64_t)word.state | (uint64_t)word.api << 2 |
	       (uint64_t)word.shift << 5 | (uint64_t)word.allocated << 11 |
	       (uint64_t)word.freed << 36;
}

static inline struct debug_word debug_word_of(uint64_t word)
{
	return (struct debug_word){.state = (enum debug_state)(word & 3),
				   .api = (enum api)(word >> 2 & 7),
				   .shift = word >> 5 & 63,
				   .allocated = word >> 11 & (MT_MAX_TRACEBACKS - 1),
				   .freed = word >> 36 & (MT_MAX_TRACEBACKS - 1)};
}

static inline struct debug_word debug_record_word(const struct debug_record *record)
{
	return debug_word_of(atomic_load_explicit(&record->word, memory_order_acquire));
}

static inline size_t debug_record_size(const struct debug_record *record)
{
	return record->size << DEBUG_NUMBER_SPARE >>
	       (DEBUG_NUMBER_SPARE + DEBUG_FIELD_SHIFT);
}

static inline uint64_t debug_record_serial(const struct debug_record *record)
{
	return record->serial << DEBUG_NUMBER_SPARE >>
	       (DEBUG_NUMBER_SPARE + DEBUG_FIELD_SHIFT);
}

/* Of the processes that allocated and freed it, whose tracebacks its word has. */
static inline uint32_t debug_record_birth(const struct debug_record *record)
{
	return (uint32_t)(record->size >> DEBUG_GENERATION_SHIFT);
}

static inline uint32_t debug_record_death(const struct debug_record *record)
{
	return (uint32_t)(record->serial >> DEBUG_GENERATION_SHIFT);
}

/* Whether this process allocated it, not one that it was forked from. */
bool debug_record_is_own(const struct debug_record *record);

/* The shadow of the small-object heap, in one piece; NULL: it is like other memory. */
extern __attribute__((visibility("hidden"))) uint64_t *debug_small_shadow;

/* Once per process: the small heap's shadow is to be had, or is not. */
void debug_blocks_start(void);

/* The pages of the shadow for this part of the heap, at once. */
void debug_blocks_populate(const void *heap, size_t heap_bytes);

/* The heap has become smaller. */
void debug_blocks_shrink(void);

/* The two functions below, for addresses outside the small heap. */
struct debug_record *debug_blocks_place_other(const void *p);
struct debug_record *debug_blocks_find_other(const void *p);

static inline bool debug_is_shadowed(const void *p)
{
	return pymalloc_is_inside(p) && debug_small_shadow;
}

static inline struct debug_record *debug_small_record(const void *p)
{
	size_t offset = (size_t)((const unsigned char *)p - mt_state.heap);
	return (struct debug_record *)(debug_small_shadow + offset / DEBUG_GRANULE);
}

/* The record for a block that begins at p, a multiple of 16. NULL: no memory. */
static inline struct debug_record *debug_blocks_place(const void *p)
{
	return debug_is_shadowed(p) ? debug_small_record(p) : debug_blocks_place_other(p);
}

/* The same where there may be one; NULL: no block ever began near it. Any p. */
static inline struct debug_record *debug_blocks_find(const void *p)
{
	if ((uintptr_t)p % DEBUG_GRANULE)
		return NULL;
	return debug_is_shadowed(p) ? debug_small_record(p) : debug_blocks_find_other(p);
}

/* Fill it in: from now on the block is live. */
void debug_record_begin(struct debug_record *record, struct debug_word word, size_t size,
			uint64_t serial);

/* It has been freed, by this process. */
void debug_record_note_free(struct debug_record *record);

/* The block with the highest address up to p, live or dead; NULL: none. */
const void *debug_blocks_below(const void *p, struct debug_record **record);

/* For each record, in the order of addresses, while other threads make and end some. */
void debug_blocks_each(void (*visit)(void *context, void *block,
				     struct debug_record *record),
		       void *context);

#endif
