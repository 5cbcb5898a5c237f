/*
 * cmd-diff.c - memtrace diff: what changed between two snapshots. Outside.
 */
#include "cli/ask.h"

static const struct command_option diff_table[] = {
	{.name = "match",
	 .argument = "HOW",
	 .help = "what pairs rows of the two sides",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct ask, match),
	 .choices = ask_match_choices},
	{.table = ask_rows_table, .type = OPTION_TABLE},
	{.table = ask_filters_table, .type = OPTION_TABLE},
	{.table = ask_frames_table, .type = OPTION_TABLE},
	{0},
};

static int diff_run(const struct invocation *invocation, struct mt_error *err)
{
	const char *const *operands = (const char *const *)invocation->operands;
	int count = invocation->operand_count;
	/* "--" behind the first operands ends the old side, before them only the options. */
	int old_count = invocation->operands_before_dashes;
	if (old_count <= 0 && count != 2)
		return mt_fail(err, MT_ERR_USAGE,
			       "of %d traces, which are the old ones? OLD... -- NEW...",
			       count);
	if (old_count <= 0)
		old_count = 1;
	if (old_count == count)
		return mt_fail(err, MT_ERR_USAGE, "no new trace is named after --");
	struct mt_names old_side = {operands, (size_t)old_count};
	struct mt_names new_side = {operands + old_count, (size_t)(count - old_count)};
	return ask(invocation, invocation->options, new_side, old_side, err);
}

const struct command cmd_diff = {
	.name = "diff",
	.args = "OLD [... --] NEW [...]",
	.summary = "show what changed between two snapshots",
	.notes =
		"OLD and NEW are TRACE[@SNAP]; SNAP is a label, an index, or start, peak, exit\n"
		"(the default). With several traces on a side, rows show the median, and a change\n"
		"counts only where it exceeds the spread.\n",
	.min_operands = 2,
	.max_operands = ANY_NUMBER,
	.prints_results = true,
	.options = diff_table,
	.options_bytes = sizeof(struct ask),
	.defaults = &(const struct ask){.limit = 10},
	.run = diff_run,
};
