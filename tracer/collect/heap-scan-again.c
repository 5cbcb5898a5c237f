/*
 * heap-scan-again.c - see heap-scan-again.h. Outside.
 *
 * Packed structures have pointers at addresses that are no multiples of 8. To look for
 * them everywhere takes eight times as long as to look for others, so that is done where
 * something is lost only, and for what is lost only. The process may go on meanwhile: what
 * was lost stays where it is, and a pointer at an aligned address is none of ours.
 */
#include "tracer/collect/heap-scan-again.h"

#include "tracer/collect/heap-scan-read.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORD = 8,
	WINDOW_BYTES = 256 << 10,
};

/* An unaligned pointer to the first byte of a lost block. */
struct found {
	uint32_t source; /* block; MT_LIVE_NONE: address is outside the heap */
	uint32_t target;
	uint64_t address; /* in a block: how far within */
};

struct look {
	struct mt_heap_scan *scan;
	uint64_t lowest, span; /* of the lost blocks' first bytes */
	struct found *found;   /* in the order of their sources, the heap's first */
	size_t found_count, found_capacity;
	bool failed; /* no memory */

	uint32_t block; /* under way; MT_LIVE_NONE: a range outside */
	uint64_t base;  /* its first byte; of a range 0 */
	uint64_t size;
	uint64_t last; /* where the piece before ended, and its last bytes */
	uint8_t tail[WORD - 1];

	uint8_t *data; /* a window on blocks */
	uint64_t window, window_end;

	uint32_t *queue; /* blocks that turned out to be possible */
	size_t queue_count;
};

static bool is_lost(const struct look *look, uint32_t block)
{
	return look->scan->reach.kinds[block] <= MT_REACH_INDIRECT;
}

static void find_bounds(struct look *look)
{
	const struct mt_heap_scan *scan = look->scan;
	const struct mt_lost *lost = &scan->lost;
	look->lowest = mt_live_block(&scan->live, lost->nodes[0]).address;
	look->span = mt_live_block(&scan->live, lost->nodes[lost->count - 1]).address -
		     look->lowest + 1;
}

static void add_found(struct look *look, uint64_t word, uint64_t address)
{
	uint64_t offset;
	uint32_t block = mt_live_find(&look->scan->live, word, &offset);
	if (block == MT_LIVE_NONE || offset || !is_lost(look, block) ||
	    block == look->block || look->failed)
		return;
	if (look->found_count == look->found_capacity) {
		size_t capacity = look->found_capacity * 2 + 256;
		void *found = reallocarray(look->found, capacity, sizeof *look->found);
		look->failed = !found;
		if (!found)
			return;
		look->found = found;
		look->found_capacity = capacity;
	}
	look->found[look->found_count++] =
		(struct found){look->block, block, address - look->base};
}

/* Words that begin at each byte but the first of every eight. */
static void look_at(struct look *look, uint64_t address, const uint8_t *data, size_t size)
{
	uint64_t word;
	for (size_t i = 0; i + WORD <= size; i++) {
		memcpy(&word, data + i, sizeof word);
		if (word - look->lowest < look->span && (address + i) % WORD)
			add_found(look, word, address + i);
	}
}

/* A piece of what is looked at; pointers may begin in the one before. */
static void visit(void *context, uint64_t address, const uint8_t *data, size_t size)
{
	struct look *look = context;
	uint8_t seam[2 * (WORD - 1)];
	if (look->base && size > look->base + look->size - address)
		size = look->base + look->size - address;
	if (address == look->last && size >= WORD) {
		memcpy(seam, look->tail, sizeof look->tail);
		memcpy(seam + sizeof look->tail, data, sizeof look->tail);
		look_at(look, address - sizeof look->tail, seam, sizeof seam);
	}
	look_at(look, address, data, size);
	if (size >= WORD)
		memcpy(look->tail, data + size - sizeof look->tail, sizeof look->tail);
	look->last = size >= WORD ? address + size : 0;
}

static void look_at_block(struct look *look, const struct mt_live_block *own)
{
	struct mt_memory *memory = &look->scan->memory;
	look->base = own->address;
	look->size = own->size;
	look->last = 0;
	if (own->size > WINDOW_BYTES / 2) {
		uint64_t end = (own->address + own->size + WORD - 1) & -(uint64_t)WORD;
		mt_memory_visit_range(memory, own->address, end, MT_MEMORY_TOUCHED, visit,
				      look);
		return;
	}
	if (own->address < look->window || own->address + own->size > look->window_end) {
		look->window = own->address;
		look->window_end =
			own->address + mt_memory_read_some(memory, own->address,
							   look->data, WINDOW_BYTES);
	}
	if (own->address + own->size <= look->window_end)
		visit(look, own->address, look->data + (own->address - look->window),
		      own->size);
}

/* A block whose words are ranges is looked at as such. */
static bool is_of_ranges(const struct mt_root_set *roots, size_t *at, uint32_t block)
{
	while (*at < roots->block_count && roots->blocks[*at].block < block)
		++*at;
	for (size_t i = *at; i < roots->block_count && roots->blocks[i].block == block;
	     i++)
		if (!roots->blocks[i].is_stack)
			return true;
	return false;
}

/* What lost blocks point at is lost with them, unless they are saved themselves. */
static void look_at_heap(struct look *look)
{
	const struct mt_heap_scan *scan = look->scan;
	struct mt_live_cursor cursor = {0};
	size_t special = 0;
	for (uint32_t i = 0; i < scan->live.count && !look->failed; i++) {
		struct mt_live_block own = mt_live_next(&scan->live, &cursor);
		look->block = i;
		if (own.size > WORD && !is_of_ranges(&scan->roots, &special, i))
			look_at_block(look, &own);
	}
}

static void look_at_roots(struct look *look)
{
	struct mt_heap_scan *scan = look->scan;
	look->block = MT_LIVE_NONE;
	look->base = 0;
	for (size_t i = 0; i < scan->roots.count && !look->failed; i++) {
		const struct mt_root_range *range = &scan->roots.list[i];
		look->last = 0;
		mt_memory_visit_range(&scan->memory, range->start, range->end,
				      range->pages, visit, look);
	}
}

static void save(struct look *look, uint32_t block, uint32_t holder)
{
	struct mt_reach *reach = &look->scan->reach;
	if (!is_lost(look, block))
		return;
	reach->kinds[block] = MT_REACH_POSSIBLE;
	reach->holders[block] = holder;
	look->queue[look->queue_count++] = block;
}

/* As by one of the roots: the graph's edges have no place for it. */
static void save_by(struct look *look, const struct found *found)
{
	struct mt_heap_scan *scan = look->scan;
	struct mt_heap_scan_root place = {.address = found->address,
					  .block = found->source,
					  .is_in_block = found->source != MT_LIVE_NONE};
	if (!is_lost(look, found->target) || look->failed)
		return;
	uint32_t holder = MT_HOLDER_ROOT | (uint32_t)scan->root_count;
	look->failed =
		!mt_heap_scan_add_root(scan, found->target | MT_GRAPH_INTERIOR, place);
	if (!look->failed)
		save(look, found->target, holder);
}

/* The first of those that were found in the block. */
static size_t first_found_in(const struct look *look, uint32_t block)
{
	size_t low = 0, high = look->found_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (look->found[middle].source < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* First what is held from what is not lost, then what that leads to. */
static void save_all(struct look *look)
{
	const struct mt_heap_scan *scan = look->scan;
	for (size_t i = 0; i < look->found_count; i++) {
		uint32_t source = look->found[i].source;
		if (source == MT_LIVE_NONE || !is_lost(look, source))
			save_by(look, &look->found[i]);
	}
	for (size_t at = 0; at < look->queue_count; at++) {
		uint32_t block = look->queue[at];
		for (uint32_t edge = scan->first[block]; edge < scan->first[block + 1];
		     edge++)
			save(look, mt_graph_target(scan->targets[edge]), edge);
		for (size_t i = first_found_in(look, block);
		     i < look->found_count && look->found[i].source == block; i++)
			save_by(look, &look->found[i]);
	}
}

static bool settle(struct look *look)
{
	struct mt_heap_scan *scan = look->scan;
	look->queue = malloc((scan->lost.count + (size_t)1) * sizeof *look->queue);
	if (!look->queue)
		return false;
	save_all(look);
	scan->graph.roots = scan->root_targets;
	scan->graph.root_count = (uint32_t)scan->root_count;
	mt_lost_deinit(&scan->lost);
	return !look->failed &&
	       mt_graph_find_lost(&scan->graph, &scan->reach, &scan->lost);
}

bool mt_heap_scan_look_again(struct mt_heap_scan *scan)
{
	struct look look = {.scan = scan};
	if (!scan->lost.count)
		return true;
	look.data = malloc(WINDOW_BYTES);
	look.failed = !look.data;
	find_bounds(&look);
	if (!look.failed) {
		look_at_heap(&look);
		look_at_roots(&look);
	}
	bool has_memory = !look.failed && (!look.found_count || settle(&look));
	free(look.queue);
	free(look.found);
	free(look.data);
	return has_memory;
}
