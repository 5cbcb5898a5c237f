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
static void print_explanation(FILE *out, const struct command_option *option)
{
	char text[1024];
	size_t length = (size_t)snprintf(text, sizeof text, "%s", option->help);
	const struct option_choice *choice = option->choices;
	for (; choice && choice->name && length < sizeof text; choice++)
		length += (size_t)snprintf(text + length, sizeof text - length, "%s%s%s",
					   choice == option->choices ? " (" : ", ",
					   choice->name, choice[1].name ? "" : ")");
	print_wrapped(out, text, HELP_COLUMN);
}

static void print_option(FILE *out, const struct command_option *option)
{
	char flags[128], letter[] = {'-', option->short_name, '\0'};
	const char *argument = option->argument ? option->argument : "";
	int length = snprintf(flags, sizeof flags, "  %s%s%s%s%s%s",
			      option->short_name ? letter : "  ",
			      option->short_name && option->name ? ", " : "",
			      !option->short_name ? "  " : "", option->name ? "--" : "",
			      option->name ? option->name : "", *argument ? " " : "");
	fprintf(out, "%s%s", flags, argument);
	length += (int)strlen(argument);
	if (length + 2 > HELP_COLUMN) {
		fputc('\n', out);
		length = 0;
	}
	fprintf(out, "%*s", HELP_COLUMN - length, "");
	print_explanation(out, option);
}

void mt_help_command(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: memtrace %s [OPTIONS]%s%s\n\n", command->name,
		*command->args ? " " : "", command->args);
	print_wrapped(out, command->summary, 0);
	fputs("\nOptions:\n", out);
	const struct command_option *option = NULL;
	while ((option = mt_options_next(command, option)))
		print_option(out, option);
	if (command->notes)
		fprintf(out, "\n%s", command->notes);
}
