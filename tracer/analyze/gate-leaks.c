/*
 * gate-leaks.c - what a scan says leaked, against --max-leaked; see gate.h. Outside.
 */
#include "tracer/analyze/gate-judging.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Definite and indirect blocks, less what is known. */
static int open_side(struct mt_judging *j, enum mt_side side, const char *name,
		     struct mt_error *err)
{
	struct mt_answer *answer = &j->gate->leaks;
	struct mt_question question = j->question;
	struct mt_counts dropped;
	question.is_of_scan = true;
	question.notice = NULL; /* said when the trace was opened for the rest */
	int rc = mt_answer_open(answer, &question, side, name, err);
	if (rc < 0)
		return rc;
	struct mt_subject *subject = &answer->subjects[answer->subject_count - 1];
	rc = mt_heap_set_rows(&subject->profile, &subject->heap, MT_LEAKED_KINDS, err);
	return rc < 0 ? rc : mt_gate_suppress(j, subject, &dropped, err);
}

/* Whether this trace was scanned: *err says why not. */
static int probe(const struct mt_judging *j, struct mt_error *err)
{
	const struct mt_answer *answer = &j->gate->answer;
	struct mt_heap heap;
	if (!answer->subject_count || !answer->subjects[0].profile.moment.rows)
		return mt_fail(err, MT_ERR_MISSING, "%s", j->trouble.message);
	int rc = mt_heap_init(&heap, answer->subjects[0].trace,
			      &answer->subjects[0].profile.moment, err);
	if (rc >= 0)
		mt_heap_deinit(&heap);
	return rc;
}

/* The baseline's leaks do not count; one without a scan has none to offer. */
static int open_sides(struct mt_judging *j, bool *has_old, struct mt_error *err)
{
	struct mt_error why = {0};
	int rc = mt_locations_init(&j->gate->leaks.locations, err);
	if (rc >= 0)
		rc = open_side(j, MT_SIDE_NEW, j->asked->trace, err);
	if (rc < 0 || !j->asked->baseline)
		return rc;
	rc = open_side(j, MT_SIDE_OLD, j->asked->baseline, &why);
	*has_old = rc >= 0;
	return rc == MT_ERR_NO_MEMORY ? mt_fail(err, rc, "%s", why.message) : 0;
}

/* Roots that could not be seen make leaks of what they hold. */
static const char *find_doubt(const struct mt_judging *j, bool exceeds)
{
	const struct mt_heap *heap = &j->gate->leaks.subjects[0].heap;
	if (j->trouble.code)
		return j->trouble.message;
	if (!exceeds && heap->is_short)
		return "the scan has fewer blocks than it says: some are lost";
	if (!exceeds && j->doubt.code)
		return j->doubt.message;
	if (exceeds && heap->scan.threads_missed)
		return "threads could not be stopped, and what their registers hold is not "
		       "known";
	return NULL;
}

static bool is_more(const struct mt_statistic *statistic, bool is_diff)
{
	return is_diff ? statistic->diff.bytes > 0 : statistic->now.bytes > 0;
}

static struct mt_counts sum_up(const struct mt_statistics *statistics, bool is_diff,
			       size_t *sites)
{
	struct mt_counts sum = {0};
	*sites = 0;
	for (size_t i = 0; i < statistics->count; i++) {
		const struct mt_statistic *s = &statistics->list[i];
		if (!is_more(s, is_diff))
			continue;
		mt_counts_add(&sum, is_diff ? s->diff : s->now);
		++*sites;
	}
	return sum;
}

static int add_rows(struct mt_judging *j, const struct mt_statistics *statistics,
		    bool is_diff, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < statistics->count; i++)
		if (is_more(&statistics->list[i], is_diff))
			rc = mt_gate_add_row(j, MT_GATE_LEAKED, &j->gate->leaks.groups,
					     &statistics->list[i], is_diff, NULL, err);
	return rc;
}

static int judge_sum(struct mt_judging *j, const struct mt_statistics *statistics,
		     bool is_diff, struct mt_error *err)
{
	uint64_t limit = j->asked->max_leaked.is_given ? j->asked->max_leaked.value : 0;
	struct mt_check check = {.name = MT_GATE_LEAKED,
				 .unit = "bytes",
				 .has_limit = true,
				 .limit = (int64_t)limit};
	size_t sites;
	struct mt_counts leaked = sum_up(statistics, is_diff, &sites);
	bool exceeds = leaked.bytes > 0 && (uint64_t)leaked.bytes > limit;
	const char *doubt = find_doubt(j, exceeds);
	char value[MT_SIZE_TEXT_BYTES], allowed[MT_SIZE_TEXT_BYTES];
	check.value = leaked.bytes;
	if (doubt) {
		check.state = MT_GATE_UNJUDGED;
		check.unit = NULL;
		return mt_gate_add_check(j, check, err, "%s", doubt);
	}
	mt_size_text(value, (double)leaked.bytes, false);
	mt_size_text(allowed, (double)limit, false);
	check.state = exceeds ? MT_GATE_FAILED : MT_GATE_PASSED;
	check.sites = exceeds ? sites : 0;
	int rc = exceeds ? add_rows(j, statistics, is_diff, err) : 0;
	return rc < 0 ? rc
		      : mt_gate_add_check(j, check, err,
					  "%s leaked in %" PRId64 " block%s%s, %s %s",
					  value, leaked.count,
					  leaked.count == 1 ? "" : "s",
					  is_diff ? " beyond the baseline" : "",
					  exceeds ? "more than" : "within", allowed);
}

static int judge_scan(struct mt_judging *j, struct mt_error *err)
{
	struct mt_question question = j->question;
	struct mt_statistics statistics = {0};
	bool is_diff = false;
	int rc = open_sides(j, &is_diff, err);
	if (rc >= 0)
		rc = mt_answer_group(&j->gate->leaks, &question, err);
	if (rc >= 0)
		rc = mt_statistics_init(&statistics, &j->gate->leaks.groups, is_diff,
					MT_SORT_SIZE, 0, err);
	if (rc >= 0)
		rc = judge_sum(j, &statistics, is_diff, err);
	mt_statistics_deinit(&statistics);
	return rc;
}

/* Nothing is lost at an exec: the memory goes, and who held it is replaced. */
static bool is_replaced(const struct mt_judging *j)
{
	const struct mt_answer *answer = &j->gate->answer;
	const struct mt_trace_meta *end =
		answer->subject_count ? mt_trace_meta(answer->subjects[0].trace, "end")
				      : NULL;
	return j->asked->judges_children && !j->trouble.code && end &&
	       !strcmp(end->value, "exec");
}

static int pass_replaced(struct mt_judging *j, struct mt_error *err)
{
	struct mt_check check = {.name = "max-leaked"};
	return mt_gate_add_check(j, check, err,
				 "not searched: the process went on as another program");
}

int mt_gate_judge_leaks(struct mt_judging *j, struct mt_error *err)
{
	struct mt_error why = {0};
	int rc = probe(j, &why);
	bool has_limit = j->asked->max_leaked.is_given;
	bool is_asked = has_limit || j->asked->finds_leaks;
	if (rc >= 0)
		return judge_scan(j, err);
	if (rc == MT_ERR_MISSING && is_asked && is_replaced(j))
		return pass_replaced(j, err);
	if (!is_asked)
		return 0;
	if (mt_gate_is_fatal(rc))
		return mt_fail(err, rc, "--max-leaked: %s", why.message);
	const char *doubt = j->trouble.code ? j->trouble.message : why.message;
	struct mt_check check = {.name = MT_GATE_LEAKED,
				 .state = MT_GATE_UNJUDGED,
				 .has_limit = has_limit,
				 .limit = (int64_t)j->asked->max_leaked.value};
	return mt_gate_add_check(j, check, err, "%s", doubt);
}
