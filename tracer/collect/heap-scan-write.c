/*
 * heap-scan-write.c - what a scan has found, as records; see heap-scan.h. Outside.
 */
#include "tracer/collect/heap-scan.h"

#include "formats/writer.h"
#include "tracer/collect/bits.h"
#include "tracer/collect/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EDGES_MAX = 1 << 20,
	SAMPLE_BLOCKS = 1 << 20, /* of the reachable ones, where they are too many */
};

struct writing {
	struct mt_heap_scan *scan;
	struct mt_writer *writer;
	struct mt_dictionary *dictionary;
	uint64_t *chosen;     /* by block, a bit: it has a record; NULL: all have */
	uint32_t *ranks;      /* by word of chosen: how many in the words before */
	uint32_t *sources;    /* by block: that holds it, if a block does */
	uint32_t *references; /* by id: pointers to the block, of those with a record */
	struct mt_frames *frames;
	size_t walked;    /* index + 1 of the thread that they are of */
	bool is_counting; /* edges are to be counted, not written */
};

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

static bool is_chosen(const struct writing *w, uint32_t block)
{
	return !w->chosen || w->chosen[block / 64] >> block % 64 & 1;
}

static uint32_t id_of(const struct writing *w, uint32_t block)
{
	if (!w->chosen)
		return block + 1;
	uint64_t below = w->chosen[block / 64] & ((UINT64_C(1) << block % 64) - 1);
	return w->ranks[block / 64] + mt_count_bits(below) + 1;
}

/* By a pointer that is not among the graph's edges; NULL: by another, or by nothing. */
static const struct mt_heap_scan_root *holding_root(const struct mt_heap_scan *scan,
						    uint32_t block)
{
	uint32_t holder = scan->reach.holders[block];
	bool is_root = holder != MT_HOLDER_NONE && holder & MT_HOLDER_ROOT;
	return is_root ? &scan->root_places[holder & ~MT_HOLDER_ROOT] : NULL;
}

static bool is_held_by_root(const struct mt_heap_scan *scan, uint32_t block)
{
	const struct mt_heap_scan_root *root = holding_root(scan, block);
	return root && !root->is_in_block;
}

/* Who holds whom, in one pass over all pointers. */
static int find_sources(struct writing *w, struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	w->sources = mt_room_take((scan->live.count + 1u) * sizeof *w->sources);
	if (!w->sources)
		return no_memory(err);
	for (uint32_t i = 0; i < scan->live.count; i++) {
		const struct mt_heap_scan_root *root = holding_root(scan, i);
		if (root && root->is_in_block)
			w->sources[i] = root->block;
		for (uint32_t edge = scan->first[i]; edge < scan->first[i + 1]; edge++) {
			uint32_t target = mt_graph_target(scan->targets[edge]);
			if (scan->reach.holders[target] == edge)
				w->sources[target] = i;
		}
	}
	return 0;
}

/* A block and all that are on the way to it. */
static void select_path(struct writing *w, uint32_t block)
{
	const struct mt_heap_scan *scan = w->scan;
	while (!is_chosen(w, block)) {
		uint32_t holder = scan->reach.holders[block];
		w->chosen[block / 64] |= UINT64_C(1) << block % 64;
		if (holder == MT_HOLDER_NONE || is_held_by_root(scan, block))
			return;
		block = w->sources[block];
	}
}

/* All, or all that are not simply reachable and some of those. */
static int choose_blocks(struct writing *w, struct mt_error *err)
{
	struct mt_heap_scan *scan = w->scan;
	uint32_t count = scan->live.count;
	scan->sums.blocks = count;
	if (count <= MT_SCAN_BLOCKS_MAX)
		return 0;
	size_t words = count / 64 + 1;
	w->chosen = calloc(words, sizeof *w->chosen);
	w->ranks = calloc(words, sizeof *w->ranks);
	if (!w->chosen || !w->ranks)
		return no_memory(err);
	scan->sums.flags |= MT_SCAN_SAMPLED;
	uint32_t step = count / SAMPLE_BLOCKS + 1;
	for (uint32_t i = 0; i < count; i++)
		if (i % step == 0 || scan->reach.kinds[i] != MT_LEAK_REACHABLE)
			select_path(w, i);
	uint32_t chosen = 0;
	for (size_t i = 0; i < words; i++) {
		w->ranks[i] = chosen;
		chosen += mt_count_bits(w->chosen[i]);
	}
	scan->sums.blocks = chosen;
	return 0;
}

static void count_reference(struct writing *w, uint32_t target)
{
	uint32_t block = mt_graph_target(target);
	if (is_chosen(w, block))
		w->references[id_of(w, block)]++;
}

/* From the heap and from outside. */
static int count_references(struct writing *w, struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	w->references = mt_room_take((scan->sums.blocks + 1u) * sizeof *w->references);
	if (!w->references)
		return no_memory(err);
	for (uint32_t edge = 0; edge < scan->first[scan->live.count]; edge++)
		count_reference(w, scan->targets[edge]);
	for (size_t i = 0; i < scan->root_count; i++)
		count_reference(w, scan->root_targets[i]);
	return 0;
}

static void count_roots(struct writing *w)
{
	struct mt_heap_scan *scan = w->scan;
	for (uint32_t i = 0; i < scan->live.count; i++)
		scan->sums.roots += is_chosen(w, i) && is_held_by_root(scan, i);
}

static const struct mt_heap_scan_frame *find_frame(const struct mt_heap_scan *scan,
						   uint32_t root)
{
	size_t low = 0, high = scan->frame_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (scan->frames[middle].root < root)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scan->frame_count && scan->frames[low].root == root
		       ? &scan->frames[low]
		       : NULL;
}

static int place_frame(struct writing *w, uint32_t number, struct mt_record_root *root,
		       struct mt_error *err)
{
	const struct mt_heap_scan_frame *frame = find_frame(w->scan, number);
	if (!frame || frame->module)
		return 0;
	const struct mt_object *object =
		mt_objects_at(&w->scan->objects, frame->pc - !frame->is_innermost);
	if (root->kind == MT_HELD_STACK || root->kind == MT_HELD_ALTSTACK)
		root->offset = frame->offset;
	return mt_dictionary_frame(w->dictionary, object ? object->index : 0, frame->pc,
				   frame->is_innermost, &root->frame, err);
}

static void place_global(struct writing *w, struct mt_record_root *root)
{
	const struct mt_object *object = mt_objects_at(&w->scan->objects, root->offset);
	if (!object)
		return;
	root->module = mt_dictionary_module(w->dictionary, object->index);
	if (!root->module)
		return;
	root->offset -= object->bias;
	root->kind = object->is_libc || object->flags & MT_MODULE_LOADER ? MT_HELD_LIBC
									 : MT_HELD_GLOBAL;
}

/* Of an unknown module: by its distance from the thread pointer. */
static void place_thread_local(struct writing *w, const struct mt_root_range *range,
			       uint32_t number, struct mt_record_root *root)
{
	const struct mt_heap_scan_frame *place = find_frame(w->scan, number);
	root->module = place ? mt_dictionary_module(w->dictionary, place->module) : 0;
	root->offset =
		root->module ? place->offset : root->offset - range->thread_pointer;
}

static void describe_range(struct writing *w, const struct mt_root_range *range,
			   uint32_t number, struct mt_record_root *root)
{
	uint64_t place = root->offset;
	root->kind = range->kind;
	root->tid = range->tid;
	if (range->kind == MT_HELD_GLOBAL || range->kind == MT_HELD_MAPPING)
		place_global(w, root);
	else if (range->kind == MT_HELD_THREAD_LOCAL)
		place_thread_local(w, range, number, root);
	else if (range->kind == MT_HELD_KEY)
		root->number = (uint32_t)((place - range->start) / 16);
	else if (range->kind == MT_HELD_TRACKED)
		root->number = mt_dictionary_domain(w->dictionary, range->traceback);
}

/* In the small-object heap, or in the C library's: else that holds nothing but blocks. */
static bool is_in_unrecorded(const struct mt_heap_scan *scan,
			     const struct mt_root_range *range, uint64_t place)
{
	const struct mt_mapping *mapping = mt_mappings_find(&scan->mappings, place);
	return !range ||
	       (range->kind == MT_HELD_MAPPING && scan->live.has_unknown && mapping &&
		!strcmp(mt_mappings_name(&scan->mappings, mapping), "[heap]"));
}

static int describe_root(struct writing *w, uint32_t number, struct mt_record_root *root,
			 struct mt_error *err)
{
	const struct mt_heap_scan_root *place = &w->scan->root_places[number];
	const struct mt_root_range *range =
		place->thread ? NULL : mt_root_set_at(&w->scan->roots, place->address);
	root->offset = place->address;
	root->kind = MT_HELD_MAPPING;
	if (range)
		describe_range(w, range, number, root);
	if (!place->thread && is_in_unrecorded(w->scan, range, place->address))
		root->number = MT_MAPPING_UNRECORDED;
	if (place->thread) {
		root->tid = w->scan->stop.threads[place->thread - 1].tid;
		root->kind = place->is_register ? MT_HELD_REGISTER : MT_HELD_ALTSTACK;
	}
	if (place->is_register) {
		root->number = (uint32_t)place->address;
		root->offset = 0;
	}
	return place_frame(w, number, root, err);
}

static int write_roots(struct writing *w, struct mt_error *err)
{
	struct mt_heap_scan *scan = w->scan;
	struct mt_record record = {.kind = MT_RECORD_ROOT};
	int rc = 0;
	uint32_t id = 0;
	for (uint32_t i = 0; rc == 0 && i < scan->live.count; i++) {
		if (!is_chosen(w, i) || !is_held_by_root(scan, i))
			continue;
		record.root = (struct mt_record_root){.id = ++id};
		rc = describe_root(w, scan->reach.holders[i] & ~MT_HOLDER_ROOT,
				   &record.root, err);
		if (rc == 0)
			rc = mt_writer_put(w->writer, &record, err);
	}
	return rc;
}

/* Of the frame that holds it. */
static int write_callers_of(struct writing *w, uint32_t number, uint32_t id,
			    struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	const struct mt_heap_scan_frame *frame = find_frame(scan, number);
	struct mt_record record = {.kind = MT_RECORD_CALLER, .caller.root = id};
	int rc = 0;
	for (uint32_t i = 0; frame && rc == 0 && i < frame->caller_count; i++) {
		uint64_t pc = scan->callers[frame->callers + i];
		const struct mt_object *object = mt_objects_at(&scan->objects, pc - 1);
		rc = mt_dictionary_frame(w->dictionary, object ? object->index : 0, pc,
					 false, &record.caller.frame, err);
		if (rc == 0)
			rc = mt_writer_put(w->writer, &record, err);
	}
	return rc;
}

static int write_callers(struct writing *w, struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	int rc = 0;
	uint32_t id = 0;
	for (uint32_t i = 0; rc == 0 && i < scan->live.count; i++)
		if (is_chosen(w, i) && is_held_by_root(scan, i))
			rc = write_callers_of(w, scan->reach.holders[i] & ~MT_HOLDER_ROOT,
					      ++id, err);
	return rc;
}

static void describe_contents(struct writing *w, uint32_t number,
			      struct mt_record_block *block)
{
	const struct mt_heap_scan *scan = w->scan;
	mt_contents_word word = scan->words[number];
	block->content = (uint8_t)(word >> MT_CONTENTS_SHIFT);
	if (block->content == MT_CONTENT_STRING)
		block->length = word & MT_CONTENTS_MASK;
	if (block->content != MT_CONTENT_OBJECT)
		return;
	block->content_offset = scan->contents.vtables[word & MT_CONTENTS_MASK];
	const struct mt_object *object =
		mt_objects_at(&scan->objects, block->content_offset);
	block->content_module =
		object ? mt_dictionary_module(w->dictionary, object->index) : 0;
	if (block->content_module)
		block->content_offset -= object->bias;
}

static void describe_holder(struct writing *w, uint32_t number, uint32_t root,
			    struct mt_record_block *block)
{
	const struct mt_heap_scan *scan = w->scan;
	uint32_t holder = scan->reach.holders[number];
	if (holder == MT_HOLDER_NONE)
		return;
	if (holder & MT_HOLDER_ROOT)
		block->is_interior = mt_graph_is_interior(
			scan->root_targets[holder & ~MT_HOLDER_ROOT]);
	if (is_held_by_root(scan, number)) {
		block->held_by_root = true;
		block->holder = root;
		return;
	}
	block->holder = id_of(w, w->sources[number]);
	const struct mt_heap_scan_root *unaligned = holding_root(scan, number);
	block->offset =
		unaligned ? unaligned->address : mt_heap_scan_offset(scan, holder);
	if (!unaligned)
		block->is_interior = mt_graph_is_interior(scan->targets[holder]);
}

/* Its place among the lost; they are in order. lost->count: it is not among them. */
static uint32_t find_lost(const struct mt_lost *lost, uint32_t block)
{
	uint32_t low = 0, high = lost->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (lost->nodes[middle] < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low < lost->count && lost->nodes[low] == block ? low : lost->count;
}

static int describe_block(struct writing *w, uint32_t number, uint32_t root,
			  const struct mt_live_block *own, struct mt_record_block *block,
			  struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	*block = (struct mt_record_block){.id = id_of(w, number),
					  .address = own->address,
					  .size = own->size,
					  .kind = scan->reach.kinds[number],
					  .in_degree = w->references[id_of(w, number)]};
	if (scan->retained) {
		block->retained_bytes = scan->retained[number];
		block->retained_count = scan->retained_count[number];
	}
	describe_holder(w, number, root, block);
	describe_contents(w, number, block);
	uint32_t lost = block->kind <= MT_LEAK_INDIRECT ? find_lost(&scan->lost, number)
							: scan->lost.count;
	if (lost < scan->lost.count)
		block->cycle = scan->lost.cycles[lost];
	block->has_hash = scan->hashes != NULL;
	if (scan->hashes)
		block->hash = scan->hashes[number];
	return mt_dictionary_traceback(w->dictionary, own->traceback, &block->traceback,
				       err);
}

static int write_blocks(struct writing *w, struct mt_error *err)
{
	struct mt_heap_scan *scan = w->scan;
	struct mt_record record = {.kind = MT_RECORD_BLOCK};
	int rc = 0;
	uint32_t root = 0;
	struct mt_live_cursor cursor = {0};
	for (uint32_t i = 0; rc == 0 && i < scan->live.count; i++) {
		struct mt_live_block own = mt_live_next(&scan->live, &cursor);
		if (!is_chosen(w, i))
			continue;
		root += is_held_by_root(scan, i);
		rc = describe_block(w, i, root, &own, &record.block, err);
		if (rc == 0)
			rc = mt_writer_put(w->writer, &record, err);
	}
	return rc;
}

/* The pointers of one block within its cycle. */
static int write_edges_of(struct writing *w, uint32_t lost, struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	const struct mt_lost *all = &scan->lost;
	struct mt_record record = {.kind = MT_RECORD_EDGE};
	uint32_t from = all->nodes[lost];
	int rc = 0;
	for (uint32_t edge = scan->first[from]; rc == 0 && edge < scan->first[from + 1];
	     edge++) {
		uint32_t to = mt_graph_target(scan->targets[edge]);
		uint32_t other = find_lost(all, to);
		if (other == all->count || all->cycles[other] != all->cycles[lost])
			continue;
		record.edge = (struct mt_record_edge){
			.from = id_of(w, from),
			.to = id_of(w, to),
			.offset = mt_heap_scan_offset(scan, edge)};
		if (w->is_counting)
			w->scan->sums.edges++;
		else
			rc = mt_writer_put(w->writer, &record, err);
	}
	return rc;
}

/* Twice alike: to count them, and to write them. */
static int write_edges(struct writing *w, struct mt_error *err)
{
	const struct mt_lost *lost = &w->scan->lost;
	uint64_t done = 0;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && done < EDGES_MAX && i < lost->count; i++) {
		if (!lost->cycles[i])
			continue;
		uint32_t from = lost->nodes[i];
		done += w->scan->first[from + 1] - w->scan->first[from];
		rc = write_edges_of(w, i, err);
	}
	return rc;
}

static int write_beginnings(struct writing *w, struct mt_error *err)
{
	const struct mt_heap_scan *scan = w->scan;
	struct mt_record record = {.kind = MT_RECORD_CONTENTS};
	int rc = 0;
	for (uint32_t i = 0; scan->beginnings && rc == 0 && i < scan->live.count;
	     i += scan->beginnings_step) {
		const struct mt_heap_scan_beginning *kept =
			&scan->beginnings[i / scan->beginnings_step];
		if (!kept->size || !is_chosen(w, i))
			continue;
		record.contents = (struct mt_record_contents){
			id_of(w, i), {(const char *)kept->bytes, kept->size}};
		rc = mt_writer_put(w->writer, &record, err);
	}
	return rc;
}

static int write_thread_names(struct writing *w, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < w->scan->stop.count; i++) {
		const struct mt_stop_thread *thread = &w->scan->stop.threads[i];
		char key[32];
		int length = snprintf(key, sizeof key, "thread.%" PRIu32, thread->tid);
		struct mt_record record = {.kind = MT_RECORD_META};
		record.meta = (struct mt_record_meta){
			.key = {key, (size_t)length},
			.value = {thread->name, strlen(thread->name)}};
		if (*thread->name)
			rc = mt_writer_put(w->writer, &record, err);
	}
	return rc;
}

static int write_all(struct writing *w, struct mt_error *err)
{
	int rc = find_sources(w, err);
	if (rc == 0)
		rc = choose_blocks(w, err);
	if (rc == 0)
		rc = count_references(w, err);
	if (rc < 0)
		return rc;
	count_roots(w);
	w->is_counting = true;
	write_edges(w, NULL);
	w->is_counting = false;
	rc = write_thread_names(w, err);
	struct mt_record record = {.kind = MT_RECORD_SCAN, .scan = w->scan->sums};
	if (rc == 0)
		rc = mt_writer_put(w->writer, &record, err);
	if (rc == 0)
		rc = write_roots(w, err);
	if (rc == 0)
		rc = write_callers(w, err);
	if (rc == 0)
		rc = write_blocks(w, err);
	if (rc == 0)
		rc = write_edges(w, err);
	return rc < 0 ? rc : write_beginnings(w, err);
}

int mt_heap_scan_write(struct mt_heap_scan *scan, struct mt_writer *writer,
		       struct mt_dictionary *dictionary, struct mt_error *err)
{
	struct writing writing = {
		.scan = scan, .writer = writer, .dictionary = dictionary};
	scan->sums.roots = scan->sums.edges = 0;
	int rc = write_all(&writing, err);
	free(writing.chosen);
	free(writing.ranks);
	mt_room_free(writing.sources);
	mt_room_free(writing.references);
	return rc;
}
