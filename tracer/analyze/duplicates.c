/*
 * duplicates.c - see duplicates.h. Outside.
 */
#include "tracer/analyze/duplicates.h"

#include "tracer/analyze/leaks.h"
#include "tracer/analyze/rows.h"
#include "tracer/analyze/vector.h"

#include <stdlib.h>

struct content {
	uint32_t group; /* 0 where groups do not matter */
	uint64_t size, hash;
	uint32_t block;
};

static int compare_contents(const void *a, const void *b)
{
	const struct content *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static uint32_t find_known(const struct mt_heap *heap, const struct content *list,
			   uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (heap->blocks.list[list[i].block].contents != MT_NO_CONTENTS)
			return list[i].block;
	return MT_NO_BLOCK;
}

/* Add the run of equal contents at list[at] to what a row knows; returns its end. */
static size_t add_run(const struct mt_heap *heap, const struct content *list,
		      size_t count, size_t at, struct mt_duplicate *sum)
{
	size_t end = at;
	while (end < count && !compare_contents(&list[at], &list[end]))
		end++;
	uint64_t copies = end - at;
	if (copies < 2)
		return end;
	mt_counts_add(&sum->copies, (struct mt_counts){(int64_t)(copies * list[at].size),
						       (int64_t)copies});
	sum->distinct++;
	uint64_t saving_bytes = (copies - 1) * list[at].size;
	sum->saving_bytes += saving_bytes;
	if (saving_bytes > sum->most_saving_bytes) {
		sum->most_saving_bytes = saving_bytes;
		sum->most_copies = copies;
		sum->most_block = find_known(heap, &list[at], copies);
	}
	return end;
}

static int add_row(struct mt_duplicates *duplicates, const struct mt_duplicate *row,
		   struct mt_error *err)
{
	if (!row->saving_bytes)
		return 0;
	struct mt_duplicate *grown =
		mt_vector_reserve(duplicates->rows.list, &duplicates->rows.capacity,
				  duplicates->rows.count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	duplicates->rows.list = grown;
	grown[duplicates->rows.count++] = *row;
	return 0;
}

static int add_rows(struct mt_duplicates *duplicates, struct content *list, size_t count,
		    struct mt_error *err)
{
	const struct mt_heap *heap = &duplicates->answer.subjects[0].heap;
	int rc = 0;
	qsort(list, count, sizeof *list, compare_contents);
	for (size_t at = 0; rc >= 0 && at < count;) {
		struct mt_duplicate row = {.group = list[at].group};
		while (at < count && list[at].group == row.group)
			at = add_run(heap, list, count, at, &row);
		rc = add_row(duplicates, &row, err);
	}
	return rc;
}

static void add_totals(struct mt_duplicates *duplicates, struct content *list,
		       size_t count)
{
	const struct mt_heap *heap = &duplicates->answer.subjects[0].heap;
	struct mt_duplicate all = {0};
	for (size_t i = 0; i < count; i++)
		list[i].group = 0;
	qsort(list, count, sizeof *list, compare_contents);
	for (size_t at = 0; at < count;)
		at = add_run(heap, list, count, at, &all);
	duplicates->copies = all.copies;
	duplicates->distinct = all.distinct;
	duplicates->saving_bytes = all.saving_bytes;
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct mt_duplicate *x = a, *y = b;
	const struct mt_groups *groups = context;
	if (x->saving_bytes != y->saving_bytes)
		return x->saving_bytes > y->saving_bytes ? -1 : 1;
	return mt_groups_compare_keys(groups, &groups->list[x->group],
				      &groups->list[y->group]);
}

/* What is empty has no contents. */
static int compare_all(struct mt_duplicates *duplicates, const uint32_t *group_of_block,
		       struct mt_error *err)
{
	const struct mt_heap *heap = &duplicates->answer.subjects[0].heap;
	struct content *list = malloc((heap->blocks.count + 1) * sizeof *list);
	size_t count = 0;
	if (!list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < heap->blocks.count; i++) {
		const struct mt_heap_block *block = &heap->blocks.list[i];
		if (block->size && group_of_block[i] != MT_INDEX_NONE)
			list[count++] = (struct content){group_of_block[i], block->size,
							 block->hash, (uint32_t)i};
	}
	int rc = add_rows(duplicates, list, count, err);
	add_totals(duplicates, list, count);
	free(list);
	qsort_r(duplicates->rows.list, duplicates->rows.count,
		sizeof *duplicates->rows.list, compare_rows, &duplicates->answer.groups);
	return rc;
}

static int find(struct mt_duplicates *duplicates, struct mt_error *err)
{
	struct mt_answer *answer = &duplicates->answer;
	const struct mt_subject *subject = &answer->subjects[0];
	const struct mt_heap *heap = &subject->heap;
	if (!(heap->scan.flags & MT_SCAN_HASHES))
		return mt_fail(err, MT_ERR_MISSING,
			       "%s: this scan did not compare contents: record with "
			       "'memtrace run --leaks --dup', or take one with 'memtrace "
			       "snapshot --leaks --dup PID'",
			       subject->trace->path);
	uint32_t *group_of_block =
		malloc((heap->blocks.count + 1) * sizeof *group_of_block);
	int rc = group_of_block ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (rc >= 0)
		rc = mt_heap_locate(heap, &answer->groups, &subject->profile,
				    &subject->callsites, group_of_block, err);
	if (rc >= 0)
		rc = compare_all(duplicates, group_of_block, err);
	free(group_of_block);
	return rc;
}

int mt_duplicates_init(struct mt_duplicates *duplicates, struct mt_question *question,
		       const char *argument, struct mt_error *err)
{
	struct mt_answer *answer = &duplicates->answer;
	*duplicates = (struct mt_duplicates){.answer.report.schema = "memtrace.dup/1"};
	question->by = MT_BY_TRACEBACK;
	question->is_of_scan = true;
	int rc = mt_locations_init(&answer->locations, err);
	if (rc >= 0)
		rc = mt_answer_open(answer, question, MT_SIDE_NEW, argument, err);
	if (rc >= 0)
		rc = mt_answer_group(answer, question, err);
	if (rc >= 0)
		rc = find(duplicates, err);
	if (rc >= 0)
		rc = mt_answer_add_side(&answer->report, &answer->subjects[0], err);
	if (rc >= 0)
		mt_answer_note_state(answer, &answer->subjects[0]);
	return rc;
}

void mt_duplicates_deinit(struct mt_duplicates *duplicates)
{
	free(duplicates->rows.list);
	mt_answer_deinit(&duplicates->answer);
}

static int report_sums(struct mt_duplicates *duplicates, size_t omitted,
		       struct mt_error *err)
{
	struct mt_report *report = &duplicates->answer.report;
	const struct mt_fact facts[] = {
		{.name = "copies",
		 .kind = MT_COLUMN_COUNTS,
		 .value = mt_value_counts(duplicates->copies)},
		{.name = "distinct",
		 .kind = MT_COLUMN_NUMBER,
		 .value = mt_value_number((int64_t)duplicates->distinct)},
		{.name = "saving_bytes",
		 .kind = MT_COLUMN_SIZE,
		 .value = mt_value_number((int64_t)duplicates->saving_bytes)},
		{.object = "omitted",
		 .name = "rows",
		 .kind = MT_COLUMN_NUMBER,
		 .value = mt_value_number((int64_t)omitted)},
	};
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof facts / sizeof *facts; i++)
		rc = mt_report_add_fact(report, facts[i], err);
	return rc;
}

int mt_duplicates_report(struct mt_duplicates *duplicates, size_t limit,
			 struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"size", MT_COLUMN_SIZE},          {"copies", MT_COLUMN_NUMBER},
		{"distinct", MT_COLUMN_NUMBER},    {"saving_bytes", MT_COLUMN_SIZE},
		{"most_copies", MT_COLUMN_NUMBER}, {"contents", MT_COLUMN_TEXT},
		{"traceback", MT_COLUMN_FRAMES},
	};
	struct mt_report *report = &duplicates->answer.report;
	const struct mt_groups *groups = &duplicates->answer.groups;
	size_t count = mt_shown(duplicates->rows.count, limit);
	int rc = mt_leaks_report_scan(report, &duplicates->answer.subjects[0].heap.scan,
				      err);
	if (rc >= 0)
		rc = report_sums(duplicates, duplicates->rows.count - count, err);
	struct mt_table *table = NULL;
	if (rc >= 0)
		table = mt_report_add_table(report, "rows", columns,
					    sizeof columns / sizeof *columns, err);
	rc = table ? rc : MT_ERR_NO_MEMORY;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct mt_duplicate *row = &duplicates->rows.list[i];
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values)
			return MT_ERR_NO_MEMORY;
		values[0] = mt_value_number(row->copies.bytes);
		values[1] = mt_value_number(row->copies.count);
		values[2] = mt_value_number((int64_t)row->distinct);
		values[3] = mt_value_number((int64_t)row->saving_bytes);
		values[4] = mt_value_number((int64_t)row->most_copies);
		struct mt_bytes contents = {0};
		if (row->most_block != MT_NO_BLOCK)
			contents = mt_heap_contents(&duplicates->answer.subjects[0].heap,
						    row->most_block);
		rc = mt_rows_fill_contents(report, &values[5], contents, err);
		if (rc >= 0)
			rc = mt_rows_fill_key(report, &values[6], groups,
					      &groups->list[row->group], err);
	}
	return rc;
}
