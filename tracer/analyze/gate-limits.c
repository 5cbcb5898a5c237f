/*
 * gate-limits.c - the limits of a gate; see gate.h. Outside.
 */
#include "tracer/analyze/gate-judging.h"

#include <inttypes.h>

enum {
	WORST_SITES = 10,
};

struct limit {
	const char *name; /* of the check, and of the option */
	struct mt_gate_limit given;
	enum mt_metric metric;
	bool counts_blocks;
	int64_t value;
	const char *what; /* in the text */
};

/* The largest call sites of what exceeds its limit. */
static int add_worst(struct mt_judging *j, const struct limit *limit, size_t *sites,
		     struct mt_error *err)
{
	const struct mt_subject *subject = &j->gate->answer.subjects[0];
	struct mt_groups groups;
	struct mt_statistics worst = {0};
	enum mt_sort sort = limit->counts_blocks ? MT_SORT_COUNT : MT_SORT_SIZE;
	int rc = mt_groups_init(&groups, MT_BY_LINENO, &j->gate->answer.locations, err);
	if (rc >= 0)
		rc = mt_groups_add(&groups, MT_SIDE_NEW, &subject->profile,
				   &subject->callsites, limit->metric, false, err);
	if (rc >= 0)
		rc = mt_statistics_init(&worst, &groups, false, sort, WORST_SITES, err);
	for (size_t i = 0; rc >= 0 && i < worst.count; i++)
		rc = mt_gate_add_row(j, limit->name, &groups, &worst.list[i], false, NULL,
				     err);
	*sites = groups.count;
	mt_statistics_deinit(&worst);
	mt_groups_deinit(&groups);
	return rc;
}

static void amount_text(char text[MT_SIZE_TEXT_BYTES], const struct limit *limit,
			uint64_t amount)
{
	if (limit->counts_blocks)
		snprintf(text, MT_SIZE_TEXT_BYTES, "%" PRIu64 " block%s", amount,
			 amount == 1 ? "" : "s");
	else
		mt_size_text(text, (double)amount, false);
}

static int judge_limit(struct mt_judging *j, const struct limit *limit,
		       struct mt_error *err)
{
	if (!limit->given.is_given)
		return 0;
	struct mt_check check = {.name = limit->name,
				 .unit = limit->counts_blocks ? "blocks" : "bytes",
				 .value = limit->value,
				 .has_limit = true,
				 .limit = (int64_t)limit->given.value};
	char value[MT_SIZE_TEXT_BYTES], allowed[MT_SIZE_TEXT_BYTES];
	bool exceeds = limit->value > 0 && (uint64_t)limit->value > limit->given.value;
	const char *doubt = j->trouble.code ? j->trouble.message : j->doubt.message;
	if (j->trouble.code || (!exceeds && j->doubt.code)) {
		check.state = MT_GATE_UNJUDGED;
		check.unit = NULL;
		return mt_gate_add_check(j, check, err, "%s", doubt);
	}
	amount_text(value, limit, (uint64_t)limit->value);
	amount_text(allowed, limit, limit->given.value);
	if (!exceeds)
		return mt_gate_add_check(j, check, err, "%s %s, within %s", value,
					 limit->what, allowed);
	check.state = MT_GATE_FAILED;
	int rc = add_worst(j, limit, &check.sites, err);
	return rc < 0 ? rc
		      : mt_gate_add_check(j, check, err, "%s %s, more than %s", value,
					  limit->what, allowed);
}

static int check_moment(const struct mt_judging *j, struct mt_error *err)
{
	const struct mt_answer *answer = &j->gate->answer;
	if (!j->asked->max_total.is_given || !answer->subject_count ||
	    !answer->subjects[0].profile.moment.is_peak)
		return 0;
	return mt_fail(err, MT_ERR_USAGE,
		       "--max-total cannot be judged at @peak: a trace does not say how "
		       "much had been allocated by then");
}

static struct mt_counts less(struct mt_counts a, struct mt_counts b)
{
	return (struct mt_counts){mt_wrapping_subtract(a.bytes, b.bytes),
				  mt_wrapping_subtract(a.count, b.count)};
}

int mt_gate_judge_limits(struct mt_judging *j, struct mt_error *err)
{
	const struct mt_gate_question *asked = j->asked;
	struct mt_counts live = less(j->live, j->suppressed);
	const struct limit limits[] = {
		{"max-live", asked->max_live, MT_METRIC_LIVE, false, live.bytes, "live"},
		{"max-peak", asked->max_peak, MT_METRIC_PEAK, false, j->peak.bytes,
		 "at the peak"},
		{"max-total", asked->max_total, MT_METRIC_TOTAL, false, j->total.bytes,
		 "allocated in all"},
		{"max-count", asked->max_count, MT_METRIC_LIVE, true, live.count, "live"},
	};
	int rc = check_moment(j, err);
	if (rc >= 0)
		rc = mt_gate_judge_leaks(j, err);
	for (size_t i = 0; rc >= 0 && i < sizeof limits / sizeof *limits; i++)
		rc = judge_limit(j, &limits[i], err);
	return rc;
}
