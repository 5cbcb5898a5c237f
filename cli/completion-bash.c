/*
 * completion-bash.c - see completion.h. Outside.
 */
#include "cli/completion.h"

#include "cli/command.h"
#include "cli/options.h"

#include <string.h>

static const char head[] =
	"# bash completion for memtrace; generated from its option tables\n"
	"_memtrace()\n"
	"{\n"
	"\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tlocal command=${COMP_WORDS[1]} words= mode=file\n"
	"\t# --by=KEY arrives as three words.\n"
	"\tif [[ $current == = ]]; then\n"
	"\t\tcurrent=\n"
	"\telif [[ $previous == = ]]; then\n"
	"\t\tprevious=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n";

static const char tail[] =
	"\tif [[ $mode == words ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	"\telif [[ $mode == program ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -c -- \"$current\") $(compgen -f -- \"$current\"))\n"
	"\telif [[ $mode == file ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n"
	"\tfi\n"
	"}\n"
	"complete -o filenames -F _memtrace memtrace\n";

static void print_command_names(FILE *out)
{
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden)
			fprintf(out, "%s ", (*c)->name);
}

static void print_flags(FILE *out, const struct command *command)
{
	const struct command_option *option = NULL;
	while ((option = mt_options_next(command, option))) {
		if (option->short_name)
			fprintf(out, "-%c ", option->short_name);
		if (option->name)
			fprintf(out, "--%s ", option->name);
	}
}

/* "top,--by)" or "run,-o|run,--output)": what follows the option. */
static void print_argument_case(FILE *out, const struct command *command,
				const struct command_option *option)
{
	fputs("\t", out);
	if (option->short_name)
		fprintf(out, "%s,-%c", command->name, option->short_name);
	if (option->name)
		fprintf(out, "%s%s,--%s", option->short_name ? "|" : "", command->name,
			option->name);
	if (mt_completion_takes_file(option)) {
		fputs(") mode=file ;;\n", out);
		return;
	}
	fputs(") mode=words words='", out);
	const struct option_choice *choice = option->choices;
	for (; choice && choice->name; choice++)
		fprintf(out, "%s ", choice->name);
	fputs("' ;;\n", out);
}

static void print_command(FILE *out, const struct command *command)
{
	const struct command_option *option = NULL;
	while ((option = mt_options_next(command, option)))
		if (option->type != OPTION_FLAG)
			print_argument_case(out, command, option);
	fprintf(out,
		"\t%s,*)\n\t\tif [[ $current == -* ]]; then\n\t\t\tmode=words words='",
		command->name);
	print_flags(out, command);
	fputs("'\n", out);
	if (command->stops_at_operand) {
		fputs("\t\telse\n\t\t\tmode=program\n", out);
	} else if (!strcmp(command->name, "help")) {
		fputs("\t\telse\n\t\t\tmode=words words='", out);
		print_command_names(out);
		fputs("'\n", out);
	}
	fputs("\t\tfi ;;\n", out);
}

void mt_completion_bash(FILE *out)
{
	fputs(head, out);
	fputs("\tif ((COMP_CWORD == 1)); then\n\t\tcommand= previous=first\n\tfi\n"
	      "\tcase $command,$previous in\n"
	      "\t,first) mode=words words='--help --version ",
	      out);
	print_command_names(out);
	fputs("' ;;\n", out);
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden)
			print_command(out, *c);
	fputs("\tesac\n", out);
	fputs(tail, out);
}
