/*
 * large.h - blocks outside the small-object heap: they come from the C library.
 * Inside the traced process, under the guard.
 *
 * Four kinds of pointers reach this side. A block with a header of ours just below it; an
 * emergency block (bump.h), which has the same header with another kind; a plain block,
 * exactly as the C library made it (in malloc mode, and with alignments for which a header
 * would be a waste), whose record is found by its address; and a foreign one, which came
 * past us and is none of our business: that goes back to the C library as it is.
 */
#ifndef MT_PRELOAD_LARGE_H
#define MT_PRELOAD_LARGE_H

#include "preload/thread.h"
#include "tracer/record/recorder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LARGE_ALIGNMENT = 16, /* of the C library's blocks, and the header's size */
	LARGE_ALIGNMENT_SHIFT = 4,
	LARGE_HEADER_ALIGNMENT_MAX = 512, /* beyond: plain */
};

/*
 * Just below the block. The place of the tag is the size field of a C library's chunk,
 * in which bit 3 is never set. Written and read whole: parts would stall the processor.
 */
struct large_header {
	uint64_t size; /* requested */
	uint64_t tag;
};
static_assert(sizeof(struct large_header) == LARGE_ALIGNMENT, "alignment is kept");

enum large_kind {
	LARGE_OTHER = 0, /* plain or foreign: no header */
	LARGE_HEADED = 0x2a8,
	LARGE_BUMP = 0x158,
	LARGE_KIND_MASK = 0x3ff, /* bits 0 to 3: the mark, 8 */
};

/* What the tag says besides the kind. */
struct large_tag {
	uint32_t entry;      /* bits 32 to 63: mt_blocks index; 0: not recorded */
	uint16_t generation; /* bits 16 to 31: inherited_generation at the time */
	uint8_t shift; /* bits 10 to 15: the C library's block begins 1 << shift before */
};

static inline struct large_header *large_header(const void *p)
{
	return (struct large_header *)p - 1;
}

static inline enum large_kind large_kind(const void *p)
{
	uint64_t kind = large_header(p)->tag & LARGE_KIND_MASK;
	return kind == LARGE_HEADED || kind == LARGE_BUMP ? (enum large_kind)kind
							  : LARGE_OTHER;
}

static inline struct large_tag large_tag(const void *p)
{
	uint64_t tag = large_header(p)->tag;
	return (struct large_tag){.entry = (uint32_t)(tag >> 32),
				  .generation = (uint16_t)(tag >> 16),
				  .shift = (uint8_t)(tag >> 10 & 0x3f)};
}

static inline void large_mark(const void *p, enum large_kind kind, size_t size,
			      struct large_tag tag)
{
	*large_header(p) = (struct large_header){.size = size,
						 .tag = (uint64_t)tag.entry << 32 |
							(uint64_t)tag.generation << 16 |
							(uint64_t)tag.shift << 10 | kind};
}

/*
 * A block without a record yet, then its record. Alignment is a power of two. NULL with
 * errno ENOMEM.
 */
void *large_place(struct thread *thread, size_t size, size_t alignment, bool is_zeroed);
void large_record(struct thread *thread, mt_traceback_id id, void *p, size_t size);

/* Both at once. */
void *large_alloc(struct thread *thread, struct mt_caller caller, size_t size,
		  bool is_zeroed);

/* End the record, then the block; or both at once. */
void large_forget(struct thread *thread, void *p);
void large_release(void *p);
void large_free(struct thread *thread, void *p);

/*
 * Grow or shrink with the C library's realloc, which may leave it in place. False: this
 * block must be moved by the caller.
 */
bool large_realloc(struct thread *thread, struct mt_caller caller, void *p, size_t size,
		   void **result);

/* Bytes that the program may use. */
size_t large_usable_size(const void *p);

/*
 * Free later: from a signal handler that may have interrupted the C library, or a thread
 * without a slot. The first words of the block serve as a link.
 */
void large_defer_free(void *p);

/* Carry out what was put off, by this handler or another. */
void large_drain_deferred(struct thread *thread);

#endif
