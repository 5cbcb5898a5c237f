/*
 * index.c - see index.h. Outside.
 */
#include "tracer/analyze/index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	HUGE_PAGE_BYTES = 2 << 20,
};

uint32_t mt_index_find(const struct mt_index *index, uint64_t hash,
		       mt_index_equals equals, const void *owner, const void *wanted)
{
	if (!index->size)
		return MT_INDEX_NONE;
	uint32_t short_hash = (uint32_t)hash;
	for (size_t i = short_hash & (index->size - 1);;
	     i = (i + 1) & (index->size - 1)) {
		const struct mt_index_slot *slot = &index->slots[i];
		if (!slot->id_plus_one)
			return MT_INDEX_NONE;
		if (slot->hash == short_hash &&
		    equals(owner, slot->id_plus_one - 1, wanted))
			return slot->id_plus_one - 1;
	}
}

static void place(struct mt_index_slot *slots, size_t size, struct mt_index_slot entry)
{
	size_t i = entry.hash & (size - 1);
	while (slots[i].id_plus_one)
		i = (i + 1) & (size - 1);
	slots[i] = entry;
}

/* A large index is touched everywhere: fewer pages, fewer misses on the way to them. */
static void want_huge_pages(void *memory, size_t bytes)
{
	uintptr_t start = ((uintptr_t)memory + HUGE_PAGE_BYTES - 1) &
			  ~(uintptr_t)(HUGE_PAGE_BYTES - 1);
	uintptr_t end = ((uintptr_t)memory + bytes) & ~(uintptr_t)(HUGE_PAGE_BYTES - 1);
	if (start < end)
		madvise((void *)start, end - start, MADV_HUGEPAGE);
}

static int resize(struct mt_index *index, size_t size, struct mt_error *err)
{
	struct mt_index_slot *slots = calloc(size, sizeof *slots);
	if (!slots)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	want_huge_pages(slots, size * sizeof *slots);
	for (size_t i = 0; i < index->size; i++)
		if (index->slots[i].id_plus_one)
			place(slots, size, index->slots[i]);
	free(index->slots);
	index->slots = slots;
	index->size = size;
	return 0;
}

int mt_index_add(struct mt_index *index, uint64_t hash, uint32_t id, struct mt_error *err)
{
	if (index->used * 3 >= index->size * 2) {
		int rc = resize(index, index->size ? index->size * 2 : 64, err);
		if (rc < 0)
			return rc;
	}
	place(index->slots, index->size,
	      (struct mt_index_slot){.hash = (uint32_t)hash, .id_plus_one = id + 1});
	index->used++;
	return 0;
}

void mt_index_deinit(struct mt_index *index)
{
	free(index->slots);
	*index = (struct mt_index){0};
}

uint64_t mt_hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;
	while (size >= 8) {
		uint64_t word;
		memcpy(&word, bytes, 8);
		hash = mt_hash_word(hash, word);
		bytes += 8;
		size -= 8;
	}
	uint64_t last = 0;
	if (size)
		memcpy(&last, bytes, size);
	return mt_hash_word(hash, last ^ (uint64_t)size << 56);
}
