/*
 * leaks-cycles.c - see leaks.h: cycles that look alike are shown once. Outside.
 *
 * What decides is what is shown of a block: its traceback from the key frame on, by lines,
 * its size, and of its pointers the offsets and the call sites of what they lead to.
 */
#include "tracer/analyze/leaks.h"
#include "tracer/analyze/vector.h"

#include <string.h>

/* Two hashes of what can be seen of a block, its place aside: others may look alike. */
struct look {
	uint64_t hashes[2];
};

/* A block in a cycle. */
struct member {
	uint32_t cycle;
	uint32_t block;
};

/* The looks of a cycle's blocks, added up: cycles that look alike have the same. */
struct shape {
	struct look sums;
	int64_t blocks, bytes;
};

struct work {
	struct mt_leaks *leaks;
	const struct mt_heap *heap;
	const struct mt_callsites *callsites;
	uint64_t *looks_of_nodes; /* by node, of its traceback; 0: not looked at yet */
	struct member *members;   /* by cycle */
	size_t member_count;
	MT_LIST(struct shape) shapes; /* of leaks->cycles */
	struct mt_index index;        /* of these */
	MT_LIST(struct look) looks;   /* of leaks->members */
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
	work->looks_of_nodes =
		calloc(heap->trace->nodes.count + 1, sizeof *work->looks_of_nodes);
	if (!work->members || !work->looks_of_nodes)
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

static void add_to_look(struct look *look, uint64_t word)
{
	for (size_t i = 0; i < 2; i++)
		look->hashes[i] = mt_hash_word(look->hashes[i], word);
}

static uint64_t look_of_node(const struct work *work, uint32_t node)
{
	uint64_t *look = &work->looks_of_nodes[node];
	if (*look)
		return *look;
	struct mt_walk walk = mt_walk_begin_at_key(work->callsites, node);
	uint64_t hash = 0;
	for (mt_location_id id; mt_walk_next(&walk, &id);)
		hash = mt_hash_word(hash, id);
	*look = hash ? hash : 1;
	return *look;
}

static bool is_within(const struct work *work, const struct mt_heap_edge *edge)
{
	const struct mt_heap_block *blocks = work->heap->blocks.list;
	return blocks[edge->from].cycle == blocks[edge->to].cycle;
}

/* Of its pointers, those within the cycle. */
static struct look look_of(const struct work *work, uint32_t number)
{
	const struct mt_heap_block *blocks = work->heap->blocks.list;
	struct look look = {{1, 2}};
	size_t edge_count;
	const struct mt_heap_edge *edges = mt_heap_edges(work->heap, number, &edge_count);
	add_to_look(&look, look_of_node(work, blocks[number].node));
	add_to_look(&look, blocks[number].size);
	for (size_t i = 0; i < edge_count; i++)
		if (is_within(work, &edges[i])) {
			add_to_look(&look, edges[i].offset);
			uint32_t to = blocks[edges[i].to].node;
			add_to_look(&look, mt_callsites_get(work->callsites, to));
			add_to_look(&look, edges[i].to == number);
		}
	return look;
}

static struct shape shape_of(const struct work *work, const struct member *members,
			     size_t count)
{
	struct shape shape = {.blocks = (int64_t)count};
	for (size_t i = 0; i < count; i++) {
		struct look look = look_of(work, members[i].block);
		uint64_t size = work->heap->blocks.list[members[i].block].size;
		shape.bytes = mt_wrapping_add(shape.bytes, (int64_t)size);
		shape.sums.hashes[0] += look.hashes[0];
		shape.sums.hashes[1] += look.hashes[1];
	}
	return shape;
}

static bool is_shape(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&((const struct work *)owner)->shapes.list[id], wanted,
		       sizeof(struct shape));
}

static bool is_look(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&((const struct work *)owner)->looks.list[id], wanted,
		       sizeof(struct look));
}

static int compare_links(const void *a, const void *b)
{
	const struct mt_leak_link *x = a, *y = b;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void mt_leak_links_sort(struct mt_leak_link *links, size_t count)
{
	if (count)
		qsort(links, count, sizeof *links, compare_links);
}

static int add_links(struct work *work, struct mt_leak_member *member,
		     struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	size_t edge_count;
	const struct mt_heap_edge *edges =
		mt_heap_edges(work->heap, member->block, &edge_count);
	int rc = 0;
	member->first_link = leaks->links.count;
	for (size_t i = 0; rc >= 0 && i < edge_count; i++) {
		struct mt_leak_link link = {edges[i].offset, edges[i].to};
		if (is_within(work, &edges[i]))
			rc = MT_LIST_ADD(leaks->links, link, err);
	}
	member->link_count = leaks->links.count - member->first_link;
	mt_leak_links_sort(leaks->links.list + member->first_link, member->link_count);
	return rc;
}

/* index is of the cycle's members. */
static int add_member(struct work *work, uint32_t block, struct mt_index *index,
		      struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	struct look look = look_of(work, block);
	uint32_t id = mt_index_find(index, look.hashes[0], is_look, work, &look);
	if (id != MT_INDEX_NONE) {
		leaks->members.list[id].times++;
		return 0;
	}
	struct mt_leak_member member = {.block = block, .times = 1};
	int rc = add_links(work, &member, err);
	if (rc >= 0)
		rc = MT_LIST_ADD(leaks->members, member, err);
	if (rc >= 0)
		rc = MT_LIST_ADD(work->looks, look, err);
	return rc < 0 ? rc
		      : mt_index_add(index, look.hashes[0],
				     (uint32_t)(leaks->members.count - 1), err);
}

static int add_members(struct work *work, const struct member *members, size_t count,
		       struct mt_leak_cycle *cycle, struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	struct mt_index index = {0};
	int rc = 0;
	cycle->first_member = leaks->members.count;
	cycle->first_block = leaks->cycle_blocks.count;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = MT_LIST_ADD(leaks->cycle_blocks, members[i].block, err);
		if (rc >= 0)
			rc = add_member(work, members[i].block, &index, err);
	}
	cycle->member_count = leaks->members.count - cycle->first_member;
	mt_index_deinit(&index);
	return rc;
}

static int add_cycle(struct work *work, const struct member *members, size_t count,
		     struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	struct shape shape = shape_of(work, members, count);
	uint64_t hash = shape.sums.hashes[0];
	uint32_t id = mt_index_find(&work->index, hash, is_shape, work, &shape);
	if (id != MT_INDEX_NONE) {
		leaks->cycles.list[id].times++;
		return 0;
	}
	struct mt_leak_cycle cycle = {.times = 1, .each = {shape.bytes, shape.blocks}};
	int rc = add_members(work, members, count, &cycle, err);
	if (rc >= 0)
		rc = MT_LIST_ADD(work->shapes, shape, err);
	if (rc >= 0)
		rc = MT_LIST_ADD(leaks->cycles, cycle, err);
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
	return x->first_member < y->first_member ? -1 : x->first_member > y->first_member;
}

int mt_leaks_find_cycles(struct mt_leaks *leaks, const uint32_t *group_of_block,
			 struct mt_error *err)
{
	struct work work = {.leaks = leaks,
			    .heap = mt_leaks_heap(leaks),
			    .callsites = &leaks->answer.subjects[0].callsites};
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
	free(work.looks_of_nodes);
	free(work.shapes.list);
	free(work.looks.list);
	mt_index_deinit(&work.index);
	return rc;
}
