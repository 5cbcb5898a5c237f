/*
 * why.c - see why.h. Outside.
 */
#include "tracer/analyze/why.h"

#include "tracer/analyze/vector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_path(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_why_path *a = &((const struct mt_why *)owner)->paths.list[id];
	const struct mt_why_path *b = wanted;
	return a->group == b->group && a->last == b->last;
}

static int add_to_path(struct mt_why *why, struct mt_index *index, uint32_t group,
		       uint32_t block, struct mt_error *err)
{
	struct mt_why_path wanted = {.group = group,
				     .last = why->holders.of_block[block]};
	uint64_t hash = mt_hash_word(mt_hash_word(0, group), wanted.last);
	uint32_t id = mt_index_find(index, hash, is_path, why, &wanted);
	if (id == MT_INDEX_NONE) {
		struct mt_why_path *grown =
			mt_vector_reserve(why->paths.list, &why->paths.capacity,
					  why->paths.count + 1, sizeof *grown, err);
		if (!grown)
			return MT_ERR_NO_MEMORY;
		why->paths.list = grown;
		id = (uint32_t)why->paths.count++;
		grown[id] = wanted;
		int rc = mt_index_add(index, hash, id, err);
		if (rc < 0)
			return rc;
	}
	mt_counts_add(&why->paths.list[id].counts,
		      (struct mt_counts){
			      (int64_t)mt_why_heap(why)->blocks.list[block].size, 1});
	return 0;
}

static int gather(struct mt_why *why, const uint32_t *group_of_block,
		  struct mt_error *err)
{
	const struct mt_heap *heap = mt_why_heap(why);
	size_t groups = why->answer.groups.count;
	struct mt_index index = {0};
	why->sites.list = calloc(groups + 1, sizeof *why->sites.list);
	int rc = why->sites.list ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	why->sites.count = rc < 0 ? 0 : groups;
	for (uint32_t i = 0; i < why->sites.count; i++)
		why->sites.list[i].group = i;
	for (uint32_t i = 0; rc >= 0 && i < heap->blocks.count; i++) {
		if (group_of_block[i] == MT_INDEX_NONE)
			continue;
		const struct mt_heap_block *block = &heap->blocks.list[i];
		struct mt_why_site *site = &why->sites.list[group_of_block[i]];
		struct mt_counts counts = {(int64_t)block->size, 1};
		mt_counts_add(&site->counts, counts);
		if (block->kind <= MT_LEAK_INDIRECT)
			mt_counts_add(&site->leaked, counts);
		rc = add_to_path(why, &index, group_of_block[i], i, err);
	}
	mt_index_deinit(&index);
	return rc;
}

static int compare_paths(const void *a, const void *b)
{
	const struct mt_why_path *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->counts.count != y->counts.count)
		return x->counts.count > y->counts.count ? -1 : 1;
	if (x->counts.bytes != y->counts.bytes)
		return x->counts.bytes > y->counts.bytes ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

static int compare_sites(const void *a, const void *b, void *context)
{
	const struct mt_why_site *x = a, *y = b;
	const struct mt_groups *groups = context;
	if (x->counts.bytes != y->counts.bytes)
		return x->counts.bytes > y->counts.bytes ? -1 : 1;
	if (x->counts.count != y->counts.count)
		return x->counts.count > y->counts.count ? -1 : 1;
	return mt_groups_compare_keys(groups, &groups->list[x->group],
				      &groups->list[y->group]);
}

static void put_in_order(struct mt_why *why)
{
	if (why->paths.count)
		qsort(why->paths.list, why->paths.count, sizeof *why->paths.list,
		      compare_paths);
	for (size_t i = 0; i < why->paths.count; i++) {
		struct mt_why_site *site = &why->sites.list[why->paths.list[i].group];
		if (!site->path_count++)
			site->first_path = i;
	}
	qsort_r(why->sites.list, why->sites.count, sizeof *why->sites.list, compare_sites,
		&why->answer.groups);
	while (why->sites.count && !why->sites.list[why->sites.count - 1].path_count)
		why->sites.count--;
}

static int find_sites(struct mt_why *why, struct mt_error *err)
{
	const struct mt_heap *heap = mt_why_heap(why);
	const struct mt_subject *subject = &why->answer.subjects[0];
	uint32_t *group_of_block =
		malloc((heap->blocks.count + 1) * sizeof *group_of_block);
	int rc = group_of_block ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (rc >= 0)
		rc = mt_heap_locate(heap, &why->answer.groups, &subject->profile,
				    &subject->callsites, group_of_block, err);
	if (rc >= 0)
		rc = gather(why, group_of_block, err);
	if (rc >= 0)
		put_in_order(why);
	free(group_of_block);
	return rc;
}

static int find_block(struct mt_why *why, uint64_t address, struct mt_error *err)
{
	why->block = mt_heap_find(mt_why_heap(why), address);
	if (why->block != MT_NO_BLOCK)
		return 0;
	return mt_fail(err, MT_ERR_MISSING,
		       "%s: no live block at 0x%" PRIx64 " when the heap was scanned",
		       why->answer.subjects[0].trace->path, address);
}

/* A function that was asked for and is no key frame of anything, or NULL. */
static const char *find_wrapper(const struct mt_why *why,
				const struct mt_question *question)
{
	const struct mt_callsites *callsites = &why->answer.subjects[0].callsites;
	for (size_t i = 0; !callsites->is_raw && i < question->filter_count; i++) {
		const struct mt_filter *filter = &question->filters[i];
		struct mt_location location = {.function = filter->pattern};
		if (filter->subject == MT_FILTER_FUNCTION &&
		    mt_wrappers_has(&callsites->wrappers, &location))
			return filter->pattern;
	}
	return NULL;
}

static int say_none(const struct mt_why *why, const struct mt_question *question,
		    struct mt_error *err)
{
	const char *path = why->answer.subjects[0].trace->path;
	const char *wrapper = find_wrapper(why, question);
	if (wrapper)
		return mt_fail(
			err, MT_ERR_MISSING,
			"%s: no live block is from %s itself, which passes memory "
			"on: ask for the function that calls it, 'memtrace top --by "
			"function' lists them",
			path, wrapper);
	return mt_fail(err, MT_ERR_MISSING, "%s: no live block %s", path,
		       question->filter_count ? "comes from there"
					      : "was there when the heap was scanned");
}

static int answer_why(struct mt_why *why, struct mt_why_question *question,
		      const char *argument, struct mt_error *err)
{
	struct mt_answer *answer = &why->answer;
	question->base.by = MT_BY_LINENO;
	question->base.is_of_scan = true;
	question->base.needs_all_frames = question->has_address;
	int rc = mt_locations_init(&answer->locations, err);
	if (rc >= 0)
		rc = mt_answer_open(answer, &question->base, MT_SIDE_NEW, argument, err);
	if (rc >= 0)
		rc = mt_answer_group(answer, &question->base, err);
	if (rc < 0)
		return rc;
	struct mt_subject *subject = &answer->subjects[0];
	rc = mt_roots_init(&why->roots, &subject->heap, &subject->callsites,
			   question->base.directory, err);
	if (rc >= 0)
		rc = mt_holders_init(&why->holders, &subject->heap, &why->roots,
				     &subject->callsites, err);
	if (rc >= 0)
		rc = find_sites(why, err);
	if (rc >= 0 && question->has_address)
		rc = find_block(why, question->address, err);
	if (rc >= 0 && question->has_address)
		rc = mt_why_find_cycle(why, err);
	return rc >= 0 && !why->sites.count ? say_none(why, &question->base, err) : rc;
}

int mt_why_init(struct mt_why *why, struct mt_why_question *question,
		const char *argument, struct mt_error *err)
{
	*why = (struct mt_why){.answer.report.schema = "memtrace.why/1",
			       .block = MT_NO_BLOCK};
	int rc = answer_why(why, question, argument, err);
	if (rc >= 0)
		rc = mt_answer_add_side(&why->answer.report, &why->answer.subjects[0],
					err);
	if (rc >= 0)
		mt_answer_note_state(&why->answer, &why->answer.subjects[0]);
	return rc;
}

void mt_why_deinit(struct mt_why *why)
{
	free(why->sites.list);
	free(why->paths.list);
	free(why->cycle_blocks.list);
	mt_holders_deinit(&why->holders);
	mt_roots_deinit(&why->roots);
	mt_answer_deinit(&why->answer);
}

size_t mt_why_chain(const struct mt_why *why, uint32_t block, uint32_t *blocks,
		    size_t limit)
{
	const struct mt_heap_block *list = mt_why_heap(why)->blocks.list;
	size_t count = 0, i;
	for (uint32_t at = block; at != MT_NO_BLOCK; at = list[at].holder)
		count++;
	i = count;
	for (uint32_t at = block; at != MT_NO_BLOCK; at = list[at].holder)
		if (--i < limit)
			blocks[i] = at;
	return count;
}

const char *mt_why_root(const struct mt_why *why, uint32_t first)
{
	const struct mt_holder *holder = &why->holders.list.list[first];
	uint32_t root = mt_why_heap(why)->blocks.list[holder->block].root;
	if (!holder->root || root == MT_NO_ROOT)
		return NULL;
	return holder->has_offsets ? holder->root : why->roots.labels[root];
}

/* Of a thread that the scan met and that had no heap. */
static const char *scanned_name(const struct mt_trace *trace, uint32_t tid)
{
	char key[32];
	snprintf(key, sizeof key, "thread.%" PRIu32, tid);
	const struct mt_trace_meta *name = mt_trace_meta(trace, key);
	return name && *name->value ? name->value : NULL;
}

const char *mt_why_thread(const struct mt_why *why, uint32_t tid)
{
	const struct mt_trace *trace = mt_why_heap(why)->trace;
	const char *name = NULL;
	for (size_t i = 0; i < trace->threads.count; i++)
		if (trace->threads.list[i].tid == tid)
			name = trace->threads.list[i].name;
	return name && *name ? name : scanned_name(trace, tid);
}
