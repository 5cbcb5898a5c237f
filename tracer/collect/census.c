/*
 * census.c - counters, pools and blocks of a state, summed for a snapshot. Outside.
 */
#include "tracer/collect/census.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BATCH = 256,
	POOL_BATCH = 1024,
	SIDE_BATCH_WORDS = 256 << 10,
	BLOCK_BATCH = 16 << 10,
};

/* One census under way: where things come from, and a few buffers. */
struct work {
	struct mt_census *census;
	const struct mt_image *image;
	struct mt_dictionary *dictionary;
	uint32_t *known; /* by mt_traceback_id: traceback in the file; 0: not asked yet */
	uint64_t known_count;
	uint64_t arena; /* of the last pool: index + 1 */
};

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

bool mt_census_prepare(struct mt_census *census, uint32_t traceback)
{
	if (traceback < census->row_count)
		return true;
	size_t count = census->row_count + census->row_count / 2 + 1024;
	if (count <= traceback)
		count = (size_t)traceback + 1;
	struct mt_record_counter *rows =
		census->rows ? realloc(census->rows, count * sizeof *rows)
			     : calloc(count, sizeof *rows);
	if (!rows)
		return false;
	if (census->rows)
		memset(rows + census->row_count, 0,
		       (count - census->row_count) * sizeof *rows);
	for (size_t i = census->row_count; i < count; i++)
		rows[i].traceback = (uint32_t)i;
	census->rows = rows;
	census->row_count = count;
	return true;
}

static int traceback_of(struct work *work, mt_traceback_id id, uint32_t *traceback,
			struct mt_error *err)
{
	if (id < work->known_count && work->known[id]) {
		*traceback = work->known[id];
		return 0;
	}
	int rc = mt_dictionary_traceback(work->dictionary, id, traceback, err);
	if (rc < 0)
		return rc;
	if (!mt_census_prepare(work->census, *traceback))
		return no_memory(err);
	if (id < work->known_count)
		work->known[id] = *traceback;
	return 0;
}

/*
 * The counter's values when the total was highest: those that it has, unless it changed
 * after that and kept them.
 */
static void add_peak(const struct mt_state_header *header,
		     const struct mt_state_counter *counter,
		     const struct mt_state_peak *peak, int64_t live_count,
		     int64_t live_bytes, struct mt_record_counter *row)
{
	bool is_kept =
		counter->epoch == header->totals.peak_epoch && !header->totals.at_peak;
	row->peak_count += is_kept ? peak->count : live_count;
	row->peak_bytes += is_kept ? peak->bytes : live_bytes;
}

static int add_counter(struct work *work, mt_traceback_id id,
		       const struct mt_state_counter *counter,
		       const struct mt_state_peak *peak, struct mt_error *err)
{
	if (!counter->alloc_count && !counter->free_count && !peak->alloc_count_high &&
	    !peak->free_count_high)
		return 0;
	uint32_t traceback = 0;
	int rc = traceback_of(work, id, &traceback, err);
	if (rc < 0)
		return rc;
	struct mt_record_counter *row = &work->census->rows[traceback];
	uint64_t allocs = (uint64_t)peak->alloc_count_high << 32 | counter->alloc_count;
	uint64_t frees = (uint64_t)peak->free_count_high << 32 | counter->free_count;
	int64_t live_count = (int64_t)(allocs - frees);
	int64_t live_bytes = (int64_t)(counter->alloc_bytes - counter->free_bytes);
	row->alloc_count += allocs;
	row->alloc_bytes += counter->alloc_bytes;
	row->live_count += live_count;
	row->live_bytes += live_bytes;
	add_peak(&work->image->header, counter, peak, live_count, live_bytes, row);
	return 0;
}

struct chunk_batch {
	struct mt_state_chunk chunks[CHUNK_BATCH];
	struct mt_state_counter counters[CHUNK_BATCH][MT_COUNTERS_PER_CHUNK];
	struct mt_state_peak peaks[CHUNK_BATCH][MT_COUNTERS_PER_CHUNK];
};

static int add_chunk(struct work *work, const struct chunk_batch *batch, size_t at,
		     struct mt_error *err)
{
	const struct mt_state_chunk *chunk = &batch->chunks[at];
	for (uint32_t i = 0; chunk->slot_plus_one && i < MT_COUNTERS_PER_CHUNK; i++) {
		int rc = add_counter(work, chunk->first + i, &batch->counters[at][i],
				     &batch->peaks[at][i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

static int count_counters(struct work *work, struct mt_error *err)
{
	const struct mt_image *image = work->image;
	struct chunk_batch *batch = malloc(sizeof *batch);
	if (!batch)
		return no_memory(err);
	uint64_t used = mt_image_clamp(image, MT_REGION_CHUNKS, sizeof *batch->chunks,
				       image->header.used.chunks);
	int rc = 0;
	for (uint64_t first = 0; rc == 0 && first < used; first += CHUNK_BATCH) {
		size_t got = mt_image_read(image, MT_REGION_CHUNKS, sizeof *batch->chunks,
					   first, least(used - first, CHUNK_BATCH),
					   batch->chunks);
		got = mt_image_read(image, MT_REGION_COUNTERS, sizeof *batch->counters,
				    first, got, batch->counters);
		got = mt_image_read(image, MT_REGION_PEAKS, sizeof *batch->peaks, first,
				    got, batch->peaks);
		for (size_t i = 0; rc == 0 && i < got; i++)
			rc = add_chunk(work, batch, i, err);
	}
	free(batch);
	return rc;
}

/* id 0: from before a fork. */
static int waiting_traceback_of(struct work *work, mt_traceback_id id,
				uint32_t *traceback, struct mt_error *err)
{
	if (id)
		return traceback_of(work, id, traceback, err);
	int rc = mt_dictionary_root(work->dictionary, MT_TRACEBACK_INHERITED, traceback,
				    err);
	if (rc < 0)
		return rc;
	return mt_census_prepare(work->census, *traceback) ? 0 : no_memory(err);
}

static int count_small(struct work *work, const struct mt_state_pool *pool,
		       mt_traceback_id id, uint32_t slack, struct mt_error *err)
{
	struct mt_census *census = work->census;
	struct mt_record_class *class = &census->classes[pool->class_index];
	uint32_t size = class->block_bytes - slack;
	uint32_t traceback = 0;
	int rc = traceback_of(work, id, &traceback, err);
	if (rc < 0)
		return rc;
	class->blocks_in_use++;
	class->requested_bytes += size;
	uint64_t key = mt_cell_key(traceback, pool->slot, pool->class_index);
	if (!mt_cells_add(&census->cells, key, size))
		return no_memory(err);
	if (census->has_places &&
	    (!mt_pools_add_block(&census->pools, traceback, 1, slack) ||
	     !mt_pools_add_border(&census->pools, traceback, pool->class_index, size)))
		return no_memory(err);
	return 0;
}

/* Which of them are still there is not known. */
static int count_inherited_blocks(struct work *work, const struct mt_state_pool *pool,
				  struct mt_error *err)
{
	struct mt_record_class *class = &work->census->classes[pool->class_index];
	class->blocks_in_use += pool->inherited;
	class->inherited += pool->inherited;
	if (!pool->inherited || !work->census->has_places)
		return 0;
	uint32_t traceback = 0;
	int rc = mt_dictionary_root(work->dictionary, MT_TRACEBACK_INHERITED, &traceback,
				    err);
	if (rc < 0)
		return rc;
	return mt_pools_add_block(&work->census->pools, traceback, pool->inherited, 0)
		       ? 0
		       : no_memory(err);
}

/* A freed block of the pool that is in the quarantine: of use to nobody. */
static int count_waiting(struct work *work, const struct mt_state_pool *pool,
			 mt_traceback_id id, struct mt_error *err)
{
	struct mt_census *census = work->census;
	struct mt_record_class *class = &census->classes[pool->class_index];
	uint32_t traceback = 0;
	class->waiting++;
	if (!census->has_places)
		return 0;
	int rc = waiting_traceback_of(work, id, &traceback, err);
	if (rc < 0)
		return rc;
	return mt_pools_add_waiting(&census->pools, traceback, pool->class_index,
				    class->block_bytes)
		       ? 0
		       : no_memory(err);
}

/* One pool's side words: blocks begin after the header, one word at each one's start. */
static int count_pool(struct work *work, const struct mt_state_pool *pool,
		      const uint32_t *words, uint32_t *used, struct mt_error *err)
{
	const struct mt_geometry *geometry = &work->image->header.geometry;
	uint32_t size = work->census->classes[pool->class_index].block_bytes;
	bool has_quarantine = work->image->header.check_mode == MT_CHECK_DEBUG &&
			      size > geometry->alignment;
	*used = pool->inherited;
	int rc = count_inherited_blocks(work, pool, err);
	for (uint32_t at = geometry->pool_header_bytes;
	     rc == 0 && at + size <= geometry->pool_bytes; at += size) {
		uint32_t word = words[at / geometry->alignment];
		uint32_t waiting = has_quarantine ? words[at / geometry->alignment +
							  MT_DEBUG_WAITING_GRANULE]
						  : 0;
		uint32_t slack = word & MT_SLACK_MASK;
		bool is_live = word && slack <= size;
		if (!is_live && !waiting)
			continue;
		++*used;
		rc = is_live ? count_small(work, pool, word >> MT_SLACK_BITS, slack, err)
			     : count_waiting(work, pool, waiting >> MT_SLACK_BITS, err);
	}
	return rc;
}

static bool has_blocks(const struct work *work, const struct mt_state_pool *pool)
{
	return (pool->state == MT_POOL_USED || pool->state == MT_POOL_FULL) &&
	       pool->class_index < work->census->class_count;
}

/*
 * A pool of the heap and its arena; words: NULL where it has no blocks. One without used
 * blocks that its thread has not put back is as free as the others.
 */
static int count_place(struct work *work, const struct mt_state_pool *pool,
		       uint64_t index, const uint32_t *words, struct mt_error *err)
{
	struct mt_census *census = work->census;
	uint32_t used = 0;
	if (pool->state == MT_POOL_NONE || pool->state > MT_POOL_FULL ||
	    pool->class_index >= census->class_count)
		return 0;
	if (work->arena != index / MT_POOLS_PER_ARENA + 1) {
		work->arena = index / MT_POOLS_PER_ARENA + 1;
		census->arenas.current++;
		census->arenas.free_pools += MT_POOLS_PER_ARENA;
	}
	if (census->has_places && !mt_pools_begin_pool(&census->pools, (uint32_t)index))
		return no_memory(err);
	int rc = words ? count_pool(work, pool, words, &used, err) : 0;
	if (rc == 0 && census->has_places &&
	    !mt_pools_end_pool(&census->pools, pool, used))
		return no_memory(err);
	if (used) {
		census->classes[pool->class_index].pools++;
		census->arenas.free_pools--;
	}
	return rc;
}

/* Pools first ... first + count - 1; runs of those with blocks are read at once. */
static int count_pools(struct work *work, const struct mt_state_pool *pools,
		       uint64_t first, size_t count, uint32_t *words,
		       struct mt_error *err)
{
	const struct mt_geometry *geometry = &work->image->header.geometry;
	size_t words_per_pool = geometry->pool_bytes / geometry->alignment;
	size_t most = SIDE_BATCH_WORDS / words_per_pool;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < count;) {
		size_t run = 0;
		while (run < most && i + run < count && has_blocks(work, &pools[i + run]))
			run++;
		size_t got = mt_image_read(work->image, MT_REGION_SIDE, sizeof *words,
					   (first + i) * words_per_pool,
					   run * words_per_pool, words);
		for (size_t k = 0; rc == 0 && k < got / words_per_pool; k++)
			rc = count_place(work, &pools[i + k], first + i + k,
					 words + k * words_per_pool, err);
		for (i += run; rc == 0 && i < count && !has_blocks(work, &pools[i]); i++)
			rc = count_place(work, &pools[i], first + i, NULL, err);
	}
	return rc;
}

/* What the pools say is what the numbers of arenas are made of, so that all add up. */
static void settle_arenas(struct mt_record_arenas *arenas)
{
	if (arenas->allocated_total < arenas->current)
		arenas->allocated_total = arenas->current;
	arenas->reclaimed = arenas->allocated_total - arenas->current;
	if (arenas->highwater < arenas->current)
		arenas->highwater = arenas->current;
}

static int count_heap(struct work *work, struct mt_error *err)
{
	const struct mt_image *image = work->image;
	struct mt_state_pool pools[POOL_BATCH];
	uint32_t *words = malloc(SIDE_BATCH_WORDS * sizeof *words);
	if (!words)
		return no_memory(err);
	uint64_t used = mt_image_clamp(image, MT_REGION_POOLS, sizeof pools[0],
				       image->header.used.pools);
	int rc = 0;
	for (uint64_t first = 0; rc == 0 && first < used; first += POOL_BATCH) {
		size_t got = mt_image_read(image, MT_REGION_POOLS, sizeof pools[0], first,
					   least(used - first, POOL_BATCH), pools);
		rc = count_pools(work, pools, first, got, words, err);
	}
	free(words);
	settle_arenas(&work->census->arenas);
	if (rc == 0 && work->census->has_places &&
	    !mt_pools_end_heap(&work->census->pools))
		return no_memory(err);
	return rc;
}

/* Blocks of the C library have no class of ours; by size they fall into one. */
static uint8_t class_of(const struct work *work, const struct mt_state_block *block)
{
	const struct mt_geometry *geometry = &work->image->header.geometry;
	bool is_any_size =
		block->kind == MT_BLOCK_LIBC || block->kind == MT_BLOCK_GUARDED;
	if (!is_any_size || !block->size || block->size > geometry->threshold)
		return MT_CLASS_LARGE;
	return (uint8_t)((block->size - 1) / geometry->alignment);
}

/* A block with the C library, or with pages of its own. */
static bool place_block(struct mt_census *census, const struct mt_state_block *block,
			struct mt_beneath_chunk chunk, uint8_t class)
{
	return mt_pools_add_large(&census->pools, chunk.traceback, block->size,
				  chunk.bytes) &&
	       mt_pools_add_border(&census->pools, chunk.traceback, class, block->size) &&
	       (block->kind == MT_BLOCK_GUARDED ||
		mt_beneath_add(&census->beneath, chunk));
}

/* One of the C library's that was freed, but is in the quarantine. */
static int count_waiting_block(struct work *work, struct mt_state_block block,
			       uint32_t traceback, struct mt_error *err)
{
	struct mt_census *census = work->census;
	if (!census->has_places)
		return 0;
	block.kind &= ~(uint32_t)MT_BLOCK_WAITING & 0xff;
	struct mt_beneath_chunk chunk = mt_beneath_chunk_of(&block, &work->image->header);
	chunk.traceback = traceback;
	return mt_pools_add_waiting(&census->pools, traceback, MT_CLASS_LARGE,
				    chunk.bytes) &&
			       mt_beneath_add(&census->beneath, chunk)
		       ? 0
		       : no_memory(err);
}

static void add_to_sums(struct mt_record_arenas *sums, const struct mt_state_block *block,
			uint64_t block_bytes)
{
	bool is_guarded = block->kind == MT_BLOCK_GUARDED;
	*(is_guarded ? &sums->guarded_blocks : &sums->large_blocks) += 1;
	*(is_guarded ? &sums->guarded_bytes : &sums->large_bytes) += block->size;
	*(is_guarded ? &sums->guarded_block_bytes : &sums->large_block_bytes) +=
		block_bytes;
}

static int count_block(struct work *work, const struct mt_state_block *block,
		       struct mt_error *err)
{
	uint32_t traceback = 0;
	int rc = traceback_of(work, block->traceback, &traceback, err);
	if (rc < 0)
		return rc;
	if (block->kind & MT_BLOCK_WAITING)
		return count_waiting_block(work, *block, traceback, err);
	uint8_t class = class_of(work, block);
	if (block->kind != MT_BLOCK_TRACKED) {
		struct mt_census *census = work->census;
		struct mt_beneath_chunk chunk =
			mt_beneath_chunk_of(block, &work->image->header);
		chunk.traceback = traceback;
		add_to_sums(&census->arenas, block, chunk.bytes);
		if (census->has_places && !place_block(census, block, chunk, class))
			return no_memory(err);
	}
	if (!mt_cells_add(&work->census->cells,
			  mt_cell_key(traceback, block->slot, class), block->size))
		return no_memory(err);
	return 0;
}

static int count_blocks(struct work *work, struct mt_error *err)
{
	const struct mt_image *image = work->image;
	struct mt_state_block *blocks = malloc(BLOCK_BATCH * sizeof *blocks);
	if (!blocks)
		return no_memory(err);
	uint64_t used = mt_image_clamp(image, MT_REGION_BLOCKS, sizeof *blocks,
				       image->header.used.blocks);
	int rc = 0;
	for (uint64_t first = 0; rc == 0 && first < used; first += BLOCK_BATCH) {
		size_t got = mt_image_read(image, MT_REGION_BLOCKS, sizeof *blocks, first,
					   least(used - first, BLOCK_BATCH), blocks);
		for (size_t i = 0; rc == 0 && i < got; i++)
			if (blocks[i].traceback)
				rc = count_block(work, &blocks[i], err);
	}
	free(blocks);
	return rc;
}

/*
 * What a forked child got from its parent. It was live at every moment since, so what is
 * still live belonged to the peak too.
 */
static int count_inherited(struct work *work, struct mt_error *err)
{
	const struct mt_state_header *header = &work->image->header;
	if (!header->arenas.inherited_total_count)
		return 0;
	uint32_t traceback = 0;
	int rc = mt_dictionary_root(work->dictionary, MT_TRACEBACK_INHERITED, &traceback,
				    err);
	if (rc < 0)
		return rc;
	if (!mt_census_prepare(work->census, traceback))
		return no_memory(err);
	struct mt_record_counter *row = &work->census->rows[traceback];
	row->alloc_count += header->arenas.inherited_total_count;
	row->alloc_bytes += header->arenas.inherited_total_bytes;
	row->live_count += (int64_t)header->arenas.inherited_count;
	row->live_bytes += (int64_t)header->arenas.inherited_bytes;
	row->peak_count += (int64_t)header->arenas.inherited_count;
	row->peak_bytes += (int64_t)header->arenas.inherited_bytes;
	return 0;
}

/*
 * With threads, each counter kept its peak when its own thread learned of it, so the rows
 * belong to slightly different moments: none may be below zero for that, and the peak
 * cannot be below what is live now.
 */
static void reconcile_peak(struct mt_census *census)
{
	int64_t live_bytes = 0, peak_bytes = 0;
	for (size_t i = 1; i < census->row_count; i++) {
		struct mt_record_counter *row = &census->rows[i];
		if (row->peak_count < 0 || row->peak_bytes < 0)
			row->peak_count = row->peak_bytes = 0;
		live_bytes += row->live_bytes;
		peak_bytes += row->peak_bytes;
	}
	for (size_t i = 1; live_bytes > peak_bytes && i < census->row_count; i++) {
		census->rows[i].peak_count = census->rows[i].live_count;
		census->rows[i].peak_bytes = census->rows[i].live_bytes;
	}
}

/* All but the memory of the rows, which are zero again. */
static void forget(struct mt_census *census)
{
	struct mt_record_counter *rows = census->rows;
	size_t count = census->row_count, used = census->rows_used;
	census->rows = NULL;
	mt_census_deinit(census);
	for (size_t i = 0; i < used; i++)
		rows[i] = (struct mt_record_counter){.traceback = (uint32_t)i};
	census->rows = rows;
	census->row_count = count;
}

static void begin(struct mt_census *census, const struct mt_image *image)
{
	const struct mt_state_header *header = &image->header;
	forget(census);
	census->class_count = header->geometry.class_count;
	for (uint32_t i = 0; i < census->class_count; i++)
		census->classes[i] = (struct mt_record_class){
			.index = (uint8_t)i,
			.block_bytes = (i + 1) * header->geometry.alignment};
	census->arenas = (struct mt_record_arenas){.allocated_total =
							   header->arenas.allocated_total,
						   .highwater = header->arenas.highwater};
	mt_pools_begin(&census->pools, &header->geometry,
		       header->malloc_mode == MT_MALLOC_PYMALLOC &&
			       header->check_mode == MT_CHECK_NONE);
}

int mt_census_take(struct mt_census *census, const struct mt_image *image,
		   struct mt_dictionary *dictionary, bool with_places,
		   struct mt_error *err)
{
	struct work work = {.census = census,
			    .image = image,
			    .dictionary = dictionary,
			    .known_count = mt_image_clamp(image, MT_REGION_TRACEBACKS,
							  sizeof(mt_node_id),
							  image->header.used.tracebacks)};
	begin(census, image);
	census->has_places = with_places;
	census->has_inherited = image->header.arenas.inherited_total_count != 0;
	work.known = calloc(work.known_count + 1, sizeof *work.known);
	if (!work.known || !mt_census_prepare(census, mt_dictionary_count(dictionary))) {
		free(work.known);
		return no_memory(err);
	}
	int rc = count_counters(&work, err);
	if (rc == 0)
		rc = count_heap(&work, err);
	if (rc == 0)
		rc = count_blocks(&work, err);
	if (rc == 0)
		rc = count_inherited(&work, err);
	census->rows_used = census->row_count;
	reconcile_peak(census);
	mt_cells_sort(&census->cells);
	free(work.known);
	return rc;
}

void mt_census_drop_places(struct mt_census *census)
{
	mt_pools_deinit(&census->pools);
	mt_beneath_deinit(&census->beneath);
	census->has_places = false;
}

void mt_census_deinit(struct mt_census *census)
{
	free(census->rows);
	mt_cells_deinit(&census->cells);
	mt_census_drop_places(census);
	*census = (struct mt_census){0};
}
