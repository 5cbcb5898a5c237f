/*
 * resolve.c - the symbols that a question needs, looked up in few batches; then the
 * filters. See question.h. Outside.
 */
#include "tracer/analyze/question.h"

#include <stdlib.h>

static bool filters_need_sites(const struct mt_question *question)
{
	for (size_t i = 0; i < question->filter_count; i++)
		if (question->filters[i].subject != MT_FILTER_DOMAIN)
			return true;
	return false;
}

static bool needs_sites(const struct mt_question *question)
{
	return mt_by_is_location(question->by) || question->by == MT_BY_TRACEBACK ||
	       question->needs_all_frames || filters_need_sites(question);
}

static bool needs_chains(const struct mt_question *question)
{
	if (question->by == MT_BY_TRACEBACK || question->is_cumulative ||
	    question->needs_all_frames)
		return true;
	for (size_t i = 0; i < question->filter_count; i++)
		if (question->filters[i].all_frames)
			return true;
	return false;
}

bool mt_question_needs_symbols(const struct mt_question *question)
{
	return needs_sites(question) || needs_chains(question) ||
	       question->by == MT_BY_TYPE || question->is_of_scan;
}

/* Every frame of every row's chain, each node looked at once. */
static int want_chains(struct mt_subject *subject, struct mt_error *err)
{
	const struct mt_trace *trace = subject->trace;
	uint8_t *is_seen = calloc(trace->nodes.count, 1);
	if (!is_seen)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = 0;
	for (size_t i = 0; i < subject->profile.row_count; i++) {
		uint32_t node = subject->profile.rows[i].node;
		while (rc >= 0 && node != MT_NO_NODE && !is_seen[node]) {
			const struct mt_trace_node *n = &trace->nodes.list[node];
			is_seen[node] = 1;
			if (n->frame != MT_NO_FRAME)
				rc = mt_frame_locations_want(subject->frames, n->frame,
							     err);
			node = n->parent;
		}
	}
	free(is_seen);
	return rc < 0 ? rc : mt_frame_locations_resolve(subject->frames, err);
}

static int resolve_sites(struct mt_subject *subject, struct mt_error *err)
{
	const struct mt_profile *profile = &subject->profile;
	size_t count = profile->row_count + profile->cell_count;
	uint32_t *nodes = malloc((count + 1) * sizeof *nodes);
	if (!nodes)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < profile->row_count; i++)
		nodes[i] = profile->rows[i].node;
	for (size_t i = 0; i < profile->cell_count; i++)
		nodes[profile->row_count + i] = profile->cells[i].node;
	int rc = mt_callsites_resolve(&subject->callsites, nodes, count, err);
	free(nodes);
	return rc;
}

int mt_subject_resolve(struct mt_subject *subject, const struct mt_question *question,
		       struct mt_error *err)
{
	int rc = mt_callsites_init(&subject->callsites, subject->frames,
				   question->wrappers, question->has_raw_frames, err);
	if (rc >= 0 && needs_chains(question))
		rc = want_chains(subject, err);
	if (rc >= 0 && needs_sites(question))
		rc = resolve_sites(subject, err);
	return rc < 0 ? rc
		      : mt_filter_profile(&subject->profile, &subject->callsites,
					  question->filters, question->filter_count, err);
}
