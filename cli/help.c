/*
 * help.c - see help.h. Outside.
 */
#include "cli/help.h"

#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

enum {
	HELP_WIDTH = 80,
	HELP_COLUMN = 26, /* where the explanation of an option begins */
	EXPLANATION_BYTES = 1024,
};

static size_t longest_name(void)
{
	size_t longest = 0;
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden && strlen((*c)->name) > longest)
			longest = strlen((*c)->name);
	return longest;
}

void mt_help_overview(FILE *out)
{
	fputs("Usage: memtrace COMMAND [OPTIONS] ...\n\n"
	      "Who asked for this memory, who still holds it, and why does it not come "
	      "back?\n\nCommands:\n",
	      out);
	int width = (int)longest_name();
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden)
			fprintf(out, "  %-*s  %s\n", width, (*c)->name, (*c)->summary);
	fputs("\nOptions:\n"
	      "  -h, --help  show this help\n"
	      "  --version   show the version\n"
	      "\nSee 'memtrace help COMMAND' or memtrace-COMMAND(1). To begin:\n"
	      "  memtrace run -o app.mtz ./app     record a program\n"
	      "  memtrace top app.mtz              see who holds its memory\n",
	      out);
}

/* Words of text from column on, further lines indented to the same column. */
static void print_wrapped(FILE *out, const char *text, size_t column)
{
	size_t used = column;
	while (*text) {
		size_t length = strcspn(text, " ");
		if (used > column && used + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", (int)column, "");
			used = column;
		}
		bool is_first = used == column;
		fprintf(out, "%s%.*s", is_first ? "" : " ", (int)length, text);
		used += length + !is_first;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* The phrase of the table, with the choices behind it. */
static void explain(char text[EXPLANATION_BYTES], const struct command_option *option)
{
	const char *help = option->together ? option->together : option->help;
	size_t length = (size_t)snprintf(text, EXPLANATION_BYTES, "%s", help);
	const struct option_choice *choice = option->choices;
	for (; choice && choice->name && length < EXPLANATION_BYTES; choice++)
		length += (size_t)snprintf(text + length, EXPLANATION_BYTES - length,
					   "%s%s%s",
					   choice == option->choices ? " (" : ", ",
					   choice->name, choice[1].name ? "" : ")");
}

/* "-q, --quiet"; an argument that the next option has too stands behind that one. */
static size_t print_flags(FILE *out, const struct command_option *option,
			  const struct command_option *next)
{
	const char *argument = option->argument ? option->argument : "";
	const char *following = next && next->argument ? next->argument : "";
	char letter[] = {'-', option->short_name, '\0'};
	int length = fprintf(out, "%s%s%s%s", option->short_name ? letter : "",
			     option->short_name && option->name ? ", " : "",
			     option->name ? "--" : "", option->name ? option->name : "");
	if (*argument && strcmp(argument, following) != 0)
		length += fprintf(out, " %s", argument);
	return (size_t)(length + (next ? fprintf(out, ", ") : 0));
}

/* The options of one line; the last of them. */
static const struct command_option *print_line(FILE *out, const struct command *command,
					       const struct command_option *option)
{
	size_t column = option->short_name ? 2 : 6;
	fprintf(out, "%*s", (int)column, "");
	for (; option->joins_next; option = mt_options_next(command, option))
		column += print_flags(out, option, mt_options_next(command, option));
	column += print_flags(out, option, NULL);
	char text[EXPLANATION_BYTES];
	explain(text, option);
	bool fits = column + 2 <= HELP_COLUMN;
	bool fits_behind = column + 2 + strlen(text) <= HELP_WIDTH;
	if (!fits && !fits_behind) {
		fputc('\n', out);
		column = 0;
	}
	size_t from = fits || !fits_behind ? HELP_COLUMN : column + 2;
	fprintf(out, "%*s", (int)(from - column), "");
	print_wrapped(out, text, from);
	return option;
}

void mt_help_command(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: memtrace %s [OPTIONS]%s%s\n", command->name,
		*command->args ? " " : "", command->args);
	print_wrapped(out, command->summary, 0);
	fputs("\nOptions:\n", out);
	const struct command_option *option = NULL;
	while ((option = mt_options_next(command, option)))
		option = print_line(out, command, option);
	if (command->notes)
		fprintf(out, "\n%s", command->notes);
}
