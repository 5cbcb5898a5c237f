/*
 * leaks.c - see leaks.h. Outside.
 */
#include "tracer/analyze/leaks.h"

#include "tracer/analyze/retained.h"
#include "tracer/analyze/vector.h"

#include <string.h>

struct work {
	struct mt_leaks *leaks;
	const struct mt_leaks_question *question;
	const struct mt_heap *heap;
	uint32_t *group_of_block;
	uint32_t *row_of_block;
	struct mt_index index; /* of rows by kind, group and leader */
};

/* While rows are gathered, leader is a group. */
static uint64_t hash_row(const struct mt_leak_row *row)
{
	return mt_hash_word(mt_hash_word(row->kind, row->group), row->leader);
}

static bool is_row(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_leak_row *a = &((const struct mt_leaks *)owner)->rows.list[id];
	const struct mt_leak_row *b = wanted;
	return a->kind == b->kind && a->group == b->group && a->leader == b->leader;
}

static int get_row(struct work *work, const struct mt_leak_row *wanted, uint32_t *row,
		   struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	uint64_t hash = hash_row(wanted);
	*row = mt_index_find(&work->index, hash, is_row, leaks, wanted);
	if (*row != MT_INDEX_NONE)
		return 0;
	struct mt_leak_row *grown =
		mt_vector_reserve(leaks->rows.list, &leaks->rows.capacity,
				  leaks->rows.count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	leaks->rows.list = grown;
	*row = (uint32_t)leaks->rows.count++;
	grown[*row] = *wanted;
	return mt_index_add(&work->index, hash, *row, err);
}

static uint32_t leader_of(const struct work *work, const struct mt_heap_block *block)
{
	if (block->kind != MT_LEAK_INDIRECT || block->leader == MT_NO_BLOCK)
		return MT_NO_LEAK_ROW;
	return work->group_of_block[block->leader];
}

static int add_block(struct work *work, uint32_t i, struct mt_error *err)
{
	const struct mt_heap_block *block = &work->heap->blocks.list[i];
	struct mt_counts counts = {(int64_t)block->size, 1};
	work->row_of_block[i] = MT_INDEX_NONE;
	if (work->group_of_block[i] == MT_INDEX_NONE)
		return 0;
	mt_counts_add(&work->leaks->summary[block->kind], counts);
	if (block->kind == MT_LEAK_REACHABLE && !work->question->wants_reachable)
		return 0;
	struct mt_leak_row wanted = {.kind = block->kind,
				     .group = work->group_of_block[i],
				     .leader = leader_of(work, block),
				     .example = MT_NO_BLOCK};
	int rc = get_row(work, &wanted, &work->row_of_block[i], err);
	if (rc < 0)
		return rc;
	struct mt_leak_row *row = &work->leaks->rows.list[work->row_of_block[i]];
	mt_counts_add(&row->counts, counts);
	row->references += block->references;
	if (row->example == MT_NO_BLOCK && block->contents != MT_NO_CONTENTS)
		row->example = i;
	return 0;
}

/* From the leaders' groups to their rows, which know then what they lead to. */
static void join_leaders(struct work *work)
{
	struct mt_leaks *leaks = work->leaks;
	for (size_t i = 0; i < leaks->rows.count; i++) {
		struct mt_leak_row *row = &leaks->rows.list[i];
		if (row->leader == MT_NO_LEAK_ROW)
			continue;
		struct mt_leak_row wanted = {.kind = MT_LEAK_DEFINITE,
					     .group = row->leader,
					     .leader = MT_NO_LEAK_ROW};
		row->leader = mt_index_find(&work->index, hash_row(&wanted), is_row,
					    leaks, &wanted);
		if (row->leader != MT_NO_LEAK_ROW)
			mt_counts_add(&leaks->rows.list[row->leader].leads_to,
				      row->counts);
	}
}

static int add_retained(struct work *work, struct mt_error *err)
{
	struct mt_leaks *leaks = work->leaks;
	struct mt_counts *sums = calloc(leaks->rows.count + 1, sizeof *sums);
	if (!sums)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = mt_retained_add(work->heap, work->row_of_block, leaks->rows.count, sums,
				 err);
	for (size_t i = 0; rc >= 0 && i < leaks->rows.count; i++)
		leaks->rows.list[i].retained = sums[i];
	free(sums);
	return rc;
}

/* What is shown, and in which order. */

static const struct mt_leak_row *top_of(const struct mt_leaks *leaks,
					const struct mt_leak_row *row)
{
	return row->leader == MT_NO_LEAK_ROW ? row : &leaks->rows.list[row->leader];
}

static int by_number(int64_t a, int64_t b)
{
	return a > b ? -1 : a < b;
}

static int compare_rows(const struct mt_leaks *leaks, const struct mt_leak_row *a,
			const struct mt_leak_row *b)
{
	int order = (int)a->kind - (int)b->kind;
	if (!order)
		order = by_number(mt_wrapping_add(a->counts.bytes, a->leads_to.bytes),
				  mt_wrapping_add(b->counts.bytes, b->leads_to.bytes));
	if (!order)
		order = by_number(mt_wrapping_add(a->counts.count, a->leads_to.count),
				  mt_wrapping_add(b->counts.count, b->leads_to.count));
	const struct mt_groups *groups = &leaks->answer.groups;
	return order ? order
		     : mt_groups_compare_keys(groups, &groups->list[a->group],
					      &groups->list[b->group]);
}

static int compare_places(const void *left, const void *right, void *context)
{
	const struct mt_leaks *leaks = context;
	const struct mt_leak_row *a = &leaks->rows.list[*(const uint32_t *)left];
	const struct mt_leak_row *b = &leaks->rows.list[*(const uint32_t *)right];
	const struct mt_leak_row *top_a = top_of(leaks, a), *top_b = top_of(leaks, b);
	int order = top_a == top_b ? 0 : compare_rows(leaks, top_a, top_b);
	if (!order && top_a != top_b)
		return top_a < top_b ? -1 : 1;
	return order ? order : compare_rows(leaks, a, b);
}

/* The first limit rows, and of each as many of those that are lost with it. */
static void choose_shown(struct mt_leaks *leaks, size_t limit)
{
	size_t kept = 0, tops = 0, below = 0;
	for (size_t i = 0; i < leaks->order.count; i++) {
		uint32_t id = leaks->order.list[i];
		const struct mt_leak_row *row = &leaks->rows.list[id];
		bool is_top = row->leader == MT_NO_LEAK_ROW;
		below = is_top ? 0 : below + 1;
		tops += is_top;
		if (!limit || (tops <= limit && below <= limit)) {
			leaks->order.list[kept++] = id;
			continue;
		}
		leaks->omitted_rows++;
		mt_counts_add(&leaks->omitted, row->counts);
	}
	leaks->order.count = kept;
}

static int put_in_order(struct mt_leaks *leaks, size_t limit, struct mt_error *err)
{
	leaks->order.list = malloc((leaks->rows.count + 1) * sizeof *leaks->order.list);
	if (!leaks->order.list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < leaks->rows.count; i++)
		leaks->order.list[leaks->order.count++] = (uint32_t)i;
	qsort_r(leaks->order.list, leaks->order.count, sizeof *leaks->order.list,
		compare_places, leaks);
	choose_shown(leaks, limit);
	return 0;
}

/* Without filters the scan's own sums, which know blocks that have no record too. */
static void take_summary(struct work *work)
{
	if (work->question->base.filter_count)
		return;
	for (int kind = 0; kind < MT_LEAK_KINDS; kind++)
		work->leaks->summary[kind] =
			(struct mt_counts){(int64_t)work->heap->scan.kinds[kind].bytes,
					   (int64_t)work->heap->scan.kinds[kind].count};
}

static int gather(struct work *work, struct mt_error *err)
{
	struct mt_answer *answer = &work->leaks->answer;
	const struct mt_subject *subject = &answer->subjects[0];
	size_t count = work->heap->blocks.count;
	work->group_of_block = malloc((count + 1) * sizeof *work->group_of_block);
	work->row_of_block = malloc((count + 1) * sizeof *work->row_of_block);
	if (!work->group_of_block || !work->row_of_block)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = mt_heap_locate(work->heap, &answer->groups, &subject->profile,
				&subject->callsites, work->group_of_block, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = add_block(work, (uint32_t)i, err);
	if (rc < 0)
		return rc;
	join_leaders(work);
	take_summary(work);
	if (work->question->wants_retained)
		rc = add_retained(work, err);
	if (rc >= 0)
		rc = mt_leaks_find_cycles(work->leaks, work->group_of_block, err);
	return rc < 0 ? rc : put_in_order(work->leaks, work->question->base.limit, err);
}

static int answer_leaks(struct mt_leaks *leaks, struct mt_leaks_question *question,
			const char *argument, struct mt_error *err)
{
	struct mt_answer *answer = &leaks->answer;
	question->base.is_of_scan = true;
	question->base.needs_all_frames = true;
	int rc = mt_question_check(&question->base, err);
	if (rc >= 0)
		rc = mt_locations_init(&answer->locations, err);
	if (rc >= 0)
		rc = mt_answer_open(answer, &question->base, MT_SIDE_NEW, argument, err);
	if (rc >= 0)
		rc = mt_answer_group(answer, &question->base, err);
	struct work work = {
		.leaks = leaks, .question = question, .heap = mt_leaks_heap(leaks)};
	if (rc >= 0 && question->wants_retained &&
	    !(work.heap->scan.flags & MT_SCAN_RETAINED))
		rc = mt_fail(err, MT_ERR_MISSING,
			     "%s: this scan does not say what blocks retain",
			     answer->subjects[0].trace->path);
	if (rc >= 0)
		rc = gather(&work, err);
	free(work.group_of_block);
	free(work.row_of_block);
	mt_index_deinit(&work.index);
	return rc;
}

int mt_leaks_init(struct mt_leaks *leaks, struct mt_leaks_question *question,
		  const char *argument, struct mt_error *err)
{
	*leaks = (struct mt_leaks){.answer.report.schema = "memtrace.leaks/1"};
	int rc = answer_leaks(leaks, question, argument, err);
	if (rc >= 0)
		rc = mt_answer_add_side(&leaks->answer.report, &leaks->answer.subjects[0],
					err);
	if (rc >= 0)
		mt_answer_note_state(&leaks->answer, &leaks->answer.subjects[0]);
	return rc;
}

void mt_leaks_deinit(struct mt_leaks *leaks)
{
	free(leaks->rows.list);
	free(leaks->order.list);
	free(leaks->cycles.list);
	free(leaks->members.list);
	free(leaks->links.list);
	free(leaks->cycle_blocks.list);
	mt_answer_deinit(&leaks->answer);
}
