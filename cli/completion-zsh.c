/*
 * completion-zsh.c - see completion.h. Outside.
 */
#include "cli/completion.h"

#include "cli/command.h"
#include "cli/options.h"

#include <string.h>

/* Text within single quotes and a specification of _arguments. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		else if (strchr("[]:\\", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void print_flags(FILE *out, const struct command_option *option)
{
	if (option->short_name && option->name)
		fprintf(out, "'(-%c --%s)'{-%c,--%s}'", option->short_name, option->name,
			option->short_name, option->name);
	else if (option->name)
		fprintf(out, "'--%s", option->name);
	else
		fprintf(out, "'-%c", option->short_name);
}

static void print_argument(FILE *out, const struct command_option *option)
{
	fputc(':', out);
	print_escaped(out, option->argument);
	fputc(':', out);
	const struct option_choice *choice = option->choices;
	if (mt_completion_takes_file(option))
		fputs("_files", out);
	for (; choice && choice->name; choice++)
		fprintf(out, "%s%s%s", choice == option->choices ? "(" : " ",
			choice->name, choice[1].name ? "" : ")");
}

static void print_option(FILE *out, const struct command_option *option)
{
	fputs(" \\\n\t\t\t", out);
	print_flags(out, option);
	fputc('[', out);
	print_escaped(out, option->help);
	fputc(']', out);
	if (option->type != OPTION_FLAG)
		print_argument(out, option);
	fputc('\'', out);
}

static const char *operands_of(const struct command *command)
{
	if (command->stops_at_operand)
		return "'(-)1:program:_command_names -e' '*::argument:_normal'";
	if (!strcmp(command->name, "help"))
		return "'1:command:{_describe command commands}'";
	return command->max_operands ? "'*:trace:_files'" : "";
}

static void print_command(FILE *out, const struct command *command)
{
	fprintf(out, "\t%s)\n\t\t_arguments -s", command->name);
	const struct command_option *option = NULL;
	while ((option = mt_options_next(command, option)))
		print_option(out, option);
	fprintf(out, " \\\n\t\t\t%s ;;\n", operands_of(command));
}

void mt_completion_zsh(FILE *out)
{
	fputs("#compdef memtrace\n"
	      "# zsh completion for memtrace; generated from its option tables\n"
	      "_memtrace()\n{\n\tlocal -a commands=(\n",
	      out);
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden) {
			fprintf(out, "\t\t'%s:", (*c)->name);
			print_escaped(out, (*c)->summary);
			fputs("'\n", out);
		}
	fputs("\t)\n\tif ((CURRENT == 2)); then\n\t\t_describe command commands\n"
	      "\t\t_arguments '--help[show the commands]' '--version[show the version]'\n"
	      "\t\treturn\n\tfi\n\tshift words\n\t((CURRENT--))\n"
	      "\tcase $words[1] in\n",
	      out);
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!(*c)->is_hidden)
			print_command(out, *c);
	fputs("\tesac\n}\n"
	      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n\t_memtrace \"$@\"\n"
	      "else\n\tcompdef _memtrace memtrace\nfi\n",
	      out);
}
