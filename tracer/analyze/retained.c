/*
 * retained.c - see retained.h. Outside.
 */
#include "tracer/analyze/retained.h"

#include <stdlib.h>
#include <string.h>

/* The tree of holders, walked depth first without a stack. */
struct walk {
	const struct mt_heap *heap;
	const uint32_t *key_of_block;
	struct mt_counts *sums;
	uint32_t *first_child, *next_sibling;
	uint32_t *open; /* by key: blocks of it on the way to the current one */
};

static bool link_children(struct walk *walk)
{
	size_t count = walk->heap->blocks.count, bytes = (count + 1) * sizeof(uint32_t);
	walk->first_child = malloc(bytes);
	walk->next_sibling = malloc(bytes);
	if (!walk->first_child || !walk->next_sibling)
		return false;
	memset(walk->first_child, 0xff, bytes);
	memset(walk->next_sibling, 0xff, bytes);
	for (size_t i = 0; i < count; i++) {
		uint32_t holder = walk->heap->blocks.list[i].holder;
		if (holder == MT_NO_BLOCK)
			continue;
		walk->next_sibling[i] = walk->first_child[holder];
		walk->first_child[holder] = (uint32_t)i;
	}
	return true;
}

static void enter(struct walk *walk, uint32_t block)
{
	const struct mt_heap_block *b = &walk->heap->blocks.list[block];
	uint32_t key = walk->key_of_block[block];
	if (key == MT_INDEX_NONE)
		return;
	if (!walk->open[key]++)
		mt_counts_add(&walk->sums[key],
			      (struct mt_counts){(int64_t)b->retained_bytes,
						 (int64_t)b->retained_count});
}

static void leave(struct walk *walk, uint32_t block)
{
	uint32_t key = walk->key_of_block[block];
	if (key != MT_INDEX_NONE)
		walk->open[key]--;
}

static void walk_tree(struct walk *walk, uint32_t top)
{
	uint32_t at = top;
	enter(walk, at);
	for (;;) {
		if (walk->first_child[at] != MT_NO_BLOCK) {
			at = walk->first_child[at];
			enter(walk, at);
			continue;
		}
		while (at != top && walk->next_sibling[at] == MT_NO_BLOCK) {
			leave(walk, at);
			at = walk->heap->blocks.list[at].holder;
		}
		leave(walk, at);
		if (at == top)
			return;
		at = walk->next_sibling[at];
		enter(walk, at);
	}
}

int mt_retained_add(const struct mt_heap *heap, const uint32_t *key_of_block,
		    size_t key_count, struct mt_counts *sums, struct mt_error *err)
{
	struct walk walk = {.heap = heap,
			    .key_of_block = key_of_block,
			    .sums = sums,
			    .open = calloc(key_count + 1, sizeof(uint32_t))};
	bool has_memory = walk.open && link_children(&walk);
	for (uint32_t i = 0; has_memory && i < heap->blocks.count; i++)
		if (heap->blocks.list[i].holder == MT_NO_BLOCK)
			walk_tree(&walk, i);
	free(walk.first_child);
	free(walk.next_sibling);
	free(walk.open);
	return has_memory ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}
