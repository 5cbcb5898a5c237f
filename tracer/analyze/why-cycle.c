/*
 * why-cycle.c - see why.h: the cycle that holds a lost block. Outside.
 */
#include "tracer/analyze/vector.h"
#include "tracer/analyze/why.h"

/* Where the chain of a lost block begins; the block itself, where a root holds it. */
static uint32_t first_of_chain(const struct mt_heap *heap, uint32_t block)
{
	const struct mt_heap_block *blocks = heap->blocks.list;
	return blocks[block].leader == MT_NO_BLOCK ? block : blocks[block].leader;
}

static int visit(struct mt_why *why, uint8_t *is_met, uint32_t block,
		 struct mt_error *err)
{
	if (is_met[block])
		return 0;
	is_met[block] = 1;
	return MT_LIST_ADD(why->cycle_blocks, block, err);
}

/* Pointer by pointer from the start: those of a cycle lead everywhere in it. */
static int visit_cycle(struct mt_why *why, uint32_t start, uint8_t *is_met,
		       struct mt_error *err)
{
	const struct mt_heap *heap = mt_why_heap(why);
	const struct mt_heap_block *blocks = heap->blocks.list;
	int rc = visit(why, is_met, start, err);
	for (size_t i = 0; rc >= 0 && i < why->cycle_blocks.count; i++) {
		size_t count;
		const struct mt_heap_edge *edges =
			mt_heap_edges(heap, why->cycle_blocks.list[i], &count);
		for (size_t k = 0; rc >= 0 && k < count; k++)
			if (blocks[edges[k].to].cycle == blocks[start].cycle)
				rc = visit(why, is_met, edges[k].to, err);
	}
	return rc;
}

int mt_why_find_cycle(struct mt_why *why, struct mt_error *err)
{
	const struct mt_heap *heap = mt_why_heap(why);
	const struct mt_heap_block *blocks = heap->blocks.list;
	uint32_t start = why->block;
	if (!blocks[start].cycle)
		start = first_of_chain(heap, start);
	if (!blocks[start].cycle)
		return 0;
	uint8_t *is_met = calloc(heap->blocks.count, 1);
	if (!is_met)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < heap->blocks.count; i++)
		if (blocks[i].cycle == blocks[start].cycle)
			mt_counts_add(&why->cycle,
				      (struct mt_counts){(int64_t)blocks[i].size, 1});
	int rc = visit_cycle(why, start, is_met, err);
	free(is_met);
	return rc;
}

bool mt_why_leads_to(const struct mt_why *why, uint32_t from, uint32_t to)
{
	size_t count;
	const struct mt_heap_edge *edges = mt_heap_edges(mt_why_heap(why), from, &count);
	for (size_t i = 0; i < count; i++)
		if (edges[i].to == to)
			return true;
	return false;
}
