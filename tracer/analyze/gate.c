/*
 * gate.c - opening what is to be judged, and whether it can be; see gate.h. Outside.
 */
#include "tracer/analyze/gate.h"

#include "tracer/analyze/gate-judging.h"
#include "tracer/analyze/losses.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool mt_gate_is_fatal(int code)
{
	return code == MT_ERR_NO_MEMORY || code == MT_ERR_USAGE;
}

static bool is_memtraces(const struct mt_trace *trace, uint32_t node)
{
	uint32_t frame = trace->nodes.list[node].frame;
	if (frame == MT_NO_FRAME || trace->frames.list[frame].module == MT_NO_MODULE)
		return false;
	return trace->modules.list[trace->frames.list[frame].module].flags &
	       MT_MODULE_MEMTRACE;
}

/* The block of the self-test: of its size, and the C library asked for it for us. */
static bool is_self_test(const struct mt_trace *trace, const struct mt_profile_row *row)
{
	if (row->live.bytes != MT_SELF_TEST_BYTES || row->live.count != 1)
		return false;
	uint32_t caller = trace->nodes.list[row->node].parent;
	return is_memtraces(trace, row->node) ||
	       (caller != MT_NO_NODE && is_memtraces(trace, caller));
}

static bool drop_self_test(struct mt_profile *profile)
{
	for (size_t i = 0; i < profile->row_count; i++) {
		if (!is_self_test(profile->trace, &profile->rows[i]))
			continue;
		profile->rows[i] = profile->rows[--profile->row_count];
		return true;
	}
	return false;
}

int mt_gate_suppress(struct mt_judging *j, struct mt_subject *subject,
		     struct mt_counts *dropped, struct mt_error *err)
{
	drop_self_test(&subject->profile);
	return mt_suppressions_drop(j->asked->suppressions, &subject->profile,
				    &subject->callsites, dropped, err);
}

/* Losses make numbers too small, or sites wrong: then passing means nothing. */
static void note_losses(struct mt_judging *j, const struct mt_profile *profile)
{
	static const enum mt_loss uncounted[] = {
		MT_LOSS_COUNTERS_FULL, MT_LOSS_THREADS_FULL, MT_LOSS_BLOCKS_FULL};
	static const enum mt_loss misplaced[] = {MT_LOSS_TRACEBACKS_FULL,
						 MT_LOSS_NODES_FULL};
	for (size_t i = 0; i < sizeof uncounted / sizeof *uncounted; i++)
		if (profile->losses[uncounted[i]])
			mt_fail(&j->doubt, MT_ERR_INCOMPLETE,
				"not all was recorded: %" PRIu64 " %s",
				profile->losses[uncounted[i]],
				mt_loss_text(uncounted[i]));
	for (size_t i = 0; i < sizeof misplaced / sizeof *misplaced; i++)
		if (profile->losses[misplaced[i]])
			mt_fail(&j->site_doubt, MT_ERR_INCOMPLETE,
				"call sites are not all known: %" PRIu64 " %s",
				profile->losses[misplaced[i]],
				mt_loss_text(misplaced[i]));
	if (j->doubt.code)
		mt_fail(&j->site_doubt, j->doubt.code, "%s", j->doubt.message);
}

static void sum_up(struct mt_judging *j, const struct mt_profile *profile)
{
	for (size_t i = 0; i < profile->row_count; i++) {
		mt_counts_add(&j->live, profile->rows[i].live);
		mt_counts_add(&j->peak, profile->rows[i].peak);
		mt_counts_add(&j->total, profile->rows[i].total);
	}
}

/* What it says is not about the program that the process became. */
static void check_last_image(struct mt_judging *j, const struct mt_trace *trace)
{
	const struct mt_trace_meta *next = mt_trace_meta(trace, "unrecorded");
	const struct mt_trace_meta *why = mt_trace_meta(trace, "unrecorded_why");
	if (next)
		mt_fail(&j->trouble, MT_ERR_MISSING,
			"%s: not recorded: %s, which the process executed then%s",
			trace->path, next->value,
			why ? ", without LD_PRELOAD in its environment" : "");
}

/* No allocation is a fine number, if the recorder would have seen one. */
static void check_recorder(struct mt_judging *j, const struct mt_trace *trace)
{
	if (j->total.count)
		return;
	if (mt_trace_meta(trace, "own_malloc"))
		mt_fail(&j->trouble, MT_ERR_MISSING,
			"%s: nothing was recorded: the program's own malloc serves it",
			trace->path);
	if (mt_trace_meta(trace, "stopped"))
		mt_fail(&j->trouble, MT_ERR_MISSING,
			"%s: nothing was recorded: tracing was stopped", trace->path);
}

static void check_trace(struct mt_judging *j, const struct mt_subject *subject)
{
	const struct mt_trace *trace = subject->trace;
	mt_trace_remark(trace, &j->trouble);
	if (subject->profile.is_short)
		mt_fail(&j->trouble, MT_ERR_DAMAGED,
			"%s: the snapshot's rows do not add up to its totals",
			trace->path);
	check_last_image(j, trace);
	check_recorder(j, trace);
	note_losses(j, &subject->profile);
}

/* Nothing to judge: the report names what should have been the trace. */
static int note_no_trace(struct mt_judging *j, const struct mt_error *why,
			 struct mt_error *err)
{
	struct mt_report *report = &j->gate->report;
	const char *name = mt_report_string(report, j->asked->trace, err);
	mt_fail(&j->trouble, why->code, "%s", why->message);
	report->sides[0] = (struct mt_report_side){.trace = name, .index = -1};
	report->side_count = 1;
	return name ? 0 : MT_ERR_NO_MEMORY;
}

static int open_trace(struct mt_judging *j, struct mt_error *err)
{
	struct mt_answer *answer = &j->gate->answer;
	const char *name = j->asked->trace;
	struct mt_error local = {0};
	int rc =
		j->asked->no_trace
			? mt_fail(&local, MT_ERR_MISSING, "%s: not recorded: %s", name,
				  j->asked->no_trace)
			: mt_answer_open(answer, &j->question, MT_SIDE_NEW, name, &local);
	if (rc < 0 && mt_gate_is_fatal(rc))
		return mt_fail(err, rc, "%s", local.message);
	if (rc < 0)
		return note_no_trace(j, &local, err);
	struct mt_subject *subject = &answer->subjects[0];
	j->has_self_test = drop_self_test(&subject->profile);
	sum_up(j, &subject->profile);
	check_trace(j, subject);
	rc = mt_suppressions_judge(j->asked->suppressions, &subject->profile,
				   &subject->callsites, j->asked->today, err);
	if (rc >= 0)
		rc = mt_gate_suppress(j, subject, &j->suppressed, err);
	return rc < 0 ? rc : mt_answer_add_side(&j->gate->report, subject, err);
}

static int judge_trace(struct mt_judging *j, struct mt_error *err)
{
	struct mt_check check = {.name = "trace"};
	if (!j->trouble.code)
		return mt_gate_add_check(j, check, err, "complete");
	check.state = MT_GATE_UNJUDGED;
	return mt_gate_add_check(j, check, err, "%s", j->trouble.message);
}

/* With --gate-all: those that left no trace are counted in their parent's. */
static int judge_children(struct mt_judging *j, struct mt_error *err)
{
	static const enum mt_loss unseen[] = {MT_LOSS_CHILD_NO_HANDOVER,
					      MT_LOSS_CHILD_NO_ENVIRONMENT};
	struct mt_check check = {.name = "children", .state = MT_GATE_UNJUDGED};
	int rc = 0;
	if (!j->asked->judges_children || !j->gate->answer.subject_count)
		return 0;
	const struct mt_profile *profile = &j->gate->answer.subjects[0].profile;
	for (size_t i = 0; rc >= 0 && i < sizeof unseen / sizeof *unseen; i++)
		if (profile->losses[unseen[i]])
			rc = mt_gate_add_check(
				j, check, err, "not recorded: %s: %" PRIu64,
				mt_loss_text(unseen[i]), profile->losses[unseen[i]]);
	return rc;
}

static int judge_self_test(struct mt_judging *j, struct mt_error *err)
{
	struct mt_check check = {.name = "self-test"};
	if (!j->asked->demands_self_test)
		return 0;
	if (j->has_self_test)
		return mt_gate_add_check(j, check, err,
					 "the known block was found among those live");
	check.state = MT_GATE_UNJUDGED;
	return mt_gate_add_check(
		j, check, err,
		"the known block of %d bytes was not found: was the program run with "
		"--self-test, and does it use the C library's malloc?",
		MT_SELF_TEST_BYTES);
}

/* More than "trace" is to be judged. */
static int judge_anything(struct mt_judging *j, struct mt_error *err)
{
	if (j->trouble.code || j->gate->report.tables[MT_GATE_CHECKS].row_count > 1)
		return 0;
	struct mt_check check = {.name = "limits", .state = MT_GATE_UNJUDGED};
	return mt_gate_add_check(j, check, err,
				 "nothing to judge by: no limit, no baseline, and this "
				 "trace has no scan");
}

static int judge(struct mt_judging *j, struct mt_error *err)
{
	int rc = mt_locations_init(&j->gate->answer.locations, err);
	if (rc >= 0)
		rc = mt_gate_report_begin(j, err);
	if (rc >= 0)
		rc = open_trace(j, err);
	if (rc >= 0)
		rc = judge_trace(j, err);
	if (rc >= 0)
		rc = mt_gate_judge_limits(j, err);
	if (rc >= 0)
		rc = mt_gate_judge_baseline(j, err);
	if (rc >= 0)
		rc = mt_gate_judge_series(j, err);
	if (rc >= 0)
		rc = judge_children(j, err);
	if (rc >= 0)
		rc = judge_self_test(j, err);
	if (rc >= 0)
		rc = judge_anything(j, err);
	return rc < 0 ? rc : mt_gate_report_end(j, err);
}

int mt_gate_init(struct mt_gate *gate, const struct mt_gate_question *question,
		 struct mt_error *err)
{
	struct mt_judging j = {
		.gate = gate,
		.asked = question,
		.question = {.by = MT_BY_LINENO,
			     .has_raw_frames = question->has_raw_frames,
			     .matches_functions = question->matches_functions,
			     .needs_all_frames = question->suppressions->count > 0,
			     .wrappers = question->wrappers,
			     .directory = question->directory,
			     .notice = question->notice,
			     .notice_context = question->notice_context},
	};
	*gate = (struct mt_gate){0};
	return judge(&j, err);
}

void mt_gate_deinit(struct mt_gate *gate)
{
	mt_report_deinit(&gate->report);
	mt_answer_deinit(&gate->answer);
	mt_answer_deinit(&gate->leaks);
}

const char *mt_gate_state_name(enum mt_gate_state state)
{
	static const char *const names[] = {[MT_GATE_PASSED] = "passed",
					    [MT_GATE_FAILED] = "failed",
					    [MT_GATE_UNJUDGED] = "unjudged"};
	return names[state];
}
