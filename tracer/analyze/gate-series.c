/*
 * gate-series.c - growth per iteration, or from run to run; see gate.h and slope.h.
 * Outside.
 */
#include "tracer/analyze/gate-judging.h"

#include "tracer/analyze/samples.h"
#include "tracer/analyze/slope.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char iteration_label[] = "iteration";

struct series {
	struct mt_judging *j;
	const char *name, *unit; /* "iterations", "iteration" */
	struct mt_groups groups;
	struct mt_samples samples;
	int64_t steps[MT_SLOPE_MAX_POINTS];
	struct mt_error why; /* it cannot be judged */
};

/* A call site that grows, for sorting. */
struct grower {
	struct mt_statistic statistic;
	double per_step;
};

struct growers {
	struct grower *list;
	size_t count;
};

static int series_init(struct series *series, struct mt_judging *j, const char *name,
		       const char *unit, struct mt_error *err)
{
	*series = (struct series){.j = j, .name = name, .unit = unit, .why = j->trouble};
	int rc = mt_groups_init(&series->groups, MT_BY_LINENO, &j->gate->answer.locations,
				err);
	series->samples = (struct mt_samples){.groups = &series->groups};
	return rc;
}

static void series_deinit(struct series *series)
{
	mt_samples_deinit(&series->samples);
	mt_groups_deinit(&series->groups);
}

/* A resolved subject is the next point. */
static int add_point(struct series *series, struct mt_subject *subject, int64_t step,
		     struct mt_error *err)
{
	struct mt_counts dropped;
	int rc = mt_gate_suppress(series->j, subject, &dropped, err);
	if (rc >= 0)
		rc = mt_groups_add(&series->groups, MT_SIDE_NEW, &subject->profile,
				   &subject->callsites, MT_METRIC_LIVE, false, err);
	if (rc < 0)
		return rc;
	series->steps[series->samples.count] = step;
	return mt_samples_note(&series->samples, err);
}

/* Whether step is among MT_SLOPE_MAX_POINTS evenly chosen ones of first ... count - 1. */
static bool is_chosen(size_t step, size_t first, size_t count)
{
	size_t all = count - first, at = step - first;
	if (step < first)
		return false;
	return all <= MT_SLOPE_MAX_POINTS ||
	       at * MT_SLOPE_MAX_POINTS / all != (at + 1) * MT_SLOPE_MAX_POINTS / all;
}

static bool has_enough(struct series *series, size_t count)
{
	uint64_t warmup = series->j->asked->warmup;
	if (warmup < count && count - warmup >= MT_SLOPE_MIN_POINTS)
		return true;
	mt_fail(&series->why, MT_ERR_MISSING,
		"%zu %s, of which %" PRIu64 " to warm up: at least %d must be left",
		count, series->name, warmup, MT_SLOPE_MIN_POINTS);
	return false;
}

/* Iterations: snapshots of one trace. */

static bool is_iteration(const struct mt_trace_snapshot *snapshot)
{
	return snapshot->is_complete && snapshot->label &&
	       !strcmp(snapshot->label, iteration_label);
}

static int add_iteration(struct series *series, const struct mt_trace_snapshot *snapshot,
			 int64_t step, struct mt_error *err)
{
	const struct mt_subject *of = &series->j->gate->answer.subjects[0];
	struct mt_subject subject = {.trace = of->trace, .frames = of->frames};
	struct mt_moment moment = {.named = snapshot, .rows = snapshot};
	int rc = mt_profile_init(&subject.profile, of->trace, &moment, false, err);
	if (rc >= 0)
		rc = mt_subject_resolve(&subject, &series->j->question, err);
	if (rc >= 0)
		rc = add_point(series, &subject, step, err);
	mt_callsites_deinit(&subject.callsites);
	mt_profile_deinit(&subject.profile);
	return rc;
}

static int add_iterations(struct series *series, struct mt_error *err)
{
	const struct mt_trace *trace = series->j->gate->answer.subjects[0].trace;
	size_t count = 0, step = 0;
	for (size_t i = 0; i < trace->snapshots.count; i++)
		count += is_iteration(&trace->snapshots.list[i]);
	int rc = 0;
	if (!has_enough(series, count))
		return 0;
	for (size_t i = 0; rc >= 0 && i < trace->snapshots.count; i++) {
		const struct mt_trace_snapshot *snapshot = &trace->snapshots.list[i];
		if (!is_iteration(snapshot))
			continue;
		if (is_chosen(step, series->j->asked->warmup, count))
			rc = add_iteration(series, snapshot, (int64_t)step, err);
		step++;
	}
	return rc;
}

/* Runs: a trace each, as far as they can be judged. */

static int add_run(struct series *series, const char *name, int64_t step,
		   struct mt_error *err)
{
	struct mt_answer *answer = &series->j->gate->answer;
	struct mt_error local = {0};
	int rc = mt_answer_open(answer, &series->j->question, MT_SIDE_NEW, name, &local);
	if (rc < 0 && mt_gate_is_fatal(rc))
		return mt_fail(err, rc, "%s", local.message);
	if (rc < 0) {
		mt_fail(&series->why, rc, "%s", local.message);
		return 0;
	}
	struct mt_subject *subject = &answer->subjects[answer->subject_count - 1];
	mt_trace_remark(subject->trace, &series->why);
	return add_point(series, subject, step, err);
}

static int add_runs(struct series *series, struct mt_error *err)
{
	struct mt_names names = series->j->asked->runs;
	size_t first = series->j->asked->warmup;
	if (!has_enough(series, names.count))
		return 0;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < names.count; i++)
		if (is_chosen(i, first, names.count))
			rc = add_run(series, names.list[i], (int64_t)i, err);
	return rc;
}

/* Judging. */

static void read_points(const struct series *series, size_t group,
			struct mt_point points[MT_SLOPE_MAX_POINTS])
{
	for (size_t i = 0; i < series->samples.count; i++)
		points[i] = (struct mt_point){
			series->steps[i],
			mt_samples_get(&series->samples, i, group).bytes};
}

/* Is there anything to reckon? Most sites are the same at all points. */
static bool is_higher_at_end(const struct series *series, const struct mt_point *points)
{
	return points[series->samples.count - 1].bytes > points[0].bytes;
}

static bool grows(const struct series *series, size_t group, struct grower *grower)
{
	struct mt_point points[MT_SLOPE_MAX_POINTS];
	size_t last = series->samples.count - 1;
	read_points(series, group, points);
	if (!is_higher_at_end(series, points))
		return false;
	struct mt_slope slope = mt_slope_of(points, last + 1);
	uint64_t allowed =
		mt_gate_allowed(&series->j->asked->max_growth, points[0].bytes);
	if (!slope.goes_on || slope.at_least <= 0 || slope.at_least <= (double)allowed)
		return false;
	struct mt_counts first = mt_samples_get(&series->samples, 0, group);
	struct mt_counts now = mt_samples_get(&series->samples, last, group);
	*grower = (struct grower){
		.statistic = {.group = &series->groups.list[group],
			      .now = now,
			      .diff = {mt_wrapping_subtract(now.bytes, first.bytes),
				       mt_wrapping_subtract(now.count, first.count)}},
		.per_step = slope.per_step};
	return true;
}

static int compare_growers(const void *left, const void *right)
{
	const struct grower *a = left, *b = right;
	if (a->per_step != b->per_step)
		return a->per_step > b->per_step ? -1 : 1;
	return a->statistic.group < b->statistic.group ? -1 : 1;
}

static int find_growers(const struct series *series, struct growers *growers,
			struct mt_error *err)
{
	*growers = (struct growers){
		.list = calloc(series->groups.count + 1, sizeof *growers->list)};
	if (!growers->list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < series->groups.count; i++)
		growers->count += grows(series, i, &growers->list[growers->count]);
	qsort(growers->list, growers->count, sizeof *growers->list, compare_growers);
	return 0;
}

static int add_growers(struct series *series, const struct growers *growers,
		       struct mt_error *err)
{
	struct mt_check check = {.name = series->name,
				 .state = MT_GATE_FAILED,
				 .unit = "bytes",
				 .sites = growers->count};
	double sum = 0;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < growers->count; i++) {
		const struct grower *grower = &growers->list[i];
		sum += grower->per_step;
		rc = mt_gate_add_row(series->j, series->name, &series->groups,
				     &grower->statistic, true, &grower->per_step, err);
	}
	char text[MT_SIZE_TEXT_BYTES];
	mt_size_text(text, sum, true);
	check.value = llround(sum);
	return rc < 0 ? rc
		      : mt_gate_add_check(series->j, check, err,
					  "%zu call site%s grow%s from %s to %s: %s each",
					  check.sites, check.sites == 1 ? "" : "s",
					  check.sites == 1 ? "s" : "", series->unit,
					  series->unit, text);
}

static int judge_series(struct series *series, struct mt_error *err)
{
	struct mt_check check = {.name = series->name};
	if (!series->why.code && series->j->site_doubt.code)
		series->why = series->j->site_doubt;
	if (series->why.code) {
		check.state = MT_GATE_UNJUDGED;
		return mt_gate_add_check(series->j, check, err, "%s",
					 series->why.message);
	}
	struct growers growers;
	int rc = find_growers(series, &growers, err);
	if (rc >= 0 && growers.count) {
		rc = add_growers(series, &growers, err);
	} else if (rc >= 0) {
		check.unit = "bytes";
		rc = mt_gate_add_check(series->j, check, err,
				       "no call site keeps growing over %zu %s",
				       series->samples.count, series->name);
	}
	free(growers.list);
	return rc;
}

int mt_gate_judge_series(struct mt_judging *j, struct mt_error *err)
{
	struct series series;
	int rc = 0;
	if (j->asked->per_iteration) {
		rc = series_init(&series, j, "iterations", "iteration", err);
		if (rc >= 0 && !series.why.code)
			rc = add_iterations(&series, err);
		if (rc >= 0)
			rc = judge_series(&series, err);
		series_deinit(&series);
	}
	if (rc >= 0 && j->asked->runs.count) {
		rc = series_init(&series, j, "runs", "run", err);
		if (rc >= 0 && !series.why.code)
			rc = add_runs(&series, err);
		if (rc >= 0)
			rc = judge_series(&series, err);
		series_deinit(&series);
	}
	return rc;
}
