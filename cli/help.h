/*
 * help.h - the texts of --help, from the tables. Outside.
 */
#ifndef MT_CLI_HELP_H
#define MT_CLI_HELP_H

#include "cli/command.h"

#include <stdio.h>

/* The list of commands. */
void mt_help_overview(FILE *out);

/* One command: usage, summary, options, notes. */
void mt_help_command(FILE *out, const struct command *command);

#endif
