/*
 * cmd-why.c - memtrace why: who holds a block. Outside.
 */
#include "cli/ask.h"
#include "cli/render.h"
#include "cli/take-snapshot.h"
#include "cli/values.h"
#include "cli/why-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	 .help = "call sites, paths of each, blocks of a cycle to show; default 10, 0: all",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct why_options, ask.limit)},
	{.table = ask_frames_table,
	 .type = OPTION_TABLE,
	 .offset = offsetof(struct why_options, ask)},
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

/* A number that no file has as its name is a process: it is scanned now. */
static bool is_process(const char *operand, uint64_t *pid)
{
	struct mt_error none = {0};
	return access(operand, F_OK) != 0 && mt_value_integer(operand, pid, &none) >= 0 &&
	       *pid && *pid <= INT32_MAX;
}

static int scan_process(const struct invocation *invocation, uint32_t pid, char **trace,
			struct mt_error *err)
{
	struct snapshot_taken taken;
	const struct snapshot_wish wish = {.label = "why", .leaks = true};
	int rc = take_snapshot(pid, &wish, &taken, err);
	if (rc < 0)
		return rc;
	if (!invocation->quiet)
		mt_command_say(invocation->command,
			       "process %" PRIu32 ": scanned, in %s: %s", pid, taken.file,
			       taken.words);
	if (asprintf(trace, "%s@%s", taken.file, wish.label) < 0)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	return 0;
}

static int why_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct why_options *options = invocation->options;
	struct ask_question asked;
	struct mt_why_question question;
	struct mt_why why = {0};
	char *scanned = NULL;
	uint64_t pid;
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
	if (rc >= 0 && is_process(invocation->operands[0], &pid))
		rc = scan_process(invocation, (uint32_t)pid, &scanned, err);
	if (rc >= 0)
		rc = mt_why_init(&why, &question,
				 scanned ? scanned : invocation->operands[0], err);
	/* The trace of a process that runs has no end yet. */
	if (scanned && why.answer.remark.code == MT_ERR_INCOMPLETE)
		mt_error_clear(&why.answer.remark);
	if (rc >= 0)
		rc = print(invocation, &why, &question, err);
	mt_why_deinit(&why);
	ask_question_deinit(&asked);
	free(scanned);
	return rc;
}

const struct command cmd_why = {
	.name = "why",
	.args = "TRACE[@SNAP]|PID [ADDRESS]",
	.summary = "show which pointers keep blocks alive",
	.notes =
		"Without --at, --function, --module or ADDRESS: the largest call sites.\n"
		"The process PID is scanned now.\n"
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
