/*
 * cmd-top.c - memtrace top: who holds, held or churned the memory. Outside.
 */
#include "cli/ask.h"

static const struct command_option top_table[] = {
	{.table = ask_rows_table, .type = OPTION_TABLE},
	{.table = ask_filters_table, .type = OPTION_TABLE},
	{.table = ask_frames_table, .type = OPTION_TABLE},
	{0},
};

static int top_run(const struct invocation *invocation, struct mt_error *err)
{
	struct mt_names side = {(const char *const *)invocation->operands, 1};
	return ask(invocation, invocation->options, side, (struct mt_names){0}, err);
}

const struct command cmd_top = {
	.name = "top",
	.args = "TRACE[@SNAP]",
	.summary = "show who holds the memory",
	.notes = "SNAP is a label, an index, or start, peak, exit (the default).\n",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.options = top_table,
	.options_bytes = sizeof(struct ask),
	.defaults = &(const struct ask){.limit = 10},
	.run = top_run,
};
