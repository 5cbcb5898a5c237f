/*
 * cmd-help.c - memtrace help: the commands, or the options of one. Outside.
 */
#include "cli/command.h"
#include "cli/help.h"

enum {
	STATUS_USAGE = 2,
};

static int help_run(const struct invocation *invocation, struct mt_error *err)
{
	(void)err;
	if (!invocation->operand_count) {
		mt_help_overview(stdout);
		return 0;
	}
	const struct command *command = mt_command_find(invocation->operands[0]);
	if (!command) {
		/* The help of help would be no help. */
		mt_command_say(invocation->command,
			       "there is no command '%s'; see 'memtrace help'",
			       invocation->operands[0]);
		return STATUS_USAGE;
	}
	mt_help_command(stdout, command);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "show the commands, or the options of one",
	.max_operands = 1,
	.run = help_run,
};
