/*
 * completion-fish.c - see completion.h. Outside.
 */
#include "cli/completion.h"

#include "cli/command.h"
#include "cli/options.h"

#include <string.h>

static void print_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (strchr("'\\", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void print_option(FILE *out, const struct command *command,
			 const struct command_option *option)
{
	fprintf(out, "complete -c memtrace -n '__fish_seen_subcommand_from %s'",
		command->name);
	if (option->short_name)
		fprintf(out, " -s %c", option->short_name);
	if (option->name)
		fprintf(out, " -l %s", option->name);
	if (mt_completion_takes_file(option))
		fputs(" -r -F", out);
	else if (option->type != OPTION_FLAG)
		fputs(" -x", out);
	const struct option_choice *choice = option->choices;
	for (; choice && choice->name; choice++)
		fprintf(out, "%s%s%s", choice == option->choices ? " -a '" : " ",
			choice->name, choice[1].name ? "" : "'");
	fputs(" -d ", out);
	print_quoted(out, option->help);
	fputc('\n', out);
}

static void print_operands(FILE *out, const struct command *command)
{
	const char *operands = NULL;
	if (command->stops_at_operand)
		operands = "-x -a '(__fish_complete_subcommand --fcs-skip=2)'";
	else if (!strcmp(command->name, "help"))
		operands = "-x -a '(__memtrace_commands)'";
	else if (command->max_operands)
		operands = "-F";
	if (operands)
		fprintf(out,
			"complete -c memtrace -n '__fish_seen_subcommand_from %s' %s\n",
			command->name, operands);
}

static void print_command(FILE *out, const struct command *command)
{
	fprintf(out, "complete -c memtrace -n __fish_use_subcommand -a %s -d ",
		command->name);
	print_quoted(out, command->summary);
	fputc('\n', out);
	const struct command_option *option = NULL;
	while ((option = mt_options_next(command, option)))
		print_option(out, command, option);
	print_operands(out, command);
}

void mt_completion_fish(FILE *out)
{
	fputs("# fish completion for memtrace; generated from its option tables\n"
	      "function __memtrace_commands\n",
	      out);
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden)
			fprintf(out, "\techo %s\n", (*c)->name);
	fputs("end\ncomplete -c memtrace -f\n"
	      "complete -c memtrace -n __fish_use_subcommand -l help -d 'show the "
	      "commands'\n"
	      "complete -c memtrace -n __fish_use_subcommand -l version -d 'show the "
	      "version'\n",
	      out);
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden)
			print_command(out, *c);
}
