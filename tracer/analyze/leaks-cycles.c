/*
 * leaks-cycles.c - see leaks.h: cycles that look alike are shown once. Outside.
 */
#include "tracer/analyze/leaks.h"
#include "tracer/analyze/vector.h"

#include <string.h>

/* A block in a cycle. */
struct member {
	uint32_t cycle;
	uint32_t block;
};

/* Two sums of what members and pointers hash to: cycles that look alike have the same. */
struct shape {
	uint64_t sums[2];
	int64_t blocks, bytes;
};

struct work {
	struct mt_leaks *leaks;
	const struct mt_heap *heap;
	struct member *members; /* by cycle */
	size_t member_count;
	MT_LIST(struct shape) shapes; /* of leaks->cycles */
	struct mt_index index;
};

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	if (x->cycle != y->cycle)
		return x->cycle < y->cycle ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

static int list_members(struct work *work, const uint32_t *group_of_block,
			struct mt_error *err)
{
	const struct mt_heap *heap = work->heap;
	work->members = malloc((heap->blocks.count + 1) * sizeof *work->members);
	if (!work->members)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < heap->blocks.count; i++)
		if (heap->blocks.list[i].cycle && group_of_block[i] != MT_INDEX_NONE)
			work->members[work->member_count++] =
				(struct member){heap->blocks.list[i].cycle, i};
	if (work->member_count)
		qsort(work->members, work->member_count, sizeof *work->members,
		      compare_members);
	return 0;
}

static void add_to_shape(struct shape *shape, const uint64_t *words, size_t count)
{
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t hash = i + 1;
		for (size_t k = 0; k < count; k++)
			hash = mt_hash_word(hash, words[k]);
		shape->sums[i] += hash;
	}
}

static bool is_within(const struct work *work, const struct mt_heap_edge *edge)
{
	const struct mt_heap_block *blocks = work->heap->blocks.list;
	return blocks[edge->from].cycle == blocks[edge->to].cycle;
}

static struct shape shape_of(const struct work *work, const struct member *members,
			     size_t count)
{
	const struct mt_heap_block *blocks = work->heap->blocks.list;
	struct shape shape = {.blocks = (int64_t)count};
	for (size_t i = 0; i < count; i++) {
		const struct mt_heap_block *block = &blocks[members[i].block];
		uint64_t own[] = {block->node, block->size};
		size_t edge_count;
		const struct mt_heap_edge *edges =
			mt_heap_edges(work->heap, members[i].block, &edge_count);
		shape.bytes = mt_wrapping_add(shape.bytes, (int64_t)block->size);
		add_to_shape(&shape, own, 2);
		for (size_t k = 0; k < edge_count; k++) {
			uint64_t words[] = {block->node, block->size, edges[k].offset,
					    blocks[edges[k].to].node};
			if (is_within(work, &edges[k]))
				add_to_shape(&shape, words, 4);
		}
	}
	return shape;
}

static bool is_shape(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&((const struct work *)owner)->shapes.list[id], wanted,
		       sizeof(struct shape));
}

static bool is_link(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_leak_link *a = &((const struct mt_leaks *)owner)->links.list[id];
	const struct mt_leak_link *b = wanted;
	return a->from == b->from && a->to == b->to && a->offset == b->offset &&
	       a->size == b->size;
}

/* Equal links of a cycle are one; index is the cycle's. */
static int add_link(struct mt_leaks *leaks, struct mt_leak_link link,
		    struct mt_index *index, struct mt_error *err)
{
	uint64_t hash = mt_hash_word(mt_hash_word(link.from, link.to), link.offset);
	hash = mt_hash_word(hash, link.size);
	uint32_t id = mt_index_find(index, hash, is_link, leaks, &link);
	if (id != MT_INDEX_NONE) {
		leaks->links.list[id].pointers++;
		return 0;
	}
	struct mt_leak_link *grown =
		mt_vector_reserve(leaks->links.list, &leaks->links.capacity,
				  leaks->links.count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	leaks->links.list = grown;
	grown[leaks->links.count] = link;
	return mt_index_add(index, hash, (uint32_t)leaks->links.count++, err);
}

static int add_links(struct work *work, const struct member *members, size_t count,
		     struct mt_leak_cycle *cycle, struct mt_error *err)
{
	const struct mt_heap_block *blocks = work->heap->blocks.list;
	struct mt_leaks *leaks = work->leaks;
	struct mt_index index = {0};
	int rc = 0;
	cycle->first_link = leaks->links.count;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		size_t edge_count;
		const struct mt_heap_edge *edges =
			mt_heap_edges(work->heap, members[i].block, &edge_count);
		for (size_t k = 0; rc >= 0 && k < edge_count; k++) {
			struct mt_leak_link link = {.from = blocks[edges[k].from].node,
						    .to = blocks[edges[k].to].node,
						    .offset = edges[k].offset,
						    .size = blocks[edges[k].from].size,
						    .pointers = 1};
			if (is_within(work, &edges[k]))
				rc = add_link(leaks, link, &index, err);
		}
	}
	cycle->link_count = leaks->links.count - cycle->first_link;
	mt_index_deinit(&index);
	return rc;
}

static int add_cycle(struct work *work, const struct member *members, size_t count,
		     struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	struct shape shape = shape_of(work, members, count);
	uint64_t hash = shape.sums[0];
	uint32_t id = mt_index_find(&work->index, hash, is_shape, work, &shape);
	if (id != MT_INDEX_NONE) {
		leaks->cycles.list[id].times++;
		return 0;
	}
	struct shape *shapes =
		mt_vector_reserve(work->shapes.list, &work->shapes.capacity,
				  work->shapes.count + 1, sizeof *shapes, err);
	if (!shapes)
		return MT_ERR_NO_MEMORY;
	work->shapes.list = shapes;
	struct mt_leak_cycle *cycles =
		mt_vector_reserve(leaks->cycles.list, &leaks->cycles.capacity,
				  leaks->cycles.count + 1, sizeof *cycles, err);
	if (!cycles)
		return MT_ERR_NO_MEMORY;
	leaks->cycles.list = cycles;
	shapes[work->shapes.count++] = shape;
	struct mt_leak_cycle *cycle = &cycles[leaks->cycles.count++];
	*cycle = (struct mt_leak_cycle){.times = 1, .each = {shape.bytes, shape.blocks}};
	int rc = add_links(work, members, count, cycle, err);
	return rc < 0 ? rc
		      : mt_index_add(&work->index, hash,
				     (uint32_t)(leaks->cycles.count - 1), err);
}

static int compare_cycles(const void *a, const void *b)
{
	const struct mt_leak_cycle *x = a, *y = b;
	uint64_t x_bytes = x->times * (uint64_t)x->each.bytes;
	uint64_t y_bytes = y->times * (uint64_t)y->each.bytes;
	if (x_bytes != y_bytes)
		return x_bytes > y_bytes ? -1 : 1;
	return x->first_link < y->first_link ? -1 : x->first_link > y->first_link;
}

int mt_leaks_find_cycles(struct mt_leaks *leaks, const uint32_t *group_of_block,
			 struct mt_error *err)
{
	struct work work = {.leaks = leaks, .heap = mt_leaks_heap(leaks)};
	int rc = list_members(&work, group_of_block, err);
	for (size_t i = 0, end; rc >= 0 && i < work.member_count; i = end) {
		for (end = i; end < work.member_count &&
			      work.members[end].cycle == work.members[i].cycle;)
			end++;
		rc = add_cycle(&work, &work.members[i], end - i, err);
	}
	if (leaks->cycles.count)
		qsort(leaks->cycles.list, leaks->cycles.count, sizeof *leaks->cycles.list,
		      compare_cycles);
	free(work.members);
	free(work.shapes.list);
	mt_index_deinit(&work.index);
	return rc;
}
