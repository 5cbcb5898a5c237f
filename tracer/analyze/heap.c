/*
 * heap.c - see heap.h. Outside.
 */
#include "tracer/analyze/heap.h"

#include "tracer/analyze/scanned.h"
#include "tracer/analyze/vector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *mt_leak_kind_name(uint8_t kind)
{
	static const char *const names[MT_LEAK_KINDS] = {
		[MT_LEAK_DEFINITE] = "definite",
		[MT_LEAK_INDIRECT] = "indirect",
		[MT_LEAK_POSSIBLE] = "possible",
		[MT_LEAK_REACHABLE] = "reachable",
	};
	return kind < MT_LEAK_KINDS ? names[kind] : "unknown";
}

/* From records. */

static uint32_t index_of(const struct mt_ids *ids, uint32_t id, uint32_t none)
{
	uint32_t place = id ? mt_ids_find(ids, id) : MT_INDEX_NONE;
	return place == MT_INDEX_NONE ? none : ids->indices[place];
}

static bool is_type(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_heap_type *a = &((const struct mt_heap *)owner)->types.list[id];
	const struct mt_heap_type *b = wanted;
	return a->content == b->content && a->module == b->module &&
	       a->number == b->number;
}

static int intern_type(struct mt_heap *heap, const struct mt_record_block *rec,
		       uint32_t *type, struct mt_error *err)
{
	struct mt_heap_type wanted = {.content = rec->content, .module = MT_NO_MODULE};
	if (rec->content == MT_CONTENT_OBJECT) {
		wanted.module = index_of(&heap->trace->module_ids, rec->content_module,
					 MT_NO_MODULE);
		wanted.number = rec->content_offset;
	} else if (rec->content == MT_CONTENT_STRING) {
		wanted.number = rec->length;
	}
	uint64_t hash =
		mt_hash_word(mt_hash_word(wanted.content, wanted.module), wanted.number);
	*type = mt_index_find(&heap->type_index, hash, is_type, heap, &wanted);
	if (*type != MT_INDEX_NONE)
		return 0;
	*type = (uint32_t)heap->types.count;
	int rc = MT_LIST_ADD(heap->types, wanted, err);
	return rc < 0 ? rc : mt_index_add(&heap->type_index, hash, *type, err);
}

/* Holders are ids until all has been read. */
static int take_block(struct mt_heap *heap, const struct mt_record_block *rec,
		      struct mt_error *err)
{
	uint32_t type;
	int rc = intern_type(heap, rec, &type, err);
	struct mt_heap_block block = {
		.address = rec->address,
		.size = rec->size,
		.offset = rec->offset,
		.retained_bytes = rec->retained_bytes,
		.retained_count = rec->retained_count,
		.hash = rec->hash,
		.references = rec->in_degree,
		.id = rec->id,
		.node = mt_trace_node(heap->trace, rec->traceback),
		.holder = rec->held_by_root ? 0 : rec->holder,
		.root = rec->held_by_root ? rec->holder : 0,
		.cycle = rec->cycle,
		.type = type,
		.contents = MT_NO_CONTENTS,
		.kind = rec->kind,
		.is_interior = rec->is_interior,
	};
	return rc < 0 ? rc : MT_LIST_ADD(heap->blocks, block, err);
}

static int take_root(struct mt_heap *heap, const struct mt_record_root *rec,
		     struct mt_error *err)
{
	struct mt_heap_root root = {
		.kind = rec->kind,
		.module = index_of(&heap->trace->module_ids, rec->module, MT_NO_MODULE),
		.offset = rec->offset,
		.tid = rec->tid,
		.frame = index_of(&heap->trace->frame_ids, rec->frame, MT_NO_FRAME),
		.number = rec->number,
		.id = rec->id,
	};
	return MT_LIST_ADD(heap->roots, root, err);
}

static int take_caller(struct mt_heap *heap, const struct mt_record_caller *rec,
		       struct mt_error *err)
{
	struct mt_heap_caller caller = {
		.root = rec->root,
		.frame = index_of(&heap->trace->frame_ids, rec->frame, MT_NO_FRAME),
	};
	return MT_LIST_ADD(heap->callers, caller, err);
}

static int take_contents(struct mt_heap *heap, const struct mt_record_contents *rec,
			 struct mt_error *err)
{
	size_t size = rec->bytes.size, place = heap->bytes.count;
	if (size > MT_CONTENTS_BYTES)
		size = MT_CONTENTS_BYTES;
	char *grown = mt_vector_reserve(heap->bytes.list, &heap->bytes.capacity,
					place + size, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	heap->bytes.list = grown;
	heap->bytes.count += size;
	if (size)
		memcpy(grown + place, rec->bytes.data, size);
	struct mt_heap_contents contents = {rec->block, (uint32_t)size, place};
	return MT_LIST_ADD(heap->contents, contents, err);
}

static int take(struct mt_heap *heap, const struct mt_record *rec, bool *has_scan,
		struct mt_error *err)
{
	struct mt_heap_edge edge = {rec->edge.from, rec->edge.to, rec->edge.offset};
	switch (rec->kind) {
	case MT_RECORD_SCAN:
		heap->scan = rec->scan;
		*has_scan = true;
		return 0;
	case MT_RECORD_ROOT:
		return take_root(heap, &rec->root, err);
	case MT_RECORD_CALLER:
		return take_caller(heap, &rec->caller, err);
	case MT_RECORD_BLOCK:
		return take_block(heap, &rec->block, err);
	case MT_RECORD_EDGE:
		return MT_LIST_ADD(heap->edges, edge, err);
	case MT_RECORD_CONTENTS:
		return take_contents(heap, &rec->contents, err);
	default:
		return 0;
	}
}

/* What follows the moment's header, up to its end. */
static int read_rows(struct mt_heap *heap, bool *has_scan, struct mt_error *err)
{
	struct mt_trace *trace = heap->trace;
	int rc = mt_reader_seek(trace->reader, heap->moment.rows->place, err);
	mt_reader_want(trace->reader,
		       1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_SNAPSHOT_END |
			       1u << MT_RECORD_SCAN | 1u << MT_RECORD_ROOT |
			       1u << MT_RECORD_BLOCK | 1u << MT_RECORD_EDGE |
			       1u << MT_RECORD_CALLER | 1u << MT_RECORD_CONTENTS);
	bool has_begun = false;
	while (rc >= 0) {
		struct mt_record rec;
		struct mt_error local = {0};
		rc = mt_reader_next(trace->reader, &rec, &local);
		if (rc == 0)
			return 0;
		if (rc == MT_ERR_DAMAGED) {
			mt_trace_note_damage(trace, &local);
			rc = 0;
		} else if (rc < 0) {
			mt_fail(err, local.code, "%s", local.message);
		} else if (rec.kind == MT_RECORD_SNAPSHOT_END ||
			   (rec.kind == MT_RECORD_SNAPSHOT && has_begun)) {
			return 0;
		} else if (rec.kind == MT_RECORD_SNAPSHOT) {
			has_begun = true;
		} else if (has_begun) {
			rc = take(heap, &rec, has_scan, err);
		}
	}
	return rc;
}

/* Ids to places. Ids ascend, with gaps where something was lost. */

static uint32_t find_block(const struct mt_heap *heap, uint32_t id)
{
	size_t low = 0, high = heap->blocks.count;
	/* Without gaps it is at its id. */
	if (id && id <= high && heap->blocks.list[id - 1].id == id)
		return id - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (heap->blocks.list[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < heap->blocks.count && heap->blocks.list[low].id == id ? (uint32_t)low
									   : MT_NO_BLOCK;
}

static uint32_t find_root(const struct mt_heap *heap, uint32_t id)
{
	size_t low = 0, high = heap->roots.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (heap->roots.list[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < heap->roots.count && heap->roots.list[low].id == id ? (uint32_t)low
									 : MT_NO_ROOT;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct mt_heap_block *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int compare_roots(const void *a, const void *b)
{
	const struct mt_heap_root *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int compare_edges(const void *a, const void *b)
{
	const struct mt_heap_edge *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

/* As a writer puts them; a hostile trace may have them otherwise. */
static void sort_by_id(struct mt_heap *heap)
{
	bool is_sorted = true;
	for (size_t i = 1; is_sorted && i < heap->blocks.count; i++)
		is_sorted = heap->blocks.list[i - 1].id < heap->blocks.list[i].id;
	if (!is_sorted)
		qsort(heap->blocks.list, heap->blocks.count, sizeof *heap->blocks.list,
		      compare_blocks);
	if (heap->roots.count)
		qsort(heap->roots.list, heap->roots.count, sizeof *heap->roots.list,
		      compare_roots);
}

static void find_holders(struct mt_heap *heap)
{
	for (size_t i = 0; i < heap->blocks.count; i++) {
		struct mt_heap_block *block = &heap->blocks.list[i];
		block->holder = block->holder ? find_block(heap, block->holder)
					      : (uint32_t)MT_NO_BLOCK;
		block->root =
			block->root ? find_root(heap, block->root) : (uint32_t)MT_NO_ROOT;
	}
}

static void find_edges(struct mt_heap *heap)
{
	size_t kept = 0;
	for (size_t i = 0; i < heap->edges.count; i++) {
		struct mt_heap_edge edge = heap->edges.list[i];
		edge.from = find_block(heap, edge.from);
		edge.to = find_block(heap, edge.to);
		if (edge.from != MT_NO_BLOCK && edge.to != MT_NO_BLOCK)
			heap->edges.list[kept++] = edge;
	}
	heap->edges.count = kept;
	if (kept)
		qsort(heap->edges.list, kept, sizeof *heap->edges.list, compare_edges);
}

/* Those of a root follow each other. */
static void find_callers(struct mt_heap *heap)
{
	const struct mt_heap_caller *list = heap->callers.list;
	for (size_t i = 0, end; i < heap->callers.count; i = end) {
		for (end = i + 1;
		     end < heap->callers.count && list[end].root == list[i].root;)
			end++;
		uint32_t root = find_root(heap, list[i].root);
		if (root == MT_NO_ROOT)
			continue;
		heap->roots.list[root].callers = i;
		heap->roots.list[root].caller_count = (uint32_t)(end - i);
	}
}

static void find_contents(struct mt_heap *heap)
{
	for (size_t i = 0; i < heap->contents.count; i++) {
		uint32_t block = find_block(heap, heap->contents.list[i].id);
		if (block != MT_NO_BLOCK)
			heap->blocks.list[block].contents = (uint32_t)i;
	}
}

/*
 * Chains that run in a circle are opened where they close: each block is walked over
 * once, marked with the walk that came by.
 */
static int open_circles(struct mt_heap *heap, struct mt_error *err)
{
	uint32_t *walks = calloc(heap->blocks.count + 1, sizeof *walks);
	if (!walks)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < heap->blocks.count; i++) {
		uint32_t at = i, last = MT_NO_BLOCK;
		while (at != MT_NO_BLOCK && !walks[at]) {
			walks[at] = i + 1;
			last = at;
			at = heap->blocks.list[at].holder;
		}
		if (at != MT_NO_BLOCK && last != MT_NO_BLOCK && walks[at] == i + 1)
			heap->blocks.list[last].holder = MT_NO_BLOCK;
	}
	free(walks);
	return 0;
}

/*
 * Chains are walked twice, up to what is known: no block is passed often. While this runs
 * a block without leader is its own.
 */
static void find_leaders(struct mt_heap *heap)
{
	struct mt_heap_block *blocks = heap->blocks.list;
	for (uint32_t i = 0; i < heap->blocks.count; i++)
		blocks[i].leader = blocks[i].kind == MT_LEAK_INDIRECT ? MT_NO_BLOCK : i;
	for (uint32_t i = 0; i < heap->blocks.count; i++) {
		uint32_t top = i, next;
		while (blocks[top].leader == MT_NO_BLOCK &&
		       (next = blocks[top].holder) != MT_NO_BLOCK)
			top = next;
		uint32_t leader = blocks[top].leader;
		if (leader == MT_NO_BLOCK)
			leader = blocks[top].leader = top;
		for (uint32_t at = i; blocks[at].leader == MT_NO_BLOCK;
		     at = blocks[at].holder)
			blocks[at].leader = leader;
	}
	for (uint32_t i = 0; i < heap->blocks.count; i++)
		if (blocks[blocks[i].leader].kind != MT_LEAK_DEFINITE)
			blocks[i].leader = MT_NO_BLOCK;
}

/* As users name it; one that has no name of its own: the trace's. */
static void put_name(const struct mt_trace *trace,
		     const struct mt_trace_snapshot *snapshot, char *name, size_t bytes)
{
	if (snapshot->label)
		snprintf(name, bytes, "%s@%s", trace->path, snapshot->label);
	else if (snapshot->record.index != UINT32_MAX)
		snprintf(name, bytes, "%s@%" PRIu32, trace->path, snapshot->record.index);
	else
		snprintf(name, bytes, "%s", trace->path);
}

/* Another snapshot of the trace that has a scan: its name, or an empty string. */
static void find_other_scan(struct mt_trace *trace, char *name, size_t bytes)
{
	struct mt_error err = {0};
	struct mt_record rec;
	const struct mt_trace_snapshot *last = NULL;
	size_t at = 0;
	name[0] = '\0';
	if (!trace->snapshots.count ||
	    mt_reader_seek(trace->reader, trace->snapshots.list[0].place, &err) < 0)
		return;
	mt_reader_want(trace->reader, 1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_SCAN);
	for (int rc; (rc = mt_reader_next(trace->reader, &rec, &err));) {
		if (rc > 0 && rec.kind == MT_RECORD_SNAPSHOT)
			at++;
		if (rc > 0 && rec.kind == MT_RECORD_SCAN && at &&
		    at <= trace->snapshots.count)
			last = &trace->snapshots.list[at - 1];
	}
	if (last)
		put_name(trace, last, name, bytes);
}

static int say_missing(const struct mt_heap *heap, struct mt_error *err)
{
	char name[512], other[512];
	put_name(heap->trace, heap->moment.rows, name, sizeof name);
	find_other_scan(heap->trace, other, sizeof other);
	if (*other)
		return mt_fail(
			err, MT_ERR_MISSING,
			"%s has no scan of the heap, %s has one; 'memtrace "
			"snapshot --leaks PID' takes others while the program runs",
			name, other);
	const struct mt_trace_meta *failure = mt_trace_meta(heap->trace, "scan_failure");
	if (failure && *failure->value)
		return mt_fail(err, MT_ERR_MISSING, "%s: the heap was not scanned: %s",
			       heap->trace->path, failure->value);
	const struct mt_trace_meta *end = mt_trace_meta(heap->trace, "end");
	const char *why = end ? mt_scanned_unsearched(end->value) : NULL;
	if (why)
		return mt_fail(err, MT_ERR_MISSING,
			       "%s: no scan of the heap: %s; 'memtrace snapshot --leaks "
			       "PID' takes one before",
			       heap->trace->path, why);
	return mt_fail(err, MT_ERR_MISSING,
		       "%s: no scan of the heap: record with 'memtrace run --leaks', or "
		       "take one with 'memtrace snapshot --leaks PID'",
		       heap->trace->path);
}

int mt_heap_init(struct mt_heap *heap, struct mt_trace *trace,
		 const struct mt_moment *moment, struct mt_error *err)
{
	*heap = (struct mt_heap){.trace = trace, .moment = *moment};
	if (moment->is_peak)
		return mt_fail(err, MT_ERR_USAGE,
			       "a trace does not say who held the blocks of @peak");
	bool has_scan = false;
	int rc = read_rows(heap, &has_scan, err);
	if (rc >= 0 && !has_scan)
		rc = say_missing(heap, err);
	if (rc >= 0) {
		sort_by_id(heap);
		find_holders(heap);
		find_edges(heap);
		find_callers(heap);
		find_contents(heap);
		rc = open_circles(heap, err);
		find_leaders(heap);
		heap->is_short = heap->blocks.count != heap->scan.blocks ||
				 heap->roots.count != heap->scan.roots ||
				 heap->edges.count != heap->scan.edges;
	}
	if (rc < 0)
		mt_heap_deinit(heap);
	return rc;
}

void mt_heap_deinit(struct mt_heap *heap)
{
	free(heap->roots.list);
	free(heap->callers.list);
	free(heap->blocks.list);
	free(heap->edges.list);
	free(heap->contents.list);
	free(heap->bytes.list);
	free(heap->types.list);
	mt_index_deinit(&heap->type_index);
	*heap = (struct mt_heap){0};
}

struct mt_bytes mt_heap_contents(const struct mt_heap *heap, uint32_t block)
{
	uint32_t i = heap->blocks.list[block].contents;
	if (i == MT_NO_CONTENTS)
		return (struct mt_bytes){0};
	const struct mt_heap_contents *contents = &heap->contents.list[i];
	return (struct mt_bytes){heap->bytes.list + contents->place, contents->size};
}

uint32_t mt_heap_find(const struct mt_heap *heap, uint64_t address)
{
	for (size_t i = 0; i < heap->blocks.count; i++) {
		const struct mt_heap_block *block = &heap->blocks.list[i];
		uint64_t size = block->size ? block->size : 1;
		if (address >= block->address && address - block->address < size)
			return (uint32_t)i;
	}
	return MT_NO_BLOCK;
}

bool mt_heap_is_unaligned(const struct mt_heap *heap, uint32_t block)
{
	const struct mt_heap_block *b = &heap->blocks.list[block];
	return (b->root != MT_NO_ROOT ? heap->roots.list[b->root].offset : b->offset) % 8;
}

const struct mt_heap_edge *mt_heap_edges(const struct mt_heap *heap, uint32_t block,
					 size_t *count)
{
	size_t low = 0, high = heap->edges.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (heap->edges.list[middle].from < block)
			low = middle + 1;
		else
			high = middle;
	}
	for (*count = 0; low + *count < heap->edges.count &&
			 heap->edges.list[low + *count].from == block;)
		++*count;
	return *count ? &heap->edges.list[low] : NULL;
}
