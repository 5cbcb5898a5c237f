/*
 * index.h - a hash index: finds the id of an element that its owner keeps in an array.
 * Outside.
 *
 * The index stores (hash, id); what an id stands for, and whether it equals the wanted
 * element, only the owner knows. A zeroed struct is empty.
 */
#ifndef MT_TRACER_ANALYZE_INDEX_H
#define MT_TRACER_ANALYZE_INDEX_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_INDEX_NONE = UINT32_MAX, /* no such element */
};

struct mt_index_slot {
	uint32_t hash;
	uint32_t id_plus_one; /* 0: free */
};

struct mt_index {
	struct mt_index_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

/* Is the element with this id the wanted one? */
typedef bool (*mt_index_equals)(const void *owner, uint32_t id, const void *wanted);

/* The id, or MT_INDEX_NONE. */
uint32_t mt_index_find(const struct mt_index *index, uint64_t hash,
		       mt_index_equals equals, const void *owner, const void *wanted);

/* Add an id that find did not find. 0 or MT_ERR_NO_MEMORY. */
int mt_index_add(struct mt_index *index, uint64_t hash, uint32_t id,
		 struct mt_error *err);

void mt_index_deinit(struct mt_index *index);

/* Fold a word into a hash. */
static inline uint64_t mt_hash_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

uint64_t mt_hash_bytes(uint64_t hash, const void *data, size_t size);

#endif
