/*
 * completion.h - completion scripts for shells, from the option tables. Outside.
 */
#ifndef MT_CLI_COMPLETION_H
#define MT_CLI_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

struct command_option;

void mt_completion_bash(FILE *out);
void mt_completion_zsh(FILE *out);
void mt_completion_fish(FILE *out);

/* Whether an option's argument is the name of a file. */
bool mt_completion_takes_file(const struct command_option *option);

#endif
