/*
 * beneath.c - see beneath.h. Outside.
 *
 * The C library does not tell what it holds free, and its books lie in the program's
 * memory. But every block that is in use came past the recorder: what lies between them
 * in their mappings is free, or the C library's own.
 */
#include "tracer/collect/beneath.h"

#include <stdlib.h>

enum {
	PAGE_BYTES = 4096,
	WORD_BYTES = 8,
	ALIGNMENT = 16,
	LEAST_CHUNK_BYTES = 32,
	HEADER_BYTES = 16,              /* ours, below a large block */
	DEBUG_BYTES = 32,               /* around a block, with MT_CHECK_DEBUG */
	THREAD_HEAP_BYTES = 64 << 20,   /* where heaps of threads may begin */
	LEAST_MAPPED_BYTES = 128 << 10, /* smaller requests get no mapping of their own */
};

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) & ~(unit - 1);
}

/* Pages of its own, which are nobody else's when it goes. */
static struct mt_beneath_chunk guarded(const struct mt_state_block *block)
{
	uint64_t start = block->address / PAGE_BYTES * PAGE_BYTES;
	uint64_t end =
		round_up(block->address + (block->size ? block->size : 1), PAGE_BYTES);
	return (struct mt_beneath_chunk){.start = start, .bytes = end - start};
}

/*
 * A block with a mapping of its own is the first thing in it. Where blocks with wide
 * alignments begin cannot be known: there the header is counted and the padding is not.
 */
struct mt_beneath_chunk mt_beneath_chunk_of(const struct mt_state_block *block,
					    const struct mt_state_header *header)
{
	if (block->kind == MT_BLOCK_GUARDED)
		return guarded(block);
	bool has_header =
		header->malloc_mode != MT_MALLOC_LIBC && block->kind == MT_BLOCK_LARGE;
	uint64_t start = block->address - (has_header ? HEADER_BYTES : 0) - ALIGNMENT;
	uint64_t wanted = block->size + (has_header ? HEADER_BYTES : 0) +
			  (header->check_mode == MT_CHECK_DEBUG ? DEBUG_BYTES : 0);
	if (wanted >= LEAST_MAPPED_BYTES && start % PAGE_BYTES == 0)
		return (struct mt_beneath_chunk){
			.start = start,
			.bytes = round_up(wanted + ALIGNMENT, PAGE_BYTES)};
	uint64_t bytes = round_up(wanted + WORD_BYTES, ALIGNMENT);
	if (bytes < LEAST_CHUNK_BYTES)
		bytes = LEAST_CHUNK_BYTES;
	return (struct mt_beneath_chunk){.start = start, .bytes = bytes};
}

bool mt_beneath_add(struct mt_beneath *beneath, struct mt_beneath_chunk chunk)
{
	if (beneath->count == beneath->capacity) {
		size_t capacity = beneath->capacity + beneath->capacity / 2 + 1024;
		void *grown =
			reallocarray(beneath->list, capacity, sizeof *beneath->list);
		if (!grown)
			return false;
		beneath->list = grown;
		beneath->capacity = capacity;
	}
	beneath->list[beneath->count++] = chunk;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct mt_beneath_chunk *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/* The chunks from *at on that lie in the range; each keeps what is free below it. */
static bool divide_range(const struct mt_beneath *beneath, size_t *at,
			 const struct mt_layers_range *range, struct mt_pools *pools)
{
	uint64_t end_of_last = range->start;
	for (; *at < beneath->count && beneath->list[*at].start < range->end; ++*at) {
		const struct mt_beneath_chunk *chunk = &beneath->list[*at];
		if (chunk->start > end_of_last &&
		    !mt_pools_add_beneath(pools, chunk->traceback,
					  chunk->start - end_of_last))
			return false;
		if (end_of_last < chunk->start + chunk->bytes)
			end_of_last = chunk->start + chunk->bytes;
	}
	return end_of_last >= range->end ||
	       mt_pools_add_beneath(pools, 0, range->end - end_of_last);
}

static void add_sums(struct mt_record_layer *layer, const struct mt_record_layer *sums)
{
	layer->mappings += sums->mappings;
	layer->mapped_bytes += sums->mapped_bytes;
	layer->resident_bytes += sums->resident_bytes;
	layer->swapped_bytes += sums->swapped_bytes;
}

/*
 * In the heap, and in those that the C library makes for threads, all is its own. Other
 * mappings may have been joined by the kernel with what the program mapped itself.
 */
static bool is_all_its_own(const struct mt_layers_range *range)
{
	return range->sums.kind == MT_LAYER_HEAP || range->start % THREAD_HEAP_BYTES == 0;
}

bool mt_beneath_divide(struct mt_beneath *beneath, const struct mt_layers *layers,
		       struct mt_record_layer list[MT_LAYER_COUNT],
		       struct mt_pools *pools)
{
	if (beneath->count)
		qsort(beneath->list, beneath->count, sizeof *beneath->list, compare);
	size_t at = 0;
	for (size_t i = 0; i < layers->range_count; i++) {
		const struct mt_layers_range *range = &layers->ranges[i];
		while (at < beneath->count && beneath->list[at].start < range->start)
			at++;
		bool is_heap = range->sums.kind == MT_LAYER_HEAP;
		bool has_chunk =
			at < beneath->count && beneath->list[at].start < range->end;
		add_sums(&list[is_heap     ? MT_LAYER_HEAP
			       : has_chunk ? MT_LAYER_BLOCKS
					   : MT_LAYER_OTHER],
			 &range->sums);
		if (pools && (is_heap || has_chunk) && is_all_its_own(range) &&
		    !divide_range(beneath, &at, range, pools))
			return false;
	}
	return true;
}

void mt_beneath_deinit(struct mt_beneath *beneath)
{
	free(beneath->list);
	*beneath = (struct mt_beneath){0};
}
