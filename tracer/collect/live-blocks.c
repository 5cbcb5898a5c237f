/*
 * live-blocks.c - see live-blocks.h. Outside.
 */
#include "tracer/collect/live-blocks.h"

#include "tracer/collect/bits.h"
#include "tracer/collect/room.h"

#include <stdlib.h>
#include <string.h>

enum {
	POOL_BATCH = 1024,
	BLOCK_BATCH = 16 << 10,
	BITS = 64,
	DIGIT_BITS = 11, /* of the sort */
	DIGITS = 1 << DIGIT_BITS,
	PASSES = 5,
	/* Large blocks further apart than this, or larger, are in clusters of their own. */
	CLUSTER_GAP = 64 << 10,
	START_SHIFT = 9, /* starts has an entry for this many bytes of a cluster */
	RECIPROCAL_SHIFT = 26,
};

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

static uint32_t class_bytes(const struct mt_live *heap, uint8_t class_index)
{
	return (class_index + 1u) * heap->geometry.alignment;
}

static uint64_t large_size(const struct mt_live_large *large)
{
	return (uint64_t)large->size_high << 16 | large->size_low;
}

/* n / size for all n within a pool. */
static uint32_t block_index(const struct mt_live *heap, uint8_t class_index, uint32_t n)
{
	return (uint32_t)((uint64_t)n * heap->reciprocals[class_index] >>
			  RECIPROCAL_SHIFT);
}

static bool take_pools(struct mt_live *heap, uint32_t count)
{
	size_t words = (size_t)count * heap->granules / BITS + 1;
	if (heap->pools && count <= heap->pool_room)
		return true;
	mt_room_free(heap->pools);
	mt_room_free(heap->live);
	mt_room_free(heap->ranks);
	heap->pool_room = count;
	heap->pools = mt_room_take((count + (size_t)1) * sizeof *heap->pools);
	heap->live = mt_room_take(words * sizeof *heap->live);
	heap->ranks = mt_room_take(words * sizeof *heap->ranks);
	return heap->pools && heap->live && heap->ranks;
}

static void describe(struct mt_live *heap, const struct mt_image *image)
{
	const struct mt_state_header *header = &image->header;
	const struct mt_geometry *geometry = &header->geometry;
	heap->geometry = *geometry;
	heap->lead = header->check_mode == MT_CHECK_DEBUG ? MT_DEBUG_LEAD_BYTES : 0;
	heap->base = header->heap_base + heap->lead;
	heap->bytes = header->heap_bytes;
	heap->pool_shift = (uint32_t)__builtin_ctz(geometry->pool_bytes);
	heap->granules = geometry->pool_bytes / geometry->alignment;
	for (uint32_t i = 0; i < geometry->class_count; i++)
		heap->reciprocals[i] =
			(1u << RECIPROCAL_SHIFT) / class_bytes(heap, (uint8_t)i) + 1;
	uint64_t most = heap->bytes >> heap->pool_shift;
	uint64_t used = mt_image_clamp(image, MT_REGION_POOLS,
				       sizeof(struct mt_state_pool), header->used.pools);
	heap->pool_count = (uint32_t)(used < most ? used : most);
}

static bool begin(struct mt_live *heap, const struct mt_image *image)
{
	describe(heap, image);
	return take_pools(heap, heap->pool_count) && heap->granules % BITS == 0 &&
	       heap->geometry.pool_bytes == 1u << heap->pool_shift;
}

/* Blocks of the small-object heap, were all pools full, and their bytes. */
static void add_pools(const struct mt_live *heap, const struct mt_image *image,
		      uint64_t *blocks, uint64_t *bytes)
{
	struct mt_state_pool pools[POOL_BATCH];
	for (uint32_t first = 0; first < heap->pool_count; first += POOL_BATCH) {
		size_t got =
			mt_image_read(image, MT_REGION_POOLS, sizeof pools[0], first,
				      least(heap->pool_count - first, POOL_BATCH), pools);
		for (size_t i = 0; i < got; i++) {
			bool is_used = pools[i].state == MT_POOL_USED ||
				       pools[i].state == MT_POOL_FULL;
			if (!is_used ||
			    pools[i].class_index >= heap->geometry.class_count)
				continue;
			uint32_t size = class_bytes(heap, pools[i].class_index);
			uint32_t room = heap->geometry.pool_bytes -
					heap->geometry.pool_header_bytes;
			*blocks += room / size;
			*bytes += room;
		}
	}
}

struct mt_live_estimate mt_live_estimate(const struct mt_image *image)
{
	struct mt_live heap = {0};
	uint64_t blocks = 0, bytes = 0;
	int64_t live = mt_image_sums(image).live_bytes;
	describe(&heap, image);
	add_pools(&heap, image, &blocks, &bytes);
	/* Where there are many holes, few of them are live. */
	if (live > 0 && (uint64_t)live < bytes / 2)
		blocks = (uint64_t)((double)blocks * (double)live * 2 / (double)bytes);
	blocks += mt_image_clamp(image, MT_REGION_BLOCKS, sizeof(struct mt_state_block),
				 image->header.used.blocks);
	return (struct mt_live_estimate){
		.blocks = (uint32_t)(blocks < INT32_MAX ? blocks : INT32_MAX),
		.bytes = live > 0 ? (uint64_t)live : 0};
}

void mt_live_prepare(struct mt_live *heap, const struct mt_image *image,
		     const struct mt_live_estimate *estimate)
{
	describe(heap, image);
	if (!take_pools(heap, heap->pool_count + heap->pool_count / 16))
		return;
	uint32_t entries = image->header.used.blocks;
	size_t likely = estimate->blocks - (entries < estimate->blocks ? entries : 0);
	heap->words =
		mt_room_prepare(likely, (heap->pool_room + (size_t)1) * heap->granules,
				sizeof *heap->words);
}

/* For the blocks of one more pool. */
static bool reserve_words(struct mt_live *heap)
{
	size_t most = (heap->pool_room + (size_t)1) * heap->granules;
	while (heap->small_capacity - heap->small_count < heap->granules) {
		size_t capacity;
		void *words = mt_room_grow(heap->words, heap->small_capacity, most,
					   sizeof *heap->words, &capacity);
		if (!words)
			return false;
		heap->words = words;
		heap->small_capacity = capacity;
	}
	return heap->small_count < INT32_MAX - heap->granules;
}

static void rank_words(struct mt_live *heap, uint32_t index)
{
	size_t first = (size_t)index * heap->granules / BITS;
	uint32_t count = 0;
	for (uint32_t i = 0; i < heap->granules / BITS; i++) {
		heap->ranks[first + i] = (uint16_t)count;
		count += mt_count_bits(heap->live[first + i]);
	}
}

/* One pool's side words: blocks begin after the header, one word at each one's start. */
static void load_pool(struct mt_live *heap, uint32_t index,
		      const struct mt_state_pool *pool, const uint32_t *side)
{
	const struct mt_geometry *geometry = &heap->geometry;
	struct mt_live_pool *own = &heap->pools[index];
	uint64_t *live = &heap->live[(size_t)index * heap->granules / BITS];
	uint32_t size = class_bytes(heap, pool->class_index);
	*own = (struct mt_live_pool){.class_index = pool->class_index,
				     .is_used = true,
				     .has_unknown = pool->inherited || heap->is_partial};
	for (uint32_t at = geometry->pool_header_bytes; at + size <= geometry->pool_bytes;
	     at += size) {
		uint32_t granule = at / geometry->alignment;
		uint32_t word = side[granule];
		if (!word || (word & MT_SLACK_MASK) > size)
			continue;
		live[granule / BITS] |= UINT64_C(1) << granule % BITS;
		heap->words[heap->small_count++] = word;
		own->live_count++;
	}
	rank_words(heap, index);
}

static int load_run(struct mt_live *heap, const struct mt_image *image,
		    const struct mt_state_pool *pools, uint32_t first, size_t count,
		    uint32_t *side, struct mt_error *err)
{
	size_t got = mt_image_read(image, MT_REGION_SIDE, sizeof *side,
				   (uint64_t)first * heap->granules,
				   count * heap->granules, side);
	for (size_t i = 0; i < got / heap->granules; i++) {
		bool is_used =
			pools[i].state == MT_POOL_USED || pools[i].state == MT_POOL_FULL;
		if (!is_used || pools[i].class_index >= heap->geometry.class_count)
			continue;
		if (!reserve_words(heap))
			return no_memory(err);
		load_pool(heap, first + (uint32_t)i, &pools[i],
			  side + i * heap->granules);
	}
	return 0;
}

enum {
	SIDE_POOLS = 64, /* pools whose side words are read at once */
};

static int load_small(struct mt_live *heap, const struct mt_image *image,
		      struct mt_error *err)
{
	struct mt_state_pool pools[POOL_BATCH];
	uint32_t *side = malloc((size_t)SIDE_POOLS * heap->granules * sizeof *side);
	int rc = side ? 0 : no_memory(err);
	for (uint32_t first = 0; rc == 0 && first < heap->pool_count;
	     first += POOL_BATCH) {
		size_t got =
			mt_image_read(image, MT_REGION_POOLS, sizeof pools[0], first,
				      least(heap->pool_count - first, POOL_BATCH), pools);
		for (size_t i = 0; rc == 0 && i < got; i += SIDE_POOLS)
			rc = load_run(heap, image, pools + i, first + (uint32_t)i,
				      least(got - i, SIDE_POOLS), side, err);
	}
	free(side);
	return rc;
}

static bool add_region(struct mt_live *heap, const struct mt_state_block *block)
{
	void *regions = reallocarray(heap->regions, heap->region_count + 1,
				     sizeof *heap->regions);
	if (!regions)
		return false;
	heap->regions = regions;
	heap->regions[heap->region_count++] =
		(struct mt_live_region){.address = block->address,
					.size = block->size,
					.traceback = block->traceback};
	return true;
}

static bool add_large(struct mt_live *heap, size_t *capacity, size_t most,
		      const struct mt_state_block *block)
{
	if (heap->large_count == *capacity) {
		void *large = mt_room_grow(heap->large, heap->large_count, most,
					   sizeof *heap->large, capacity);
		if (!large)
			return false;
		heap->large = large;
	}
	heap->large[heap->large_count++] =
		(struct mt_live_large){.address = block->address + heap->lead,
				       .size_low = block->size & 0xffff,
				       .size_high = (uint32_t)(block->size >> 16),
				       .traceback = block->traceback};
	return true;
}

static bool is_place(const struct mt_state_block *block)
{
	const uint64_t limit = UINT64_C(1) << 47;
	return block->address && block->address < limit &&
	       block->size < limit - block->address;
}

static int load_blocks(struct mt_live *heap, const struct mt_image *image,
		       struct mt_error *err)
{
	struct mt_state_block *blocks = malloc(BLOCK_BATCH * sizeof *blocks);
	uint64_t used = mt_image_clamp(image, MT_REGION_BLOCKS, sizeof *blocks,
				       image->header.used.blocks);
	bool has_room = blocks != NULL;
	size_t capacity = 0;
	for (uint64_t first = 0; has_room && first < used; first += BLOCK_BATCH) {
		size_t got = mt_image_read(image, MT_REGION_BLOCKS, sizeof *blocks, first,
					   least(used - first, BLOCK_BATCH), blocks);
		for (size_t i = 0; has_room && i < got; i++) {
			if (!blocks[i].traceback || !is_place(&blocks[i]) ||
			    blocks[i].kind & MT_BLOCK_WAITING)
				continue;
			has_room = blocks[i].kind == MT_BLOCK_TRACKED
					   ? add_region(heap, &blocks[i])
					   : add_large(heap, &capacity, used, &blocks[i]);
		}
	}
	free(blocks);
	return has_room ? 0 : no_memory(err);
}

/* By address, digit by digit. */
static bool sort_large(struct mt_live *heap)
{
	uint32_t counts[DIGITS];
	struct mt_live_large *other = mt_room_take(heap->large_count * sizeof *other);
	if (!other)
		return false;
	for (int pass = 0; pass < PASSES; pass++) {
		int shift = pass * DIGIT_BITS;
		memset(counts, 0, sizeof counts);
		for (uint32_t i = 0; i < heap->large_count; i++)
			counts[heap->large[i].address >> shift & (DIGITS - 1)]++;
		uint32_t sum = 0;
		for (int digit = 0; digit < DIGITS; digit++) {
			uint32_t count = counts[digit];
			counts[digit] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < heap->large_count; i++) {
			uint64_t digit = heap->large[i].address >> shift & (DIGITS - 1);
			other[counts[digit]++] = heap->large[i];
		}
		struct mt_live_large *sorted = other;
		other = heap->large;
		heap->large = sorted;
	}
	mt_room_free(other);
	return true;
}

/* Entries of a process in the midst of an event, or of a hostile one, may overlap. */
static void drop_overlapping(struct mt_live *heap)
{
	uint32_t kept = 0;
	uint64_t end = 0;
	for (uint32_t i = 0; i < heap->large_count; i++) {
		struct mt_live_large block = heap->large[i];
		uint64_t size = large_size(&block);
		bool is_in_small = block.address + size > heap->base &&
				   block.address < heap->base + heap->bytes;
		if (block.address < end || is_in_small)
			continue;
		end = block.address + (size ? size : 1);
		heap->large[kept++] = block;
	}
	heap->large_count = kept;
}

static uint32_t cluster_starts(const struct mt_live_cluster *cluster)
{
	return cluster->count < 2
		       ? 0
		       : (uint32_t)((cluster->end - cluster->start) >> START_SHIFT) + 1;
}

/* starts[k]: the last block that begins at or before the k-th step of the cluster. */
static void fill_starts(struct mt_live *heap, const struct mt_live_cluster *cluster)
{
	uint32_t *starts = heap->starts + cluster->index;
	uint32_t count = cluster_starts(cluster), block = cluster->first;
	uint32_t end = cluster->first + cluster->count;
	for (uint32_t k = 0; k < count; k++) {
		uint64_t at = cluster->start + ((uint64_t)k << START_SHIFT);
		while (block + 1 < end && heap->large[block + 1].address <= at)
			block++;
		starts[k] = block;
	}
}

static bool joins(const struct mt_live_cluster *cluster,
		  const struct mt_live_large *block)
{
	return cluster->count && block->address - cluster->end < CLUSTER_GAP &&
	       large_size(block) < CLUSTER_GAP &&
	       (cluster->count > 1 || cluster->end - cluster->start < CLUSTER_GAP);
}

static struct mt_live_cluster *add_cluster(struct mt_live *heap, size_t *capacity)
{
	if (heap->cluster_count == *capacity) {
		void *clusters =
			mt_room_grow(heap->clusters, heap->cluster_count,
				     heap->large_count, sizeof *heap->clusters, capacity);
		if (!clusters)
			return NULL;
		heap->clusters = clusters;
	}
	return &heap->clusters[heap->cluster_count++];
}

static bool join_clusters(struct mt_live *heap)
{
	struct mt_live_cluster *cluster = NULL;
	size_t capacity = 0;
	for (uint32_t i = 0; i < heap->large_count; i++) {
		const struct mt_live_large *block = &heap->large[i];
		uint64_t size = large_size(block);
		if (!cluster || !joins(cluster, block)) {
			cluster = add_cluster(heap, &capacity);
			if (!cluster)
				return false;
			*cluster = (struct mt_live_cluster){.start = block->address,
							    .first = i};
		}
		cluster->count++;
		cluster->end = block->address + (size ? size : 1);
	}
	return true;
}

static bool make_clusters(struct mt_live *heap)
{
	uint32_t total = 0;
	if (!join_clusters(heap))
		return false;
	for (uint32_t i = 0; i < heap->cluster_count; i++) {
		heap->clusters[i].index = total;
		total += cluster_starts(&heap->clusters[i]);
	}
	heap->starts = mt_room_take(((size_t)total + 1) * sizeof *heap->starts);
	if (!heap->starts)
		return false;
	for (uint32_t i = 0; i < heap->cluster_count; i++)
		fill_starts(heap, &heap->clusters[i]);
	return true;
}

/* All numbers, when it is known how many large blocks lie below the small ones. */
static void number(struct mt_live *heap)
{
	heap->lowest = UINT64_MAX;
	for (uint32_t i = 0; i < heap->large_count; i++)
		heap->small_first += heap->large[i].address < heap->base;
	uint32_t first = heap->small_first;
	for (uint32_t i = 0; i < heap->pool_count; i++) {
		heap->pools[i].first = first;
		first += heap->pools[i].live_count;
	}
	heap->count = heap->small_count + heap->large_count;
	if (heap->small_count) {
		heap->lowest = heap->base;
		heap->highest =
			heap->base + ((uint64_t)heap->pool_count << heap->pool_shift);
	}
	if (!heap->cluster_count)
		return;
	uint64_t start = heap->clusters[0].start;
	uint64_t end = heap->clusters[heap->cluster_count - 1].end + 1;
	heap->lowest = start < heap->lowest ? start : heap->lowest;
	heap->highest = end > heap->highest ? end : heap->highest;
}

/* Where a table was full, or nothing was recorded for a while. */
static bool has_unrecorded(const struct mt_state_header *header)
{
	return header->losses[MT_LOSS_TRACEBACKS_FULL] ||
	       header->losses[MT_LOSS_NODES_FULL] ||
	       header->losses[MT_LOSS_BLOCKS_FULL] ||
	       header->losses[MT_LOSS_THREADS_FULL] || !header->totals.tracing;
}

int mt_live_load(struct mt_live *heap, const struct mt_image *image, struct mt_error *err)
{
	if (!begin(heap, image))
		return no_memory(err);
	heap->is_partial = has_unrecorded(&image->header);
	heap->has_unknown =
		heap->is_partial || image->header.arenas.inherited_total_count;
	int rc = load_small(heap, image, err);
	if (rc == 0)
		rc = load_blocks(heap, image, err);
	if (rc < 0)
		return rc;
	if ((uint64_t)heap->small_count + heap->large_count > INT32_MAX)
		return mt_fail(err, MT_ERR_NO_MEMORY, "more than 2^31 blocks");
	if (!sort_large(heap))
		return no_memory(err);
	drop_overlapping(heap);
	if (!make_clusters(heap))
		return no_memory(err);
	number(heap);
	return 0;
}

uint64_t mt_live_bytes(const struct mt_live *heap)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < heap->pool_count; i++)
		bytes += (uint64_t)heap->pools[i].live_count *
			 class_bytes(heap, heap->pools[i].class_index);
	for (uint32_t i = 0; i < heap->large_count; i++)
		bytes += large_size(&heap->large[i]);
	return bytes;
}

void mt_live_deinit(struct mt_live *heap)
{
	mt_room_free(heap->pools);
	mt_room_free(heap->live);
	mt_room_free(heap->ranks);
	mt_room_free(heap->words);
	mt_room_free(heap->large);
	mt_room_free(heap->clusters);
	mt_room_free(heap->starts);
	free(heap->regions);
	*heap = (struct mt_live){0};
}

static uint32_t find_small(const struct mt_live *heap, uint64_t address, uint64_t *offset)
{
	uint64_t index = (address - heap->base) >> heap->pool_shift;
	if (index >= heap->pool_count)
		return MT_LIVE_NONE;
	const struct mt_live_pool *pool = &heap->pools[index];
	uint32_t in_pool =
		(uint32_t)(address - heap->base) & ((1u << heap->pool_shift) - 1);
	uint32_t header = heap->geometry.pool_header_bytes;
	if (!pool->live_count || in_pool < header)
		return MT_LIVE_NONE;
	uint32_t size = class_bytes(heap, pool->class_index);
	uint32_t start =
		header + block_index(heap, pool->class_index, in_pool - header) * size;
	const uint64_t *live = &heap->live[index * heap->granules / BITS];
	uint32_t granule = start / heap->geometry.alignment;
	if (!(live[granule / BITS] >> granule % BITS & 1))
		return MT_LIVE_NONE;
	uint64_t below = live[granule / BITS] & ((UINT64_C(1) << granule % BITS) - 1);
	uint32_t number = pool->first +
			  heap->ranks[index * heap->granules / BITS + granule / BITS] +
			  mt_count_bits(below);
	*offset = in_pool - start;
	if (!*offset)
		return number;
	uint32_t slack = heap->words[number - heap->small_first] & MT_SLACK_MASK;
	return *offset > size - slack ? MT_LIVE_NONE : number;
}

/* The last that begins at or before the address, if it reaches that far. */
static const struct mt_live_cluster *find_cluster(const struct mt_live *heap,
						  uint64_t address)
{
	uint32_t low = 0, high = heap->cluster_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (heap->clusters[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address <= heap->clusters[low - 1].end ? &heap->clusters[low - 1]
							     : NULL;
}

static uint32_t large_number(const struct mt_live *heap, uint32_t index)
{
	return heap->large[index].address < heap->base ? index
						       : index + heap->small_count;
}

static uint32_t find_large(const struct mt_live *heap, uint64_t address, uint64_t *offset)
{
	const struct mt_live_cluster *cluster = find_cluster(heap, address);
	if (!cluster)
		return MT_LIVE_NONE;
	uint32_t index = cluster->first;
	if (cluster->count > 1) {
		uint32_t end = cluster->first + cluster->count;
		index = heap->starts[cluster->index +
				     ((address - cluster->start) >> START_SHIFT)];
		while (index + 1 < end && heap->large[index + 1].address <= address)
			index++;
	}
	const struct mt_live_large *block = &heap->large[index];
	*offset = address - block->address;
	return *offset > large_size(block) ? MT_LIVE_NONE : large_number(heap, index);
}

uint32_t mt_live_find(const struct mt_live *heap, uint64_t address, uint64_t *offset)
{
	return address - heap->base < heap->bytes ? find_small(heap, address, offset)
						  : find_large(heap, address, offset);
}

void mt_live_prefetch(const struct mt_live *heap, uint64_t address)
{
	uint64_t at = address - heap->base, index = at >> heap->pool_shift;
	if (index >= heap->pool_count)
		return;
	size_t word = at / heap->geometry.alignment / BITS;
	__builtin_prefetch(&heap->pools[index]);
	__builtin_prefetch(&heap->live[word]);
	__builtin_prefetch(&heap->ranks[word]);
}

/* The pool of a small block: the last one whose first block is not behind it. */
static uint32_t pool_of(const struct mt_live *heap, uint32_t number)
{
	uint32_t low = 0, high = heap->pool_count;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (heap->pools[middle].first <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Which granule is the n-th that is live. */
static uint32_t select_bit(const uint64_t *words, uint32_t n)
{
	uint32_t i = 0, here;
	while (n >= (here = mt_count_bits(words[i]))) {
		n -= here;
		i++;
	}
	uint64_t word = words[i];
	while (n--)
		word &= word - 1;
	return i * BITS + (uint32_t)__builtin_ctzll(word);
}

static struct mt_live_block large_block(const struct mt_live *heap, uint32_t number)
{
	uint32_t index = number < heap->small_first ? number : number - heap->small_count;
	const struct mt_live_large *large = &heap->large[index];
	return (struct mt_live_block){.address = large->address,
				      .size = large_size(large),
				      .traceback = large->traceback};
}

static struct mt_live_block small_block(const struct mt_live *heap, uint32_t number,
					uint32_t pool, uint32_t granule)
{
	uint32_t word = heap->words[number - heap->small_first];
	return (struct mt_live_block){
		.address = heap->base + ((uint64_t)pool << heap->pool_shift) +
			   (uint64_t)granule * heap->geometry.alignment,
		.size = class_bytes(heap, heap->pools[pool].class_index) -
			(word & MT_SLACK_MASK),
		.traceback = word >> MT_SLACK_BITS};
}

struct mt_live_block mt_live_block(const struct mt_live *heap, uint32_t number)
{
	if (!mt_live_is_small(heap, number))
		return large_block(heap, number);
	uint32_t index = pool_of(heap, number);
	const uint64_t *live = &heap->live[(size_t)index * heap->granules / BITS];
	return small_block(heap, number, index,
			   select_bit(live, number - heap->pools[index].first));
}

struct mt_live_block mt_live_next(const struct mt_live *heap,
				  struct mt_live_cursor *cursor)
{
	uint32_t number = cursor->next++;
	if (!mt_live_is_small(heap, number))
		return large_block(heap, number);
	for (;;) {
		const uint64_t *live =
			&heap->live[(size_t)cursor->pool * heap->granules / BITS];
		while (cursor->granule < heap->granules) {
			uint64_t rest =
				live[cursor->granule / BITS] >> cursor->granule % BITS;
			if (!rest) {
				cursor->granule = (cursor->granule / BITS + 1) * BITS;
				continue;
			}
			uint32_t granule =
				cursor->granule + (uint32_t)__builtin_ctzll(rest);
			cursor->granule = granule + 1;
			return small_block(heap, number, cursor->pool, granule);
		}
		cursor->pool++;
		cursor->granule = 0;
	}
}
