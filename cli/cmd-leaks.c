/*
 * cmd-leaks.c - memtrace leaks: what nothing points at any more. Outside.
 */
#include "cli/ask.h"
#include "cli/leaks-text.h"
#include "cli/render.h"

#include <stdlib.h>
#include <unistd.h>

struct leaks_options {
	struct ask ask;
	bool wants_reachable, wants_retained;
};

static const struct option_choice by_choices[] = {
	{"traceback", MT_BY_TRACEBACK}, {"lineno", MT_BY_LINENO},
	{"filename", MT_BY_FILENAME},   {"function", MT_BY_FUNCTION},
	{"module", MT_BY_MODULE},       {"type", MT_BY_TYPE},
	{"domain", MT_BY_DOMAIN},       {NULL, 0},
};

static const struct command_option leaks_table[] = {
	{.name = "reachable",
	 .help = "also the blocks that are still held",
	 .offset = offsetof(struct leaks_options, wants_reachable)},
	{.name = "retained",
	 .help = "what would be freed with the blocks of a row, at least",
	 .offset = offsetof(struct leaks_options, wants_retained)},
	{.name = "by",
	 .argument = "KEY",
	 .help = "what makes a row; default traceback",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct leaks_options, ask.by),
	 .choices = by_choices},
	{.short_name = 'n',
	 .argument = "N",
	 .help = "rows to show, and below each; default 10, 0: all",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct leaks_options, ask.limit)},
	{.table = ask_filters_table,
	 .type = OPTION_TABLE,
	 .offset = offsetof(struct leaks_options, ask)},
	{.table = ask_frames_table,
	 .type = OPTION_TABLE,
	 .offset = offsetof(struct leaks_options, ask)},
	{0},
};

static int print(const struct invocation *invocation, struct mt_leaks *leaks,
		 const struct mt_leaks_question *question, struct mt_error *err)
{
	struct leaks_text text = {.limit = question->base.limit,
				  .color = invocation->color,
				  .shows_retained = question->wants_retained,
				  .directory = question->base.directory};
	int rc = 0;
	if (!invocation->json)
		leaks_text_print(stdout, leaks, &text);
	else if ((rc = mt_leaks_report(leaks, question, err)) >= 0)
		render_json(stdout, &leaks->answer.report);
	return rc < 0 ? rc : ask_finish(invocation, &leaks->answer.remark, err);
}

static int leaks_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct leaks_options *options = invocation->options;
	struct ask_question asked;
	int rc = ask_question_init(&asked, invocation, &options->ask, err);
	struct mt_leaks_question question = {.base = asked.question,
					     .wants_reachable = options->wants_reachable,
					     .wants_retained = options->wants_retained};
	struct mt_leaks leaks = {0};
	if (rc >= 0)
		rc = mt_leaks_init(&leaks, &question, invocation->operands[0], err);
	if (rc >= 0)
		rc = print(invocation, &leaks, &question, err);
	mt_leaks_deinit(&leaks);
	ask_question_deinit(&asked);
	return rc;
}

const struct command cmd_leaks = {
	.name = "leaks",
	.args = "TRACE[@SNAP]",
	.summary = "show blocks that nothing points at any more",
	.notes = "The program must have been run with 'memtrace run --leaks', or scanned "
		 "with\n'memtrace snapshot --leaks PID'.\n",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.options = leaks_table,
	.options_bytes = sizeof(struct leaks_options),
	.defaults = &(
		const struct leaks_options){.ask = {.by = MT_BY_TRACEBACK, .limit = 10}},
	.run = leaks_run,
};
