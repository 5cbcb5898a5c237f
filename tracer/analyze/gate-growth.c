/*
 * gate-growth.c - call sites against those of a baseline; see gate.h. Outside.
 */
#include "tracer/analyze/gate-judging.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t mt_gate_allowed(const struct mt_allowance *allowance, int64_t before)
{
	if (!allowance->is_percent)
		return allowance->amount;
	if (before <= 0)
		return 0;
	unsigned __int128 allowed =
		(unsigned __int128)before * allowance->amount / 1000000;
	return allowed > INT64_MAX ? INT64_MAX : (uint64_t)allowed;
}

/* What has to be the same in both, for their numbers to be comparable. */
static bool is_comparable(const struct mt_trace *a, const struct mt_trace *b,
			  struct mt_error *why)
{
	static const char *const keys[] = {"malloc", "geometry", "alignment", "python"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct mt_trace_meta *x = mt_trace_meta(a, keys[i]);
		const struct mt_trace_meta *y = mt_trace_meta(b, keys[i]);
		const char *new = x ? x->value : "unknown",
			   *old = y ? y->value : "unknown";
		if (!strcmp(new, old))
			continue;
		mt_fail(why, MT_ERR_INCOMPLETE,
			"%s: recorded in another mode: %s is %s, in the baseline %s",
			b->path, keys[i], new, old);
		return false;
	}
	return true;
}

static int open_baseline(struct mt_judging *j, struct mt_error *why, struct mt_error *err)
{
	struct mt_answer *answer = &j->gate->answer;
	struct mt_error local = {0};
	int rc = mt_answer_open(answer, &j->question, MT_SIDE_OLD, j->asked->baseline,
				&local);
	if (rc < 0 && mt_gate_is_fatal(rc))
		return mt_fail(err, rc, "%s", local.message);
	if (rc < 0) {
		mt_fail(why, rc, "%s", local.message);
		return 0;
	}
	struct mt_subject *subject = &answer->subjects[1];
	if (!is_comparable(answer->subjects[0].trace, subject->trace, why))
		return 0;
	mt_trace_remark(subject->trace, why);
	if (subject->profile.is_short)
		mt_fail(why, MT_ERR_DAMAGED,
			"%s: the snapshot's rows do not add up to its totals",
			subject->trace->path);
	struct mt_counts dropped;
	return mt_gate_suppress(j, subject, &dropped, err);
}

/* Which sides have source lines for a module's call sites, and which have none. */
struct module_lines {
	const char *module; /* interned */
	size_t with_line[2], without_line[2];
};

static void count_lines(struct module_lines *m, const struct mt_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		const struct mt_group *group = &groups->list[i];
		const mt_location_id ids[] = {[MT_SIDE_NEW] = group->location,
					      [MT_SIDE_OLD] = group->old_location};
		for (int side = 0; side < 2; side++) {
			const struct mt_location *l = &groups->locations->list[ids[side]];
			if (l->module == m->module && group->sides[side].count)
				(l->file ? m->with_line : m->without_line)[side]++;
		}
	}
}

/*
 * A side whose binary is gone has addresses where the other one has lines: all its call
 * sites would seem to be new, or to have vanished.
 */
static bool has_lost_lines(const struct mt_judging *j, struct mt_error *why)
{
	const struct mt_groups *groups = &j->gate->answer.groups;
	const struct mt_trace *trace = j->gate->answer.subjects[0].trace;
	for (size_t i = 0; i < trace->modules.count; i++) {
		struct mt_error ignored = {0};
		struct module_lines m = {.module = mt_locations_string(
						 groups->locations,
						 trace->modules.list[i].path, &ignored)};
		count_lines(&m, groups);
		for (int side = 0; side < 2; side++) {
			if (!m.with_line[!side] || m.with_line[side] ||
			    !m.without_line[side])
				continue;
			mt_fail(why, MT_ERR_MISSING,
				"%s: no source lines for %s: the file that was recorded is "
				"gone; keep it, or its debug file, beside the trace",
				side == MT_SIDE_OLD ? j->asked->baseline
						    : j->asked->trace,
				m.module);
			return true;
		}
	}
	return false;
}

/* Rows of the call sites that grew beyond what is allowed, the worst first. */
static int judge_sites(struct mt_judging *j, struct mt_check *check, struct mt_error *err)
{
	const struct mt_groups *groups = &j->gate->answer.groups;
	struct mt_statistics statistics;
	int rc = mt_statistics_init(&statistics, groups, true, MT_SORT_SIZE, 0, err);
	for (size_t i = 0; rc >= 0 && i < statistics.count; i++) {
		const struct mt_statistic *s = &statistics.list[i];
		j->gate->is_looser |= s->diff.bytes > 0;
		j->gate->is_tighter |= s->diff.bytes < 0;
		int64_t before = mt_wrapping_subtract(s->now.bytes, s->diff.bytes);
		if (s->diff.bytes <= 0 ||
		    (uint64_t)s->diff.bytes <=
			    mt_gate_allowed(&j->asked->max_growth, before))
			continue;
		check->sites++;
		check->value = mt_wrapping_add(check->value, s->diff.bytes);
		rc = mt_gate_add_row(j, check->name, groups, s, true, NULL, err);
	}
	mt_statistics_deinit(&statistics);
	return rc;
}

static void allowance_text(char text[MT_SIZE_TEXT_BYTES],
			   const struct mt_allowance *allowance)
{
	if (allowance->is_percent)
		snprintf(text, MT_SIZE_TEXT_BYTES, "%g %%",
			 (double)allowance->amount / 10000);
	else
		mt_size_text(text, (double)allowance->amount, false);
}

static int add_judged(struct mt_judging *j, struct mt_check *check, struct mt_error *err)
{
	char grown[MT_SIZE_TEXT_BYTES], allowed[MT_SIZE_TEXT_BYTES];
	mt_size_text(grown, (double)check->value, true);
	allowance_text(allowed, &j->asked->max_growth);
	if (check->sites) {
		check->state = MT_GATE_FAILED;
		return mt_gate_add_check(
			j, *check, err, "%zu call site%s grew by more than %s: %s",
			check->sites, check->sites == 1 ? "" : "s", allowed, grown);
	}
	if (j->site_doubt.code) {
		check->state = MT_GATE_UNJUDGED;
		check->unit = NULL;
		return mt_gate_add_check(j, *check, err, "%s", j->site_doubt.message);
	}
	return mt_gate_add_check(j, *check, err, "no call site grew by more than %s",
				 allowed);
}

int mt_gate_judge_baseline(struct mt_judging *j, struct mt_error *err)
{
	if (!j->asked->baseline)
		return 0;
	struct mt_check check = {.name = "baseline", .unit = "bytes"};
	struct mt_error why = j->trouble;
	int rc = why.code ? 0 : open_baseline(j, &why, err);
	if (rc >= 0 && !why.code)
		rc = mt_answer_group(&j->gate->answer, &j->question, err);
	if (rc < 0)
		return rc;
	if (why.code || has_lost_lines(j, &why)) {
		check.state = MT_GATE_UNJUDGED;
		check.unit = NULL;
		return mt_gate_add_check(j, check, err, "%s", why.message);
	}
	rc = judge_sites(j, &check, err);
	return rc < 0 ? rc : add_judged(j, &check, err);
}
