/*
 * heap-scan-read.c - see heap-scan-read.h. Outside.
 *
 * Blocks are read in the order of their numbers, so that the graph's edges come in order;
 * those that lie together are read at once.
 */
#include "tracer/collect/heap-scan-read.h"

#include "tracer/collect/room.h"

#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_BYTES = 256 << 10,
	WORD = 8,
	CACHE_PAGES = 256, /* of blocks that are pointed into; a power of two */
	PAGE = MT_MEMORY_PAGE_BYTES,
	/* Where the C++ runtime's and CPython's pointers lead. */
	ARRAY_COOKIE_BYTES = 8,
	STRING_HEAD_BYTES = 24,
	PYTHON_HEAD_BYTES = 16,
	TREE_NODE_BYTES = 24, /* of tsearch; the lowest bit of its pointers is a colour */
};

struct page {
	uint64_t address;
	bool is_known;
	uint8_t data[PAGE];
};

struct reading {
	struct mt_heap_scan *scan;
	uint32_t python;
	bool failed; /* no memory */

	uint64_t window, window_end; /* what is in data */
	uint8_t *data;
	struct page *pages;

	/* The block under way. */
	uint32_t block;
	uint64_t address, size;
	size_t edges_most;     /* in all blocks */
	uint64_t pointers;     /* in it */
	uint64_t hash, hashed; /* as far as it went */
	bool is_zero, has_contents;
	size_t special; /* the next of roots.blocks */
	const struct mt_root_range *range;
	bool is_of_libc, is_of_loader; /* the range: their data */
};

/* Whether a block begins as a C++ object does. */
enum beginning {
	BEGINNING_UNKNOWN = 0,
	BEGINNING_OTHER = 1,
	BEGINNING_OBJECT = 2,
};

/* A word of any block. */
static uint64_t peek(struct reading *r, uint64_t address)
{
	struct page *page = &r->pages[address / PAGE % CACHE_PAGES];
	uint64_t start = address & -(uint64_t)PAGE, word;
	if (!page->is_known || page->address != start) {
		page->address = start;
		page->is_known =
			mt_memory_read(&r->scan->memory, start, page->data, PAGE);
		if (!page->is_known)
			return 0;
	}
	memcpy(&word, page->data + ((address - start) & -(uint64_t)WORD), sizeof word);
	return word;
}

static bool is_object(struct reading *r, uint32_t block, uint64_t start)
{
	uint8_t *place = &r->scan->begins[block / 4];
	unsigned shift = block % 4 * 2;
	if ((*place >> shift & 3) == BEGINNING_UNKNOWN) {
		bool is = mt_contents_is_vtable(&r->scan->contents, peek(r, start));
		*place |= (uint8_t)((is ? BEGINNING_OBJECT : BEGINNING_OTHER) << shift);
	}
	return (*place >> shift & 3) == BEGINNING_OBJECT;
}

/*
 * A pointer into the middle that is as good as one to the beginning, as it is the only
 * one that the program keeps: to the elements of a new[] behind their number, which may
 * be none (or, the same, to what SQLite puts behind its size), to the characters of an old std::string, to
 * a base that is not the first, to an object of CPython behind what its collector needs,
 * and to a red node of tsearch.
 */
static bool is_ordinary(struct reading *r, uint32_t block, uint64_t address,
			uint64_t offset, uint64_t size)
{
	uint64_t start = address - offset;
	if (r->python == MT_PYTHON_OURS && offset < size &&
	    (offset == PYTHON_HEAD_BYTES || offset == 2 * PYTHON_HEAD_BYTES))
		return true;
	if (offset == 1 && size == TREE_NODE_BYTES)
		return true;
	if (offset == ARRAY_COOKIE_BYTES) {
		uint64_t count = peek(r, start), rest = size - offset;
		if (rest ? count && count <= size && rest % count == 0 : !count)
			return true;
	}
	if (offset == STRING_HEAD_BYTES) {
		uint64_t length = peek(r, start), room = peek(r, start + WORD);
		if (length <= room && room + offset + 1 == size)
			return true;
	}
	return offset % WORD == 0 && offset + WORD <= size &&
	       is_object(r, block, start) &&
	       mt_contents_is_vtable(&r->scan->contents, peek(r, address));
}

static uint64_t size_of(const struct mt_heap_scan *scan, uint32_t block, uint64_t address)
{
	const struct mt_live *heap = &scan->live;
	if (!mt_live_is_small(heap, block))
		return mt_live_block(heap, block).size;
	const struct mt_live_pool *pool =
		&heap->pools[(address - heap->base) >> heap->pool_shift];
	uint32_t slack = heap->words[block - heap->small_first] & MT_SLACK_MASK;
	return (pool->class_index + 1u) * heap->geometry.alignment - slack;
}

/* The target of an edge for the word; MT_LIVE_NONE: it leads nowhere. */
static uint32_t target_of(struct reading *r, uint64_t word)
{
	uint64_t offset = 0;
	if (!mt_live_may_hold(&r->scan->live, word))
		return MT_LIVE_NONE;
	uint32_t block = mt_live_find(&r->scan->live, word, &offset);
	if (block == MT_LIVE_NONE || !offset)
		return block;
	uint64_t size = size_of(r->scan, block, word);
	return is_ordinary(r, block, word, offset, size) ? block
							 : block | MT_GRAPH_INTERIOR;
}

/* For one more. */
static bool reserve_edges(struct reading *r)
{
	struct mt_heap_scan *scan = r->scan;
	size_t targets_room, offsets_room;
	void *targets = mt_room_grow(scan->targets, scan->edge_count, r->edges_most,
				     sizeof *scan->targets, &targets_room);
	scan->targets = targets ? targets : scan->targets;
	void *offsets = mt_room_grow(scan->offsets, scan->edge_count, r->edges_most,
				     sizeof *scan->offsets, &offsets_room);
	scan->offsets = offsets ? offsets : scan->offsets;
	if (!targets || !offsets)
		return false;
	scan->edge_capacity = targets_room < offsets_room ? targets_room : offsets_room;
	return true;
}

/* Of the edge that comes next, if it does not follow from the last one that is kept. */
static bool add_far(struct mt_heap_scan *scan, uint64_t words)
{
	uint32_t edge = (uint32_t)scan->edge_count;
	const struct mt_heap_scan_far *last =
		scan->far_count ? &scan->far[scan->far_count - 1] : NULL;
	if (last && words - last->words == edge - last->edge)
		return true;
	if (scan->far_count == scan->far_capacity) {
		void *far = mt_room_grow(scan->far, scan->far_count, INT32_MAX,
					 sizeof *scan->far, &scan->far_capacity);
		if (!far)
			return false;
		scan->far = far;
	}
	scan->far[scan->far_count++] =
		(struct mt_heap_scan_far){.edge = edge, .words = (uint32_t)words};
	return true;
}

/* A block's pointers into its own middle, as those of short strings, are no edges. */
static void add_edge(struct reading *r, uint32_t target, uint64_t offset)
{
	struct mt_heap_scan *scan = r->scan;
	if (target == r->block)
		scan->names_itself[target / 8] |= (uint8_t)(1u << target % 8);
	if (target == (r->block | MT_GRAPH_INTERIOR) || r->failed)
		return;
	if (scan->edge_count == scan->edge_capacity && !reserve_edges(r)) {
		r->failed = true;
		return;
	}
	scan->targets[scan->edge_count] = target;
	bool is_far = offset / WORD >= MT_SCAN_FAR;
	if (is_far && !add_far(scan, offset / WORD)) {
		r->failed = true;
		return;
	}
	scan->offsets[scan->edge_count++] =
		is_far ? MT_SCAN_FAR : (uint16_t)(offset / WORD);
	r->pointers++;
}

bool mt_heap_scan_add_root(struct mt_heap_scan *scan, uint32_t target,
			   struct mt_heap_scan_root place)
{
	if (scan->root_count == scan->root_capacity) {
		size_t capacity = scan->root_capacity * 2 + 4096;
		void *targets =
			reallocarray(scan->root_targets, capacity, sizeof(uint32_t));
		scan->root_targets = targets ? targets : scan->root_targets;
		void *places = reallocarray(scan->root_places, capacity, sizeof place);
		scan->root_places = places ? places : scan->root_places;
		if (!targets || !places || capacity > INT32_MAX)
			return false;
		scan->root_capacity = capacity;
	}
	scan->root_targets[scan->root_count] = target;
	scan->root_places[scan->root_count++] = place;
	return true;
}

static void add_root(struct reading *r, uint32_t target, struct mt_heap_scan_root place)
{
	if (!mt_heap_scan_add_root(r->scan, target, place))
		r->failed = true;
}

/* Whole words of the block under way, from offset on. */
static void read_words(struct reading *r, uint64_t offset, const uint8_t *data,
		       size_t size)
{
	uint64_t any = 0, word;
	for (size_t i = 0; i + WORD <= size; i += WORD) {
		memcpy(&word, data + i, sizeof word);
		any |= word;
		uint32_t target = target_of(r, word);
		if (target != MT_LIVE_NONE)
			add_edge(r, target, offset + i);
	}
	for (size_t i = size & -(size_t)WORD; i < size; i++)
		any |= data[i];
	r->is_zero &= !any;
}

static void begin_block(struct reading *r, uint32_t block, uint64_t address,
			uint64_t size)
{
	r->scan->first[block] = (uint32_t)r->scan->edge_count;
	r->block = block;
	r->address = address;
	r->size = size;
	r->pointers = r->hash = r->hashed = 0;
	r->is_zero = true;
	r->has_contents = false;
}

static void hash_more(struct reading *r, uint64_t offset, const uint8_t *data,
		      size_t size)
{
	if (!r->scan->hashes)
		return;
	r->hash = mt_contents_hash_zeroes(r->hash, offset - r->hashed);
	r->hash = mt_contents_hash(r->hash, data, size);
	r->hashed = offset + size;
}

static void keep_beginning(struct reading *r, uint32_t block, const uint8_t *data,
			   uint64_t size)
{
	struct mt_heap_scan *scan = r->scan;
	if (!scan->beginnings || block % scan->beginnings_step)
		return;
	struct mt_heap_scan_beginning *kept =
		&scan->beginnings[block / scan->beginnings_step];
	kept->size = size < MT_CONTENTS_BYTES ? (uint8_t)size : MT_CONTENTS_BYTES;
	memcpy(kept->bytes, data, kept->size);
}

/* Whether the block's words are ranges, and read as such. */
static bool is_of_ranges(struct reading *r, uint32_t block)
{
	const struct mt_root_set *roots = &r->scan->roots;
	while (r->special < roots->block_count && roots->blocks[r->special].block < block)
		r->special++;
	for (size_t i = r->special;
	     i < roots->block_count && roots->blocks[i].block == block; i++)
		if (!roots->blocks[i].is_stack)
			return true;
	return false;
}

/* Of one that was read as a whole. */
static void read_block(struct reading *r, uint32_t block, uint64_t address,
		       const uint8_t *data, uint64_t size)
{
	struct mt_heap_scan *scan = r->scan;
	begin_block(r, block, address, size);
	/* What is passed over may be anything. */
	r->is_zero = !is_of_ranges(r, block);
	if (r->is_zero)
		read_words(r, 0, data, size);
	scan->words[block] = mt_contents_of(&scan->contents, data, size, size,
					    r->pointers, r->is_zero && size);
	if (scan->hashes)
		scan->hashes[block] = mt_contents_hash(size, data, size);
	keep_beginning(r, block, data, size);
	scan->sums.heap_bytes += size;
}

/* Bytes from address on, read with what follows them up to end; NULL: not all there. */
static const uint8_t *view(struct reading *r, uint64_t address, uint64_t size,
			   uint64_t end)
{
	if (address < r->window || address + size > r->window_end) {
		size_t most = end - address < WINDOW_BYTES ? (size_t)(end - address)
							   : WINDOW_BYTES;
		r->window = address;
		r->window_end = address + mt_memory_read_some(&r->scan->memory, address,
							      r->data, most);
	}
	if (address + size <= r->window_end)
		return r->data + (address - r->window);
	r->scan->memory.unreadable += size;
	return NULL;
}

/* The part of a large block that visit_range has. */
static void visit_block(void *context, uint64_t address, const uint8_t *data, size_t size)
{
	struct reading *r = context;
	uint64_t offset = address - r->address;
	if (size > r->size - offset)
		size = r->size - offset;
	if (!r->has_contents && !offset)
		r->scan->words[r->block] =
			mt_contents_of(&r->scan->contents, data,
				       size < PAGE ? size : PAGE, r->size, 0, false);
	if (!offset)
		keep_beginning(r, r->block, data, size);
	r->has_contents |= !offset;
	hash_more(r, offset, data, size);
	if (is_of_ranges(r, r->block)) {
		r->is_zero = false;
		return;
	}
	read_words(r, offset, data, size);
}

/* Of more than a window: only what was ever touched. */
static void read_huge_block(struct reading *r, uint32_t block, uint64_t address,
			    uint64_t size)
{
	struct mt_heap_scan *scan = r->scan;
	begin_block(r, block, address, size);
	scan->words[block] = 0;
	mt_memory_visit_range(&scan->memory, address,
			      address + ((size + WORD - 1) & -(uint64_t)WORD),
			      MT_MEMORY_TOUCHED, visit_block, r);
	if (r->is_zero)
		scan->words[block] = (uint32_t)MT_CONTENT_ZEROES << MT_CONTENTS_SHIFT;
	else if (scan->words[block] >> MT_CONTENTS_SHIFT == MT_CONTENT_DATA &&
		 r->pointers * 16 >= size)
		scan->words[block] = (uint32_t)MT_CONTENT_POINTERS << MT_CONTENTS_SHIFT;
	if (scan->hashes)
		scan->hashes[block] =
			mt_contents_hash_zeroes(r->hash,
						size > r->hashed ? size - r->hashed : 0) +
			size;
	scan->sums.heap_bytes += size;
}

static void read_large(struct reading *r, uint32_t cluster_index)
{
	const struct mt_live *heap = &r->scan->live;
	const struct mt_live_cluster *cluster = &heap->clusters[cluster_index];
	for (uint32_t i = 0; i < cluster->count; i++) {
		uint32_t index = cluster->first + i;
		uint64_t address = heap->large[index].address;
		uint32_t block = address < heap->base ? index : index + heap->small_count;
		uint64_t size = mt_live_block(heap, block).size;
		const uint8_t *data = NULL;
		if (size > WINDOW_BYTES / 2) {
			read_huge_block(r, block, address, size);
			continue;
		}
		data = view(r, address, size, cluster->end);
		if (data) {
			read_block(r, block, address, data, size);
			continue;
		}
		begin_block(r, block, address, size);
		r->scan->words[block] = 0;
	}
}

/*
 * A block that may be free, or one that is live and was never recorded: its pointers
 * count, and nothing is said of itself.
 */
static void read_unknown(struct reading *r, const uint8_t *data, uint64_t address,
			 uint32_t size)
{
	uint64_t word;
	for (uint32_t i = 0; i + WORD <= size; i += WORD) {
		memcpy(&word, data + i, sizeof word);
		uint32_t target = target_of(r, word);
		if (target != MT_LIVE_NONE)
			add_root(r, target,
				 (struct mt_heap_scan_root){.address = address + i});
	}
}

/* What its words lead to may be far apart in our tables: all of it is asked for at once. */
static void expect_words(const struct reading *r, const uint8_t *data, size_t size)
{
	uint64_t word;
	for (size_t i = 0; i + WORD <= size; i += WORD) {
		memcpy(&word, data + i, sizeof word);
		if (mt_live_may_hold(&r->scan->live, word))
			mt_live_prefetch(&r->scan->live, word);
	}
}

static void read_pool(struct reading *r, uint32_t index)
{
	const struct mt_live *heap = &r->scan->live;
	const struct mt_live_pool *pool = &heap->pools[index];
	const uint64_t *live = &heap->live[(size_t)index * heap->granules / 64];
	uint32_t size = (pool->class_index + 1u) * heap->geometry.alignment;
	uint64_t start = heap->base + ((uint64_t)index << heap->pool_shift);
	/* No block reaches into the last bytes of a pool where there is a lead. */
	uint32_t bytes = heap->geometry.pool_bytes - heap->lead;
	uint64_t end = heap->base - heap->lead +
		       ((uint64_t)heap->pool_count << heap->pool_shift);
	const uint8_t *data = view(r, start, bytes, end);
	uint32_t block = pool->first;
	if (data)
		expect_words(r, data, bytes);
	for (uint32_t at = heap->geometry.pool_header_bytes;
	     at + size <= heap->geometry.pool_bytes; at += size) {
		uint32_t granule = at / heap->geometry.alignment;
		if (!(live[granule / 64] >> granule % 64 & 1)) {
			if (pool->has_unknown && data)
				read_unknown(r, data + at, start + at, size - heap->lead);
			continue;
		}
		uint32_t slack = heap->words[block - heap->small_first] & MT_SLACK_MASK;
		if (data) {
			read_block(r, block, start + at, data + at, size - slack);
		} else {
			begin_block(r, block, start + at, size - slack);
			r->scan->words[block] = 0;
		}
		block++;
	}
}

static void read_heap(struct reading *r)
{
	const struct mt_live *heap = &r->scan->live;
	uint32_t cluster = 0;
	for (;
	     cluster < heap->cluster_count && heap->clusters[cluster].start < heap->base;
	     cluster++)
		read_large(r, cluster);
	for (uint32_t i = 0; i < heap->pool_count; i++)
		if (heap->pools[i].live_count ||
		    (heap->pools[i].is_used && heap->pools[i].has_unknown))
			read_pool(r, i);
	for (; cluster < heap->cluster_count; cluster++)
		read_large(r, cluster);
	r->scan->first[heap->count] = (uint32_t)r->scan->edge_count;
}

/*
 * The C library's allocator has pointers to chunks, which begin within the last words of
 * the block before, or, where that has no bytes, at it; the other pointers of its data lead
 * to beginnings of more.
 */
static bool may_be_of_chunk(const struct reading *r, uint32_t target)
{
	return mt_graph_is_interior(target) ||
	       mt_live_block(&r->scan->live, target).size == 0;
}

/*
 * In a thread's struct and in the tables that hang there the C library's pointers into the
 * middle are as good as others; so are the loader's, which aligns what it got to lines of
 * the cache.
 */
static void visit_root(void *context, uint64_t address, const uint8_t *data, size_t size)
{
	struct reading *r = context;
	uint64_t word;
	r->scan->sums.root_bytes += size;
	for (size_t i = 0; i + WORD <= size; i += WORD) {
		memcpy(&word, data + i, sizeof word);
		uint32_t target = target_of(r, word);
		if (target == MT_LIVE_NONE ||
		    (r->is_of_libc && may_be_of_chunk(r, target)))
			continue;
		if (r->range->kind == MT_HELD_LIBC || r->is_of_loader)
			target = mt_graph_target(target);
		add_root(r, target, (struct mt_heap_scan_root){.address = address + i});
	}
}

static void begin_range(struct reading *r, const struct mt_root_range *range)
{
	const struct mt_object *object = mt_objects_at(&r->scan->objects, range->start);
	r->range = range;
	r->is_of_libc = object && object->is_libc;
	r->is_of_loader = object && object->flags & MT_MODULE_LOADER;
}

static void read_registers(struct reading *r, size_t index)
{
	const struct mt_stop_thread *thread = &r->scan->stop.threads[index];
	for (uint32_t i = 0; i < MT_STOP_REGISTERS && thread->is_known; i++) {
		if (i == MT_STOP_SP || i == MT_STOP_PC)
			continue;
		uint32_t target = target_of(r, thread->registers[i]);
		if (target != MT_LIVE_NONE)
			add_root(r, target,
				 (struct mt_heap_scan_root){.address = i,
							    .thread = (uint32_t)index + 1,
							    .is_register = true});
	}
}

static void read_roots(struct reading *r)
{
	struct mt_heap_scan *scan = r->scan;
	r->block = MT_LIVE_NONE;
	for (size_t i = 0; i < scan->roots.count; i++) {
		begin_range(r, &scan->roots.list[i]);
		mt_memory_visit_range(&scan->memory, r->range->start, r->range->end,
				      r->range->pages, visit_root, r);
	}
	for (size_t i = 0; i < scan->roots.block_count; i++) {
		const struct mt_root_block *own = &scan->roots.blocks[i];
		if (own->is_stack)
			add_root(r, own->block,
				 (struct mt_heap_scan_root){
					 .address = own->from,
					 .thread = (uint32_t)own->thread + 1});
	}
	for (size_t i = 0; i < scan->stop.count; i++)
		read_registers(r, i);
}

/* The tables by block. */
static bool take_tables(struct mt_heap_scan *scan, uint32_t blocks, uint32_t wishes)
{
	size_t count = (size_t)blocks + 1;
	mt_heap_scan_free_tables(scan);
	scan->room_blocks = blocks;
	scan->first = mt_room_take(count * sizeof *scan->first);
	scan->words = mt_room_take(count * sizeof *scan->words);
	scan->names_itself = mt_room_take(count / 8 + 1);
	scan->begins = mt_room_take(count / 4 + 1);
	bool has_room = scan->first && scan->words && scan->names_itself && scan->begins;
	if (wishes & MT_SNAPSHOT_WITH_HASHES) {
		scan->hashes = mt_room_take(count * sizeof *scan->hashes);
		has_room &= scan->hashes != NULL;
	}
	if (wishes & MT_SNAPSHOT_WITH_CONTENTS) {
		uint32_t most = blocks > MT_SCAN_BLOCKS_MAX ? MT_SCAN_BEGINNINGS_MAX / 2
							    : MT_SCAN_BEGINNINGS_MAX;
		scan->beginnings_step = blocks / most + 1;
		size_t kept = blocks / scan->beginnings_step + 1;
		scan->beginnings = mt_room_take(kept * sizeof *scan->beginnings);
		has_room &= scan->beginnings != NULL;
	}
	return has_room;
}

void mt_heap_scan_free_tables(struct mt_heap_scan *scan)
{
	mt_room_free(scan->first);
	mt_room_free(scan->words);
	mt_room_free(scan->names_itself);
	mt_room_free(scan->begins);
	mt_room_free(scan->hashes);
	mt_room_free(scan->beginnings);
	scan->first = scan->words = NULL;
	scan->names_itself = scan->begins = NULL;
	scan->hashes = NULL;
	scan->beginnings = NULL;
}

static size_t most_edges(uint64_t heap_bytes)
{
	uint64_t words = heap_bytes / WORD + 1;
	return words < INT32_MAX ? (size_t)words : INT32_MAX;
}

/* Two pointers in a block, one in 64 bytes: whichever is less. */
static void take_edges(struct mt_heap_scan *scan, const struct mt_live_estimate *estimate)
{
	size_t likely = (size_t)estimate->blocks * 2;
	size_t most = most_edges(estimate->bytes);
	if (likely > estimate->bytes / 64)
		likely = (size_t)(estimate->bytes / 64);
	scan->targets = mt_room_prepare(likely, most, sizeof *scan->targets);
	scan->offsets = mt_room_prepare(likely, most, sizeof *scan->offsets);
}

bool mt_heap_scan_prepare(struct mt_heap_scan *scan,
			  const struct mt_live_estimate *estimate, uint32_t wishes)
{
	take_edges(scan, estimate);
	return take_tables(scan, estimate->blocks, wishes);
}

static bool make_room(struct mt_heap_scan *scan, struct reading *r, uint32_t wishes)
{
	uint32_t count = scan->live.count;
	r->edges_most = most_edges(mt_live_bytes(&scan->live));
	r->data = malloc(WINDOW_BYTES);
	r->pages = calloc(CACHE_PAGES, sizeof *r->pages);
	return r->data && r->pages &&
	       (count <= scan->room_blocks || take_tables(scan, count, wishes));
}

int mt_heap_scan_read(struct mt_heap_scan *scan, uint32_t python, uint32_t wishes,
		      struct mt_error *err)
{
	struct reading r = {.scan = scan, .python = python};
	scan->contents = (struct mt_contents){.memory = &scan->memory,
					      .mappings = &scan->mappings};
	r.failed = !make_room(scan, &r, wishes);
	if (!r.failed) {
		read_heap(&r);
		read_roots(&r);
	}
	free(r.data);
	free(r.pages);
	mt_room_free(scan->begins);
	scan->begins = NULL;
	scan->sums.unreadable_bytes = scan->memory.unreadable;
	scan->graph = (struct mt_graph){.node_count = scan->live.count,
					.root_count = (uint32_t)scan->root_count,
					.first = scan->first,
					.targets = scan->targets,
					.names_itself = scan->names_itself,
					.roots = scan->root_targets};
	return r.failed ? mt_fail(err, MT_ERR_NO_MEMORY, "out of memory") : 0;
}
