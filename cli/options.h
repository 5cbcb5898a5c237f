/*
 * options.h - from argv to an invocation, by the option tables. Outside.
 *
 * Long options (--by KEY, --by=KEY), short ones (-n 5, -n5, -qn5), "--" ends them;
 * they may stand after operands, except where the command stops at its first operand.
 */
#ifndef MT_CLI_OPTIONS_H
#define MT_CLI_OPTIONS_H

#include "cli/command.h"

/* The result of parsing and the memory behind it. */
struct mt_options {
	struct invocation invocation;
	bool wants_help; /* --help was met: nothing else was checked */
	void *storage;   /* the command's options struct */
};

/*
 * argv[0] is the command's name. Returns 0 or a negative code; deinit in either case,
 * and after the command has run.
 */
int mt_options_parse(struct mt_options *options, const struct command *command, int argc,
		     char **argv, struct mt_error *err);
void mt_options_deinit(struct mt_options *options);

/*
 * The option after previous (NULL: the first): the command's own, then those common to
 * all commands. NULL at the end.
 */
const struct command_option *mt_options_next(const struct command *command,
					     const struct command_option *previous);

#endif
