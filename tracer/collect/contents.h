/*
 * contents.h - what a block seems to be, by a look at its bytes. Outside.
 */
#ifndef MT_TRACER_COLLECT_CONTENTS_H
#define MT_TRACER_COLLECT_CONTENTS_H

#include "tracer/collect/mappings.h"
#include "tracer/collect/memory.h"
#include "tracer/collect/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* enum mt_content in the upper bits; a string's length or a vtable's number below. */
typedef uint32_t mt_contents_word;

enum {
	MT_CONTENTS_SHIFT = 29,
	MT_CONTENTS_MASK = (1 << MT_CONTENTS_SHIFT) - 1,
};

/* Knows the vtables that it has met. Zeroed, with memory and mappings set, is empty. */
struct mt_contents {
	struct mt_memory *memory;
	const struct mt_mappings *mappings;
	const struct mt_mapping *last; /* that was found */
	struct mt_key_table known;     /* by address: number + 2; 1: no vtable */
	uint64_t *vtables;             /* by number */
	uint32_t vtable_count, vtable_capacity;
};

/* Whether a vtable lies there: the pointers of one, in memory of a module. */
bool mt_contents_is_vtable(struct mt_contents *contents, uint64_t address);

/*
 * A block of size bytes with pointer_count pointers to others in it; its first `seen`
 * bytes are at data; is_zero: all of it is.
 */
mt_contents_word mt_contents_of(struct mt_contents *contents, const uint8_t *data,
				size_t seen, uint64_t size, uint64_t pointer_count,
				bool is_zero);

void mt_contents_deinit(struct mt_contents *contents);

/* Equal bytes, equal numbers: begins with 0, goes on with the result, 8 bytes a step. */
uint64_t mt_contents_hash(uint64_t hash, const uint8_t *data, size_t size);

/* The same for bytes that are all zero; a multiple of 8. */
uint64_t mt_contents_hash_zeroes(uint64_t hash, uint64_t size);

#endif
