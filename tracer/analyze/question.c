/*
 * question.c - see question.h. Outside.
 */
#include "tracer/analyze/question.h"

#include "tracer/analyze/match.h"
#include "tracer/analyze/retained.h"
#include "tracer/analyze/rows.h"
#include "tracer/analyze/samples.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const metric_names[] = {
	[MT_METRIC_LIVE] = "live",
	[MT_METRIC_PEAK] = "peak",
	[MT_METRIC_TOTAL] = "total",
	[MT_METRIC_RETAINED] = "retained",
};

int mt_question_check(const struct mt_question *question, struct mt_error *err)
{
	if (question->is_cumulative && !mt_by_is_location(question->by))
		return mt_fail(err, MT_ERR_USAGE,
			       "--cumulative cannot be used with --by %s",
			       mt_by_name(question->by));
	if (question->matches_functions && question->by == MT_BY_TRACEBACK)
		return mt_fail(err, MT_ERR_USAGE,
			       "--match function cannot be used with --by traceback");
	if (mt_by_needs_cells(question->by) && question->metric != MT_METRIC_LIVE)
		return mt_fail(
			err, MT_ERR_USAGE,
			"--by %s knows live blocks only: a trace does not say which "
			"%s the blocks of --metric %s had",
			mt_by_name(question->by),
			question->by == MT_BY_THREAD ? "threads" : "classes",
			metric_names[question->metric]);
	if (question->by == MT_BY_TYPE &&
	    (question->metric == MT_METRIC_PEAK || question->metric == MT_METRIC_TOTAL))
		return mt_fail(err, MT_ERR_USAGE,
			       "--by type knows live blocks only: a trace does not say "
			       "what the blocks of --metric %s were",
			       metric_names[question->metric]);
	if (question->metric == MT_METRIC_RETAINED &&
	    (question->is_cumulative || mt_by_needs_cells(question->by)))
		return mt_fail(err, MT_ERR_USAGE,
			       "--metric retained cannot be used with %s%s",
			       question->is_cumulative ? "--cumulative" : "--by ",
			       question->is_cumulative ? "" : mt_by_name(question->by));
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
			mt_by_name(question->by),
			question->by == MT_BY_THREAD ? "threads" : "classes");
	if (question->metric == MT_METRIC_TOTAL)
		return mt_fail(err, MT_ERR_USAGE,
			       "--metric total cannot be answered at @peak: a trace does "
			       "not say how much had been allocated by then");
	return 0;
}

/* From a name to a subject. */

static int make_symbolizer(struct mt_answer *answer, const struct mt_question *question,
			   struct mt_error *err)
{
	if (answer->symbolizer || !mt_question_needs_symbols(question))
		return 0;
	struct mt_symbolizer_options options = {
		.notice = question->notice, .notice_context = question->notice_context};
	return mt_symbolizer_create(&answer->symbolizer, &options, err);
}

/* The subject that opened the same trace before, or NULL. */
static const struct mt_subject *find_opened(const struct mt_answer *answer,
					    const struct mt_subject *subject)
{
	for (const struct mt_subject *s = answer->subjects; s < subject; s++)
		if (s->owns_trace && s->trace && !strcmp(s->name, subject->name))
			return s;
	return NULL;
}

static int open_trace(const struct mt_answer *answer, struct mt_subject *subject,
		      const char *path, struct mt_error *err)
{
	subject->name = strdup(path);
	if (!subject->name)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	const struct mt_subject *opened = find_opened(answer, subject);
	if (opened) {
		subject->trace = opened->trace;
		return 0;
	}
	subject->owns_trace = true;
	return mt_trace_open(&subject->trace, path, MT_TRACE_LOAD_PROFILES, err);
}

static int open_frames(struct mt_answer *answer, struct mt_subject *subject,
		       struct mt_error *err)
{
	if (!subject->owns_trace) {
		subject->frames = find_opened(answer, subject)->frames;
		return 0;
	}
	uint32_t base = 1;
	for (const struct mt_subject *s = answer->subjects; s < subject; s++)
		if (s->owns_trace && s->trace)
			base += (uint32_t)s->trace->modules.count;
	int rc = mt_frame_locations_init(&subject->own_frames, &answer->locations,
					 subject->trace, answer->symbolizer, base, err);
	subject->frames = &subject->own_frames;
	return rc;
}

bool mt_question_needs_scan(const struct mt_question *question)
{
	return question->is_of_scan || question->by == MT_BY_TYPE ||
	       question->metric == MT_METRIC_RETAINED;
}

/* What asked for it is an option: the message names it. */
static int say_no_scan(const struct mt_question *question, const struct mt_error *why,
		       struct mt_error *err)
{
	if (why->code != MT_ERR_MISSING || question->is_of_scan)
		return mt_fail(err, why->code, "%s", why->message);
	return mt_fail(err, MT_ERR_MISSING, "%s needs a scan in each snapshot: %s",
		       question->by == MT_BY_TYPE ? "--by type" : "--metric retained",
		       why->message);
}

static int open_scan(struct mt_subject *subject, const struct mt_question *question,
		     struct mt_error *err)
{
	struct mt_error why = {0};
	if (!mt_question_needs_scan(question))
		return 0;
	int rc = mt_heap_init(&subject->heap, subject->trace, &subject->profile.moment,
			      &why);
	if (rc < 0)
		return say_no_scan(question, &why, err);
	if (question->is_of_scan)
		rc = mt_heap_set_rows(&subject->profile, &subject->heap, MT_ALL_KINDS,
				      err);
	if (rc >= 0 && (question->is_of_scan || question->by == MT_BY_TYPE))
		rc = mt_types_init(&subject->types, &subject->heap, subject->frames, err);
	if (rc >= 0 && question->by == MT_BY_TYPE)
		rc = mt_heap_set_cells(&subject->profile, &subject->heap, MT_ALL_KINDS,
				       &subject->types, err);
	return rc;
}

static void subject_deinit(struct mt_subject *subject)
{
	mt_callsites_deinit(&subject->callsites);
	mt_frame_locations_deinit(&subject->own_frames);
	mt_profile_deinit(&subject->profile);
	mt_types_deinit(&subject->types);
	mt_heap_deinit(&subject->heap);
	if (subject->owns_trace)
		mt_trace_close(subject->trace);
	free(subject->name);
}

static int open_subject(struct mt_answer *answer, struct mt_subject *subject,
			const struct mt_question *question, const char *argument,
			struct mt_error *err)
{
	struct mt_moment_name name;
	int rc = make_symbolizer(answer, question, err);
	if (rc >= 0)
		rc = mt_moment_name_init(&name, argument, err);
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
	if (rc >= 0)
		rc = open_scan(subject, question, err);
	return rc < 0 ? rc : mt_subject_resolve(subject, question, err);
}

int mt_answer_open(struct mt_answer *answer, const struct mt_question *question,
		   enum mt_side side, const char *argument, struct mt_error *err)
{
	if (answer->subject_count == MT_MAX_SUBJECTS)
		return mt_fail(err, MT_ERR_USAGE, "at most %d traces can be compared",
			       MT_MAX_SUBJECTS);
	struct mt_subject *subject = &answer->subjects[answer->subject_count];
	subject->side = side;
	int rc = open_subject(answer, subject, question, argument, err);
	if (rc >= 0) {
		answer->subject_count++;
		return rc;
	}
	subject_deinit(subject);
	*subject = (struct mt_subject){0};
	return rc;
}

void mt_answer_note_state(struct mt_answer *answer, const struct mt_subject *subject)
{
	if (subject->profile.is_short && !subject->trace->damage.code)
		mt_fail(&answer->remark, MT_ERR_DAMAGED,
			"%s: the snapshot's rows do not add up to its totals: some are "
			"lost",
			subject->trace->path);
	if (subject->heap.is_short && !subject->trace->damage.code)
		mt_fail(&answer->remark, MT_ERR_DAMAGED,
			"%s: the scan has fewer blocks than it says: some are lost",
			subject->trace->path);
	mt_trace_remark(subject->trace, &answer->remark);
	answer->report.is_incomplete |= answer->remark.code != 0;
}

/* From groups to the report. */

int mt_answer_add_side(struct mt_report *report, const struct mt_subject *subject,
		       struct mt_error *err)
{
	const struct mt_moment *moment = &subject->profile.moment;
	const char *label = mt_moment_label(moment);
	report->sides[report->side_count++] = (struct mt_report_side){
		.trace = mt_report_string(report, subject->name, err),
		.label = label ? mt_report_string(report, label, err) : NULL,
		.index = mt_moment_index(moment),
		.time_ns = mt_moment_time_ns(moment),
		.is_old = subject->side == MT_SIDE_OLD};
	return err && err->code == MT_ERR_NO_MEMORY ? MT_ERR_NO_MEMORY : 0;
}

/* Whether a block may count in several rows. */
static bool has_overlap(const struct mt_question *question)
{
	return question->is_cumulative || question->metric == MT_METRIC_RETAINED;
}

static int add_facts(struct mt_answer *answer, const struct mt_question *question,
		     struct mt_error *err)
{
	struct mt_report *report = &answer->report;
	const struct mt_profile *profile = &answer->subjects[0].profile;
	const struct mt_record_snapshot *rec = &profile->moment.rows->record;
	struct mt_fact by = {.name = "by",
			     .value = mt_value_text(mt_by_name(question->by))};
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
	struct mt_fact overlap = {.name = "overlap",
				  .kind = MT_COLUMN_FLAG,
				  .value = mt_value_number(true)};
	bool is_of_peak = profile->moment.is_peak || question->metric == MT_METRIC_PEAK;
	int rc = mt_report_add_fact(report, by, err);
	if (rc >= 0)
		rc = mt_report_add_fact(report, metric, err);
	if (rc >= 0 && has_overlap(question))
		rc = mt_report_add_fact(report, overlap, err);
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

/* Groups. */

static size_t side_count(const struct mt_answer *answer, enum mt_side side)
{
	size_t count = 0;
	for (size_t i = 0; i < answer->subject_count; i++)
		count += answer->subjects[i].side == side;
	return count;
}

/* In place of what lives, what it retains. */
static int retain(struct mt_groups *groups, enum mt_side side,
		  const struct mt_subject *subject, struct mt_error *err)
{
	const struct mt_heap *heap = &subject->heap;
	uint32_t *group_of = malloc((heap->blocks.count + 1) * sizeof *group_of);
	struct mt_counts *sums = calloc(groups->count + 1, sizeof *sums);
	int rc = group_of && sums ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (rc >= 0)
		rc = mt_heap_locate(heap, groups, &subject->profile, &subject->callsites,
				    group_of, err);
	if (rc >= 0)
		rc = mt_retained_add(heap, group_of, groups->count, sums, err);
	for (size_t i = 0; rc >= 0 && i < groups->count; i++)
		groups->list[i].sides[side] = sums[i];
	free(group_of);
	free(sums);
	return rc;
}

/* All subjects of a side; several of them are settled as samples. */
static int group_side(struct mt_answer *answer, const struct mt_question *question,
		      enum mt_side side, struct mt_error *err)
{
	struct mt_groups *groups = &answer->groups;
	struct mt_samples samples = {.groups = groups, .side = side};
	bool has_several = side_count(answer, side) > 1;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < answer->subject_count; i++) {
		const struct mt_subject *subject = &answer->subjects[i];
		if (subject->side != side)
			continue;
		rc = mt_groups_add(groups, side, &subject->profile, &subject->callsites,
				   question->metric, question->is_cumulative, err);
		if (rc >= 0 && question->metric == MT_METRIC_RETAINED)
			rc = retain(groups, side, subject, err);
		if (rc >= 0 && has_several)
			rc = mt_samples_note(&samples, err);
	}
	if (rc >= 0 && has_several)
		rc = mt_samples_settle(&samples, question->is_cumulative, err);
	mt_samples_deinit(&samples);
	return rc;
}

int mt_answer_group(struct mt_answer *answer, const struct mt_question *question,
		    struct mt_error *err)
{
	int rc = mt_groups_init(&answer->groups, question->by, &answer->locations, err);
	/* The old side first, so that the new one has the last word in names. */
	if (rc >= 0)
		rc = group_side(answer, question, MT_SIDE_OLD, err);
	if (rc >= 0)
		rc = group_side(answer, question, MT_SIDE_NEW, err);
	if (rc >= 0 && question->matches_functions && question->by == MT_BY_LINENO)
		rc = mt_match_functions(&answer->groups, err);
	return rc;
}

int mt_answer_report(struct mt_answer *answer, const struct mt_question *question,
		     struct mt_error *err)
{
	size_t old_count = side_count(answer, MT_SIDE_OLD);
	bool is_diff = old_count > 0;
	const struct mt_groups *groups = &answer->groups;
	struct mt_statistics statistics = {0};
	int rc = mt_answer_group(answer, question, err);
	if (rc >= 0)
		rc = mt_statistics_init(&statistics, groups, is_diff, question->sort,
					question->limit, err);
	if (rc >= 0)
		rc = mt_rows_add(&answer->report, groups, &statistics, is_diff,
				 question->directory, err);
	if (rc >= 0) {
		struct mt_table *table = &answer->report.tables[0];
		table->has_spread = answer->subject_count > 1 + (size_t)is_diff;
		table->has_overlap = has_overlap(question);
		table->totals.now = groups->totals[MT_SIDE_NEW];
		table->totals.diff = difference(groups->totals[MT_SIDE_NEW],
						groups->totals[MT_SIDE_OLD]);
	}
	mt_statistics_deinit(&statistics);
	return rc;
}

static int open_side(struct mt_answer *answer, const struct mt_question *question,
		     enum mt_side side, struct mt_names names, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < names.count; i++)
		rc = mt_answer_open(answer, question, side, names.list[i], err);
	return rc;
}

static int answer_sides(struct mt_answer *answer, const struct mt_question *question,
			struct mt_names new_side, struct mt_names old_side,
			struct mt_error *err)
{
	int rc = mt_question_check(question, err);
	if (rc >= 0)
		rc = mt_locations_init(&answer->locations, err);
	if (rc >= 0)
		rc = open_side(answer, question, MT_SIDE_NEW, new_side, err);
	if (rc >= 0)
		rc = open_side(answer, question, MT_SIDE_OLD, old_side, err);
	for (size_t i = 0; rc >= 0 && i < answer->subject_count; i++)
		rc = mt_answer_add_side(&answer->report, &answer->subjects[i], err);
	if (rc >= 0)
		rc = add_facts(answer, question, err);
	return rc < 0 ? rc : mt_answer_report(answer, question, err);
}

int mt_answer_init(struct mt_answer *answer, const struct mt_question *question,
		   struct mt_names new_side, struct mt_names old_side,
		   struct mt_error *err)
{
	*answer = (struct mt_answer){0};
	answer->report.schema = old_side.count ? "memtrace.diff/1" : "memtrace.top/1";
	int rc = answer_sides(answer, question, new_side, old_side, err);
	for (size_t i = 0; rc >= 0 && i < answer->subject_count; i++)
		mt_answer_note_state(answer, &answer->subjects[i]);
	return rc;
}

void mt_answer_deinit(struct mt_answer *answer)
{
	mt_report_deinit(&answer->report);
	mt_groups_deinit(&answer->groups);
	for (size_t i = 0; i < answer->subject_count; i++)
		subject_deinit(&answer->subjects[i]);
	mt_symbolizer_destroy(answer->symbolizer);
	mt_locations_deinit(&answer->locations);
}
