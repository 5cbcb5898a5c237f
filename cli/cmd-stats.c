/*
 * cmd-stats.c - memtrace stats: size classes, pools and arenas, and the layers around
 * them. Outside.
 */
#include "cli/ask.h"
#include "cli/render.h"
#include "cli/stats-text.h"

#include <stdlib.h>

static int print_json(const struct mt_answer *answer, const struct mt_stats *stats,
		      struct mt_error *err)
{
	struct mt_report report = {.schema = "memtrace.stats/1",
				   .is_incomplete = answer->remark.code != 0};
	int rc = mt_answer_add_side(&report, &answer->subjects[0], err);
	if (rc >= 0)
		rc = mt_stats_report(stats, &report, err);
	if (rc >= 0)
		render_json(stdout, &report);
	mt_report_deinit(&report);
	return rc;
}

static int print(const struct invocation *invocation, const struct mt_answer *answer,
		 const struct mt_places *places, struct mt_error *err)
{
	struct mt_stats stats;
	int rc = mt_stats_init(&stats, places, &answer->subjects[0].profile, err);
	if (rc < 0)
		return rc;
	if (invocation->json) {
		rc = print_json(answer, &stats, err);
	} else {
		if (places->has_small_heap)
			stats_text_pymalloc(stdout, &stats);
		stats_text_own(stdout, &stats);
	}
	mt_stats_deinit(&stats);
	return rc;
}

static int stats_run(const struct invocation *invocation, struct mt_error *err)
{
	struct mt_answer answer;
	struct mt_places places = {0};
	struct mt_question question = {.by = MT_BY_DOMAIN};
	const char *operand = invocation->operands[0];
	int rc = mt_answer_init(&answer, &question, (struct mt_names){&operand, 1},
				(struct mt_names){0}, err);
	if (rc >= 0)
		rc = mt_places_init(&places, answer.subjects[0].trace,
				    &answer.subjects[0].profile.moment, "stats", err);
	if (rc >= 0)
		rc = print(invocation, &answer, &places, err);
	if (rc >= 0)
		rc = ask_finish(invocation, &answer.remark, err);
	mt_places_deinit(&places);
	mt_answer_deinit(&answer);
	return rc;
}

const struct command cmd_stats = {
	.name = "stats",
	.args = "TRACE[@SNAP]",
	.summary = "show size classes, pools and arenas, and what lies beneath",
	.notes =
		"SNAP is a label, an index, or start, exit (the default). Of a program\n"
		"that runs: memtrace snapshot --label L PID, then memtrace stats TRACE@L.\n",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.run = stats_run,
};
