/*
 * summary.c - see summary.h. Outside.
 */
#include "tracer/analyze/summary.h"

#include "tracer/analyze/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_lines(struct mt_summary *summary, const struct mt_table *table,
		      struct mt_error *err)
{
	summary->lines = calloc(table->row_count + 1, sizeof *summary->lines);
	summary->more_rows = table->omitted_rows;
	bool has_all = summary->lines != NULL;
	for (size_t i = 0; has_all && i < table->row_count; i++) {
		char *line = mt_table_row_text(table, i);
		has_all = line != NULL;
		if (has_all)
			summary->lines[summary->line_count++] = line;
	}
	return has_all ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

static char *copy_meta(const struct mt_trace *trace, const char *key)
{
	const struct mt_trace_meta *meta = mt_trace_meta(trace, key);
	return meta ? strdup(meta->value) : NULL;
}

static int summarize(struct mt_summary *summary, const struct mt_answer *answer,
		     struct mt_error *err)
{
	const struct mt_profile *profile = &answer->subjects[0].profile;
	for (size_t i = 0; i < profile->row_count; i++) {
		mt_counts_add(&summary->live, profile->rows[i].live);
		mt_counts_add(&summary->peak, profile->rows[i].peak);
		mt_counts_add(&summary->total, profile->rows[i].total);
	}
	summary->peak_bound_bytes = profile->moment.rows->record.peak_bound_bytes;
	memcpy(summary->losses, profile->losses, sizeof summary->losses);
	const struct mt_trace *trace = answer->subjects[0].trace;
	summary->program = copy_meta(trace, "program");
	summary->unrecorded = copy_meta(trace, "unrecorded");
	summary->has_own_malloc = mt_trace_meta(trace, "own_malloc") != NULL;
	summary->has_no_environment = mt_trace_meta(trace, "unrecorded_why") != NULL;
	summary->remark = answer->remark;
	summary->is_incomplete = answer->remark.code != 0;
	return copy_lines(summary, &answer->report.tables[0], err);
}

int mt_summary_init(struct mt_summary *summary, const char *path, size_t count,
		    const char *directory, struct mt_error *err)
{
	struct mt_question question = {
		.by = MT_BY_LINENO, .limit = count, .directory = directory};
	struct mt_answer answer;
	*summary = (struct mt_summary){0};
	int rc = mt_answer_init(&answer, &question, (struct mt_names){&path, 1},
				(struct mt_names){0}, err);
	if (rc >= 0)
		rc = summarize(summary, &answer, err);
	mt_answer_deinit(&answer);
	if (rc < 0)
		mt_summary_deinit(summary);
	return rc;
}

void mt_summary_deinit(struct mt_summary *summary)
{
	for (size_t i = 0; i < summary->line_count; i++)
		free(summary->lines[i]);
	free(summary->lines);
	free(summary->program);
	free(summary->unrecorded);
	*summary = (struct mt_summary){0};
}
