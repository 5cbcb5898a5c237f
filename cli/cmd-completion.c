/*
 * cmd-completion.c - memtrace completion: the build calls it for each shell. Outside.
 */
#include "cli/command.h"
#include "cli/completion.h"

#include <string.h>

bool mt_completion_takes_file(const struct command_option *option)
{
	return option->argument && (!strcmp(option->argument, "FILE") ||
				    !strncmp(option->argument, "TRACE", 5));
}

static int completion_run(const struct invocation *invocation, struct mt_error *err)
{
	const char *shell = invocation->operands[0];
	if (!strcmp(shell, "bash"))
		mt_completion_bash(stdout);
	else if (!strcmp(shell, "zsh"))
		mt_completion_zsh(stdout);
	else if (!strcmp(shell, "fish"))
		mt_completion_fish(stdout);
	else
		return mt_fail(err, MT_ERR_USAGE, "'%s' is none of bash, zsh, fish",
			       shell);
	return 0;
}

const struct command cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "print the completion script of a shell",
	.min_operands = 1,
	.max_operands = 1,
	.is_hidden = true,
	.run = completion_run,
};
