/*
 * question.c - see question.h. Outside.
 */
#include "tracer/analyze/question.h"

#include "tracer/analyze/match.h"
#include "tracer/analyze/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const by_names[] = {
	[MT_BY_LINENO] = "lineno",     [MT_BY_FILENAME] = "filename",
	[MT_BY_FUNCTION] = "function", [MT_BY_TRACEBACK] = "traceback",
	[MT_BY_MODULE] = "module",     [MT_BY_SIZE_CLASS] = "size-class",
	[MT_BY_THREAD] = "thread",     [MT_BY_DOMAIN] = "domain",
};

static const char *const metric_names[] = {
	[MT_METRIC_LIVE] = "live",
	[MT_METRIC_PEAK] = "peak",
	[MT_METRIC_TOTAL] = "total",
};

int mt_question_check(const struct mt_question *question, struct mt_error *err)
{
	if (question->is_cumulative && !mt_by_is_location(question->by))
		return mt_fail(err, MT_ERR_USAGE,
			       "--cumulative cannot be used with --by %s",
			       by_names[question->by]);
	if (question->matches_functions && question->by == MT_BY_TRACEBACK)
		return mt_fail(err, MT_ERR_USAGE,
			       "--match function cannot be used with --by traceback");
	if (mt_by_needs_cells(question->by) && question->metric != MT_METRIC_LIVE)
		return mt_fail(
			err, MT_ERR_USAGE,
			"--by %s knows live blocks only: a trace does not say which "
			"%s the blocks of --metric %s had",
			by_names[question->by],
			question->by == MT_BY_THREAD ? "threads" : "classes",
			metric_names[question->metric]);
	return 0;
}

static int check_moment(const struct mt_question *question,
			const struct mt_moment *moment, struct mt_error *err)
{
	if (!moment->is_peak)
		return 0;
	if (mt_by_needs_cells(question->by))
		return mt_fail(
			err, MT_ERR_USAGE,
			"--by %s cannot be answered at @peak: a trace does not say "
			"which %s the blocks of that moment had",
			by_names[question->by],
			question->by == MT_BY_THREAD ? "threads" : "classes");
	if (question->metric == MT_METRIC_TOTAL)
		return mt_fail(err, MT_ERR_USAGE,
			       "--metric total cannot be answered at @peak: a trace does "
			       "not say how much had been allocated by then");
	return 0;
}

/* Resolving: the nodes that need a key frame, the frames that need symbols. */

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
	       filters_need_sites(question);
}

static bool needs_chains(const struct mt_question *question)
{
	if (question->by == MT_BY_TRACEBACK || question->is_cumulative)
		return true;
	for (size_t i = 0; i < question->filter_count; i++)
		if (question->filters[i].all_frames)
			return true;
	return false;
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

/* From a name to a subject. */

static int make_symbolizer(struct mt_answer *answer, const struct mt_question *question,
			   struct mt_error *err)
{
	if (answer->symbolizer || (!needs_sites(question) && !needs_chains(question)))
		return 0;
	struct mt_symbolizer_options options = {
		.notice = question->notice, .notice_context = question->notice_context};
	return mt_symbolizer_create(&answer->symbolizer, &options, err);
}

static int open_trace(struct mt_answer *answer, struct mt_subject *subject,
		      const char *path, struct mt_error *err)
{
	struct mt_subject *first = &answer->subjects[0];
	subject->name = strdup(path);
	if (!subject->name)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (subject != first && !strcmp(first->name, path)) {
		subject->trace = first->trace;
		return 0;
	}
	subject->owns_trace = true;
	return mt_trace_open(&subject->trace, path, MT_TRACE_LOAD_PROFILES, err);
}

static int open_frames(struct mt_answer *answer, struct mt_subject *subject,
		       struct mt_error *err)
{
	struct mt_subject *first = &answer->subjects[0];
	if (!subject->owns_trace) {
		subject->frames = first->frames;
		return 0;
	}
	uint32_t base = 1;
	if (subject != first)
		base += (uint32_t)first->trace->modules.count;
	int rc = mt_frame_locations_init(&subject->own_frames, &answer->locations,
					 subject->trace, answer->symbolizer, base, err);
	subject->frames = &subject->own_frames;
	return rc;
}

static int open_subject(struct mt_answer *answer, const struct mt_question *question,
			const char *argument, struct mt_error *err)
{
	struct mt_subject *subject = &answer->subjects[answer->subject_count++];
	struct mt_moment_name name;
	int rc = mt_moment_name_init(&name, argument, err);
	if (rc < 0)
		return rc;
	struct mt_moment moment;
	rc = open_trace(answer, subject, name.path, err);
	if (rc >= 0)
		rc = mt_moment_find(subject->trace, name.snapshot, &moment, err);
	mt_moment_name_deinit(&name);
	if (rc >= 0)
		rc = check_moment(question, &moment, err);
	if (rc >= 0)
		rc = mt_profile_init(&subject->profile, subject->trace, &moment,
				     mt_by_needs_cells(question->by), err);
	if (rc >= 0)
		rc = open_frames(answer, subject, err);
	return rc < 0 ? rc : mt_subject_resolve(subject, question, err);
}

static void note_state(struct mt_answer *answer, const struct mt_subject *subject)
{
	if (subject->profile.is_short && !subject->trace->damage.code)
		mt_fail(&answer->remark, MT_ERR_DAMAGED,
			"%s: the snapshot's rows do not add up to its totals: some are "
			"lost",
			subject->trace->path);
	mt_trace_remark(subject->trace, &answer->remark);
	answer->report.is_incomplete |= answer->remark.code != 0;
}

/* From groups to the report. */

static int fill_side(struct mt_answer *answer, enum mt_side side, struct mt_error *err)
{
	const struct mt_subject *subject = &answer->subjects[side];
	const struct mt_moment *moment = &subject->profile.moment;
	const char *label = mt_moment_label(moment);
	answer->report.sides[side] = (struct mt_report_side){
		.trace = mt_report_string(&answer->report, subject->name, err),
		.label = label ? mt_report_string(&answer->report, label, err) : NULL,
		.index = mt_moment_index(moment),
		.time_ns = mt_moment_time_ns(moment)};
	return err && err->code == MT_ERR_NO_MEMORY ? MT_ERR_NO_MEMORY : 0;
}

static int add_facts(struct mt_answer *answer, const struct mt_question *question,
		     struct mt_error *err)
{
	struct mt_report *report = &answer->report;
	const struct mt_profile *profile = &answer->subjects[MT_SIDE_NEW].profile;
	const struct mt_record_snapshot *rec = &profile->moment.rows->record;
	struct mt_fact by = {.name = "by",
			     .value = mt_value_text(by_names[question->by])};
	struct mt_fact metric = {.name = "metric",
				 .value = mt_value_text(metric_names[question->metric])};
	struct mt_fact bound = {.name = "peak_bound_bytes",
				.title = "the peak is exact within",
				.kind = MT_COLUMN_SIZE,
				.value = mt_value_number((int64_t)rec->peak_bound_bytes)};
	struct mt_fact span = {.name = "span_ns",
			       .title = "copied while the program ran, in",
			       .kind = MT_COLUMN_TIME,
			       .value = mt_value_number((int64_t)rec->span_ns)};
	bool is_of_peak = profile->moment.is_peak || question->metric == MT_METRIC_PEAK;
	int rc = mt_report_add_fact(report, by, err);
	if (rc >= 0)
		rc = mt_report_add_fact(report, metric, err);
	if (rc >= 0 && is_of_peak && rec->peak_bound_bytes)
		rc = mt_report_add_fact(report, bound, err);
	if (rc >= 0 && rec->span_ns && !profile->moment.is_peak)
		rc = mt_report_add_fact(report, span, err);
	return rc;
}

static struct mt_counts difference(struct mt_counts now, struct mt_counts old)
{
	return (struct mt_counts){mt_wrapping_subtract(now.bytes, old.bytes),
				  mt_wrapping_subtract(now.count, old.count)};
}

int mt_answer_report(struct mt_answer *answer, const struct mt_question *question,
		     struct mt_error *err)
{
	bool is_diff = answer->subject_count > 1;
	struct mt_groups *groups = &answer->groups;
	int rc = mt_groups_init(groups, question->by, &answer->locations, err);
	/* The old side first, so that the new one has the last word in names. */
	for (size_t i = answer->subject_count; rc >= 0 && i-- > 0;)
		rc = mt_groups_add(groups, (enum mt_side)i, &answer->subjects[i].profile,
				   &answer->subjects[i].callsites, question->metric,
				   question->is_cumulative, err);
	if (rc >= 0 && question->matches_functions && question->by == MT_BY_LINENO)
		rc = mt_match_functions(groups, err);
	struct mt_statistics statistics = {0};
	if (rc >= 0)
		rc = mt_statistics_init(&statistics, groups, is_diff, question->sort,
					question->limit, err);
	if (rc >= 0)
		rc = mt_rows_add(&answer->report, groups, &statistics, is_diff,
				 question->directory, err);
	if (rc >= 0) {
		struct mt_table *table = &answer->report.tables[0];
		table->totals.now = groups->totals[MT_SIDE_NEW];
		table->totals.diff = difference(groups->totals[MT_SIDE_NEW],
						groups->totals[MT_SIDE_OLD]);
	}
	mt_statistics_deinit(&statistics);
	return rc;
}

static int answer_sides(struct mt_answer *answer, const struct mt_question *question,
			const char *const *names, struct mt_error *err)
{
	int rc = mt_question_check(question, err);
	if (rc >= 0)
		rc = mt_locations_init(&answer->locations, err);
	if (rc >= 0)
		rc = make_symbolizer(answer, question, err);
	for (int i = 0; rc >= 0 && i < 2 && names[i]; i++)
		rc = open_subject(answer, question, names[i], err);
	for (size_t i = 0; rc >= 0 && i < answer->subject_count; i++)
		rc = fill_side(answer, (enum mt_side)i, err);
	if (rc >= 0)
		rc = add_facts(answer, question, err);
	return rc < 0 ? rc : mt_answer_report(answer, question, err);
}

int mt_answer_init(struct mt_answer *answer, const struct mt_question *question,
		   const char *new_side, const char *old_side, struct mt_error *err)
{
	*answer = (struct mt_answer){0};
	answer->report.schema = old_side ? "memtrace.diff/1" : "memtrace.top/1";
	answer->report.side_count = old_side ? 2 : 1;
	const char *names[2] = {[MT_SIDE_NEW] = new_side, [MT_SIDE_OLD] = old_side};
	int rc = answer_sides(answer, question, names, err);
	for (size_t i = 0; rc >= 0 && i < answer->subject_count; i++)
		note_state(answer, &answer->subjects[i]);
	return rc;
}

void mt_answer_deinit(struct mt_answer *answer)
{
	mt_report_deinit(&answer->report);
	mt_groups_deinit(&answer->groups);
	for (size_t i = 0; i < answer->subject_count; i++) {
		struct mt_subject *subject = &answer->subjects[i];
		mt_callsites_deinit(&subject->callsites);
		mt_frame_locations_deinit(&subject->own_frames);
		mt_profile_deinit(&subject->profile);
		if (subject->owns_trace)
			mt_trace_close(subject->trace);
		free(subject->name);
	}
	mt_symbolizer_destroy(answer->symbolizer);
	mt_locations_deinit(&answer->locations);
}
