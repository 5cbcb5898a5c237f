/*
 * options.c - see options.h. Outside.
 */
#include "cli/options.h"

#include "cli/values.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_FROM_ENVIRONMENT = 16, /* options of a command with a variable */
};

enum color {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
};

static const struct option_choice color_choices[] = {
	{"auto", COLOR_AUTO},
	{"always", COLOR_ALWAYS},
	{"never", COLOR_NEVER},
	{0},
};

/* What every command understands beside its own options. */
struct common_options {
	bool json;
	bool quiet;
	bool help;
	int color;
};

static const struct command_option common_table[] = {
	{.name = "json",
	 .help = "print the result as one JSON document",
	 .offset = offsetof(struct common_options, json)},
	{.name = "color",
	 .argument = "WHEN",
	 .help = "use colours",
	 .type = OPTION_CHOICE,
	 .choices = color_choices,
	 .offset = offsetof(struct common_options, color)},
	{.name = "quiet",
	 .short_name = 'q',
	 .help = "say nothing but results and errors",
	 .offset = offsetof(struct common_options, quiet)},
	{.name = "help",
	 .short_name = 'h',
	 .help = "show this help",
	 .offset = offsetof(struct common_options, help)},
	{0},
};

/* --json stands first, and only printers of results have it. */
static const struct command_option *common_options(const struct command *command)
{
	return common_table + !command->prints_results;
}

static bool is_end(const struct command_option *option)
{
	return !option->name && !option->short_name && !option->table;
}

static bool is_common(const struct command_option *option)
{
	size_t count = sizeof common_table / sizeof *common_table;
	return option >= common_table && option < common_table + count;
}

/* The entry of the command's table that stands for the table with this option. */
static const struct command_option *find_table(const struct command *command,
					       const struct command_option *option)
{
	const struct command_option *entry = command->options;
	for (; entry && !is_end(entry); entry++)
		for (const struct command_option *o = entry->table; o && !is_end(o); o++)
			if (o == option)
				return entry;
	return NULL;
}

const struct command_option *mt_options_next(const struct command *command,
					     const struct command_option *previous)
{
	const struct command_option *next = previous ? previous + 1 : command->options;
	if (previous && is_end(next) && find_table(command, previous))
		next = find_table(command, previous) + 1;
	while (next && next->table)
		next = is_end(next->table) ? next + 1 : next->table;
	if (next && !is_end(next))
		return next;
	return next && is_common(next) ? NULL : common_options(command);
}

/* Parsing in progress. */
struct parser {
	const struct command *command;
	char **argv;
	int argc;
	int next; /* index of the argument to look at */
	struct common_options common;
	/* Those that were given, of those that the environment may give. */
	const struct command_option *given[MAX_FROM_ENVIRONMENT];
	size_t given_count;
	struct mt_options *result;
	struct mt_error *err;
};

/* An option that was met, and the struct its field lies in. */
struct match {
	const struct command_option *option;
	char *base;
};

static int store_flag(const struct command_option *option, const char *text, void *target,
		      struct mt_error *err)
{
	(void)option, (void)text, (void)err;
	*(bool *)target = true;
	return 0;
}

static int store_string(const struct command_option *option, const char *text,
			void *target, struct mt_error *err)
{
	(void)option, (void)err;
	*(const char **)target = text;
	return 0;
}

static int store_strings(const struct command_option *option, const char *text,
			 void *target, struct mt_error *err)
{
	(void)option;
	struct option_strings *strings = target;
	const char **grown =
		realloc(strings->list, (strings->count + 1) * sizeof *strings->list);
	if (!grown)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	strings->list = grown;
	strings->list[strings->count++] = text;
	return 0;
}

static int store_number(const struct command_option *option, const char *text,
			void *target, struct mt_error *err)
{
	uint64_t number;
	int rc = mt_value_integer(text, &number, err);
	if (rc < 0)
		return rc;
	if (number < option->min || (option->max && number > option->max))
		return mt_fail(err, MT_ERR_USAGE,
			       "%s is not within %" PRIu64 " and %" PRIu64, text,
			       option->min, option->max ? option->max : UINT64_MAX);
	*(uint64_t *)target = number;
	return 0;
}

static int store_size(const struct command_option *option, const char *text, void *target,
		      struct mt_error *err)
{
	(void)option;
	return mt_value_size(text, target, err);
}

static int store_time(const struct command_option *option, const char *text, void *target,
		      struct mt_error *err)
{
	(void)option;
	return mt_value_time(text, target, err);
}

/* A bare number could be either, so it is neither; and nothing happens each 0 bytes. */
static int store_interval(const struct command_option *option, const char *text,
			  void *target, struct mt_error *err)
{
	(void)option;
	struct option_interval interval = {0};
	bool has_unit = text[strspn(text, "0123456789.")];
	if (has_unit && mt_value_time(text, &interval.ns, NULL) < 0)
		mt_value_size(text, &interval.bytes, NULL);
	if (!interval.ns && !interval.bytes)
		return mt_fail(
			err, MT_ERR_USAGE,
			"'%s' is neither a time such as 500ms nor a size such as 64MiB",
			text);
	*(struct option_interval *)target = interval;
	return 0;
}

static int store_choice(const struct command_option *option, const char *text,
			void *target, struct mt_error *err)
{
	char names[256] = "";
	for (const struct option_choice *c = option->choices; c->name; c++) {
		if (!strcmp(c->name, text)) {
			*(int *)target = c->value;
			return 0;
		}
		size_t length = strlen(names);
		snprintf(names + length, sizeof names - length, "%s%s",
			 length ? ", " : "", c->name);
	}
	return mt_fail(err, MT_ERR_USAGE, "'%s' is none of %s", text, names);
}

static int (*const stores[])(const struct command_option *, const char *, void *,
			     struct mt_error *) = {
	[OPTION_FLAG] = store_flag,       [OPTION_STRING] = store_string,
	[OPTION_STRINGS] = store_strings, [OPTION_NUMBER] = store_number,
	[OPTION_SIZE] = store_size,       [OPTION_TIME] = store_time,
	[OPTION_CHOICE] = store_choice,   [OPTION_TIME_OR_SIZE] = store_interval,
};

static bool is_called(const struct command_option *option, const char *name,
		      size_t length, char letter)
{
	if (letter)
		return option->short_name == letter;
	return option->name && strlen(option->name) == length &&
	       !memcmp(option->name, name, length);
}

static struct match find_in(const struct command_option *option, char *base,
			    const char *name, size_t length, char letter)
{
	for (; option && !is_end(option); option++) {
		struct match match = {option, base};
		if (option->table)
			match = find_in(option->table, base + option->offset, name,
					length, letter);
		else if (!is_called(option, name, length, letter))
			match.option = NULL;
		if (match.option)
			return match;
	}
	return (struct match){0};
}

/* By letter if it is not 0, else by name; the command's own options come first. */
static struct match find_option(struct parser *p, const char *name, size_t length,
				char letter)
{
	struct match match =
		find_in(p->command->options, p->result->storage, name, length, letter);
	if (match.option)
		return match;
	return find_in(common_options(p->command), (char *)&p->common, name, length,
		       letter);
}

/* "--by" or "-n" in quotes, for messages. */
static int fail_option(struct parser *p, const char *argument, const char *text)
{
	size_t length = strncmp(argument, "--", 2) ? 2 : strcspn(argument, "=");
	return mt_fail(p->err, MT_ERR_USAGE, "option '%.*s': %s", (int)length, argument,
		       text);
}

static bool is_given(const struct parser *p, const struct command_option *option)
{
	size_t i = 0;
	while (i < p->given_count && p->given[i] != option)
		i++;
	return i < p->given_count;
}

static int store(struct parser *p, struct match match, const char *argument,
		 const char *value)
{
	struct mt_error inner = {0};
	if (match.option->environment && !is_given(p, match.option)) {
		assert(p->given_count < MAX_FROM_ENVIRONMENT);
		p->given[p->given_count++] = match.option;
	}
	int rc = stores[match.option->type](match.option, value,
					    match.base + match.option->offset, &inner);
	if (rc == MT_ERR_USAGE)
		return fail_option(p, argument, inner.message);
	return rc < 0 ? mt_fail(p->err, rc, "%s", inner.message) : 0;
}

/* value: what stands in the same word, NULL: nothing, then it is the next word. */
static int take_value(struct parser *p, struct match match, const char *argument,
		      const char *value)
{
	if (!value && p->next == p->argc)
		return fail_option(p, argument, "its argument is missing");
	return store(p, match, argument, value ? value : p->argv[p->next++]);
}

static int parse_long(struct parser *p, const char *argument)
{
	const char *name = argument + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	struct match match = find_option(p, name, length, 0);
	if (!match.option)
		return mt_fail(p->err, MT_ERR_USAGE, "unknown option '%s'", argument);
	if (match.option->type != OPTION_FLAG)
		return take_value(p, match, argument, value);
	if (value)
		return fail_option(p, argument, "takes no argument");
	return store(p, match, argument, NULL);
}

/* One word of letters: flags, and at most one option with an argument, at its end. */
static int parse_short(struct parser *p, const char *argument)
{
	for (const char *letter = argument + 1; *letter; letter++) {
		char shown[] = {'-', *letter, '\0'};
		struct match match = find_option(p, NULL, 0, *letter);
		if (!match.option)
			return mt_fail(p->err, MT_ERR_USAGE, "unknown option '%s'",
				       shown);
		if (match.option->type != OPTION_FLAG)
			return take_value(p, match, shown, letter[1] ? letter + 1 : NULL);
		int rc = store(p, match, shown, NULL);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void add_operand(struct parser *p, char *operand)
{
	struct invocation *invocation = &p->result->invocation;
	invocation->operands[invocation->operand_count++] = operand;
}

static int parse_words(struct parser *p)
{
	struct invocation *invocation = &p->result->invocation;
	bool options_ended = false;
	int rc = 0;
	while (rc == 0 && p->next < p->argc) {
		char *word = p->argv[p->next++];
		if (options_ended || word[0] != '-' || !word[1]) {
			add_operand(p, word);
			options_ended |= p->command->stops_at_operand;
		} else if (!strcmp(word, "--")) {
			options_ended = true;
			invocation->operands_before_dashes = invocation->operand_count;
		} else {
			rc = word[1] == '-' ? parse_long(p, word) : parse_short(p, word);
		}
		if (rc == 0 && p->common.help)
			return 0;
	}
	return rc;
}

static int store_variable(const struct command_option *option, const char *value,
			  void *target, struct mt_error *err)
{
	struct mt_error inner = {0};
	int rc = 0;
	if (option->type != OPTION_FLAG)
		rc = stores[option->type](option, value, target, &inner);
	else if (!strcmp(value, "1"))
		rc = store_flag(option, value, target, &inner);
	else if (strcmp(value, "0"))
		rc = mt_fail(&inner, MT_ERR_USAGE, "'%s' is neither 0 nor 1", value);
	return rc < 0 ? mt_fail(err, rc, "%s: %s", option->environment, inner.message)
		      : 0;
}

/* What the environment sets and no option has. */
static int take_environment(struct parser *p)
{
	const struct command_option *option = p->command->options;
	int rc = 0;
	for (; rc == 0 && option && !is_end(option); option++) {
		const char *value =
			option->environment ? getenv(option->environment) : NULL;
		if (value && *value && !is_given(p, option))
			rc = store_variable(option, value,
					    (char *)p->result->storage + option->offset,
					    p->err);
	}
	return rc;
}

int mt_command_check_variables(const struct command_option *variables,
			       struct mt_error *err)
{
	union {
		uint64_t number;
		int choice;
		struct option_interval interval;
	} unused;
	int rc = 0;
	for (; rc == 0 && variables->environment; variables++) {
		const char *value = getenv(variables->environment);
		if (value && *value)
			rc = store_variable(variables, value, &unused, err);
	}
	return rc;
}

static int check_operands(struct parser *p)
{
	const struct command *c = p->command;
	const struct invocation *invocation = &p->result->invocation;
	if (invocation->operand_count < c->min_operands)
		return mt_fail(p->err, MT_ERR_USAGE, "it needs %s", c->args);
	if (c->max_operands != ANY_NUMBER && invocation->operand_count > c->max_operands)
		return mt_fail(p->err, MT_ERR_USAGE, "'%s' is too much: it takes %s",
			       invocation->operands[c->max_operands],
			       c->max_operands ? c->args : "no arguments");
	return 0;
}

/* https://no-color.org and https://bixense.com/clicolors */
static bool allows_color(int choice, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *force = getenv("CLICOLOR_FORCE");
	const char *terminal = getenv("TERM");
	if (choice != COLOR_AUTO)
		return choice == COLOR_ALWAYS;
	if (no_color && *no_color)
		return false;
	if (force && *force && strcmp(force, "0"))
		return true;
	return isatty(fd) && terminal && strcmp(terminal, "dumb");
}

static void fill_common(struct invocation *invocation,
			const struct common_options *common)
{
	int fd = invocation->command->prints_results ? STDOUT_FILENO : STDERR_FILENO;
	invocation->json = common->json;
	invocation->color = allows_color(common->color, fd);
	invocation->quiet = common->quiet;
	invocation->shows_progress = !common->quiet && isatty(STDERR_FILENO);
}

static int create_storage(struct mt_options *options, const struct command *command,
			  int argc, struct mt_error *err)
{
	size_t bytes = command->options_bytes;
	options->storage = calloc(1, bytes ? bytes : 1);
	options->invocation.operands = calloc((size_t)argc + 1, sizeof(char *));
	if (!options->storage || !options->invocation.operands)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (command->defaults)
		memcpy(options->storage, command->defaults, bytes);
	options->invocation.options = options->storage;
	return 0;
}

int mt_options_parse(struct mt_options *options, const struct command *command, int argc,
		     char **argv, struct mt_error *err)
{
	*options = (struct mt_options){.invocation.command = command,
				       .invocation.operands_before_dashes = -1};
	int rc = create_storage(options, command, argc, err);
	if (rc < 0)
		return rc;
	struct parser parser = {.command = command,
				.argv = argv,
				.argc = argc,
				.next = 1,
				.result = options,
				.err = err};
	rc = parse_words(&parser);
	options->wants_help = parser.common.help;
	if (rc < 0 || options->wants_help)
		return rc;
	fill_common(&options->invocation, &parser.common);
	rc = take_environment(&parser);
	return rc < 0 ? rc : check_operands(&parser);
}

static void free_strings(const struct command_option *option, char *base)
{
	for (; option && !is_end(option); option++)
		if (option->table)
			free_strings(option->table, base + option->offset);
		else if (option->type == OPTION_STRINGS)
			free(((struct option_strings *)(base + option->offset))->list);
}

void mt_options_deinit(struct mt_options *options)
{
	if (options->storage)
		free_strings(options->invocation.command->options, options->storage);
	free(options->storage);
	free(options->invocation.operands);
	*options = (struct mt_options){.invocation.command = options->invocation.command};
}
