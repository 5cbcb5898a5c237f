/*
 * cmd-why.c - memtrace why: who holds a block. Outside.
 */
#include "cli/ask.h"
#include "cli/render.h"
#include "cli/values.h"
#include "cli/why-text.h"

#include <stdlib.h>
#include <string.h>

struct why_options {
	struct ask ask;
	const char *at;
};

static const struct command_option why_table[] = {
	{.name = "at",
	 .argument = "FILE:LINE",
	 .help = "blocks of this line",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct why_options, at)},
	{.name = "function",
	 .argument = "GLOB",
	 .help = "blocks of matching functions",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct why_options, ask.functions)},
	{.name = "module",
	 .argument = "GLOB",
	 .help = "blocks of matching modules",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct why_options, ask.modules)},
	{.short_name = 'n',
	 .argument = "N",
	 .help = "call sites to show, and paths of each; default 10, 0: all",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct why_options, ask.limit)},
	{.name = "raw-frames",
	 .help = "the innermost frame is the key frame, wrapper or not",
	 .offset = offsetof(struct why_options, ask.has_raw_frames)},
	{.name = "wrapper",
	 .argument = "NAME",
	 .help = "pass over this function too",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct why_options, ask.wrappers)},
	{0},
};

static int parse_address(const struct invocation *invocation,
			 struct mt_why_question *question, struct mt_error *err)
{
	if (invocation->operand_count < 2)
		return 0;
	const char *text = invocation->operands[1];
	char *end;
	question->has_address = true;
	question->address = strtoull(text, &end, 0);
	if (!*text || *end || *text == '-')
		return mt_fail(err, MT_ERR_USAGE, "'%s' is not an address", text);
	return 0;
}

static int print(const struct invocation *invocation, struct mt_why *why,
		 const struct mt_why_question *question, struct mt_error *err)
{
	struct why_text text = {.limit = question->base.limit,
				.color = invocation->color,
				.is_ascii = !render_has_utf8(),
				.directory = question->base.directory};
	int rc = 0;
	if (!invocation->json)
		why_text_print(stdout, why, &text);
	else if ((rc = mt_why_report(why, question->base.limit, err)) >= 0)
		render_json(stdout, &why->answer.report);
	return rc < 0 ? rc : ask_finish(invocation, &why->answer.remark, err);
}

static int why_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct why_options *options = invocation->options;
	struct ask_question asked;
	struct mt_why_question question;
	struct mt_why why = {0};
	int rc = ask_question_init(&asked, invocation, &options->ask, err);
	if (rc >= 0 && options->at)
		rc = ask_question_at(&asked, options->at, err);
	question = (struct mt_why_question){.base = asked.question};
	if (rc >= 0)
		rc = parse_address(invocation, &question, err);
	if (rc >= 0 && question.has_address && question.base.filter_count)
		rc = mt_fail(err, MT_ERR_USAGE,
			     "an address names one block: without --at, --function and "
			     "--module");
	if (rc >= 0)
		rc = mt_why_init(&why, &question, invocation->operands[0], err);
	if (rc >= 0)
		rc = print(invocation, &why, &question, err);
	mt_why_deinit(&why);
	ask_question_deinit(&asked);
	return rc;
}

const struct command cmd_why = {
	.name = "why",
	.args = "TRACE[@SNAP] [ADDRESS]",
	.summary = "show which pointers keep blocks alive",
	.notes =
		"Without --at, --function, --module or ADDRESS: the largest call sites.\n"
		"The program must have been run with 'memtrace run --leaks', or scanned "
		"with\n'memtrace snapshot --leaks PID'.\n",
	.min_operands = 1,
	.max_operands = 2,
	.prints_results = true,
	.options = why_table,
	.options_bytes = sizeof(struct why_options),
	.defaults = &(const struct why_options){.ask = {.limit = 10}},
	.run = why_run,
};
