/*
 * test-options.c - from argv to an invocation.
 */
#include "cli/options.h"
#include "tests/tap.h"

struct sample_options {
	bool force;
	const char *output;
	struct option_strings include;
	uint64_t rows;
	uint64_t limit;
	uint64_t wait_ns;
	struct option_interval every;
	int by;
	struct inner_options {
		bool flag;
		struct option_strings names;
	} inner;
};

enum {
	BY_LINE = 3,
	BY_FILE = 5,
};

static const struct option_choice by_choices[] = {
	{"lineno", BY_LINE},
	{"filename", BY_FILE},
	{0},
};

#define AT(field) .offset = offsetof(struct sample_options, field)

static const struct command_option inner_table[] = {
	{.name = "inner-flag", .offset = offsetof(struct inner_options, flag)},
	{.name = "inner-name",
	 .argument = "N",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct inner_options, names)},
	{0},
};

static const struct command_option sample_table[] = {
	{.name = "force", .short_name = 'f', .help = "h", AT(force)},
	{.short_name = 'o',
	 .argument = "F",
	 .type = OPTION_STRING,
	 .help = "h",
	 AT(output)},
	{.name = "include", .argument = "G", .type = OPTION_STRINGS, AT(include)},
	{.short_name = 'n', .type = OPTION_NUMBER, .min = 1, .max = 1024, AT(rows)},
	{.name = "limit", .argument = "SIZE", .type = OPTION_SIZE, AT(limit)},
	{.name = "wait", .argument = "TIME", .type = OPTION_TIME, AT(wait_ns)},
	{.name = "every", .argument = "E", .type = OPTION_TIME_OR_SIZE, AT(every)},
	{.name = "by",
	 .argument = "KEY",
	 .type = OPTION_CHOICE,
	 .choices = by_choices,
	 AT(by)},
	{.table = inner_table, .type = OPTION_TABLE, AT(inner)},
	{0},
};

static const struct command sample = {
	.name = "sample",
	.args = "TRACE [MORE]",
	.summary = "test",
	.min_operands = 1,
	.max_operands = 2,
	.prints_results = true,
	.options = sample_table,
	.options_bytes = sizeof(struct sample_options),
	.defaults = &(const struct sample_options){.rows = 10, .by = BY_LINE},
};

static const struct command runner = {
	.name = "runner",
	.args = "PROGRAM",
	.min_operands = 1,
	.max_operands = ANY_NUMBER,
	.stops_at_operand = true,
	.options = sample_table,
	.options_bytes = sizeof(struct sample_options),
};

const struct command *const mt_commands[] = {&sample, &runner, NULL};

static struct mt_options parsed;
static struct mt_error failure;

/* Words are split at single blanks; "sample" stands before them. */
static int parse_as(const struct command *command, const char *line)
{
	static char buffer[256];
	static char name[] = "sample", *words[32] = {name};
	int count = 1;
	snprintf(buffer, sizeof buffer, "%s", line);
	for (char *word = strtok(buffer, " "); word; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	failure = (struct mt_error){0};
	return mt_options_parse(&parsed, command, count, words, &failure);
}

static int parse(const char *line)
{
	return parse_as(&sample, line);
}

static const struct sample_options *got(void)
{
	return parsed.invocation.options;
}

TEST(defaults_hold_where_nothing_is_given)
{
	is_int(parse("a.mtz"), 0);
	is_int(got()->rows, 10);
	is_int(got()->by, BY_LINE);
	ok(!got()->force && !got()->output && !parsed.invocation.json);
	is_str(parsed.invocation.operands[0], "a.mtz");
	ok(!parsed.invocation.operands[1]);
	mt_options_deinit(&parsed);
}

TEST(every_spelling_of_an_option_is_understood)
{
	is_int(parse("a --by=filename b -fn7 -o out --limit 10k --wait 500ms -q --json"),
	       0);
	is_int(got()->by, BY_FILE);
	is_int(got()->rows, 7);
	is_int(got()->limit, 10240);
	is_int(got()->wait_ns, 500000000);
	is_str(got()->output, "out");
	ok(got()->force && parsed.invocation.quiet && parsed.invocation.json);
	is_int(parsed.invocation.operand_count, 2);
	mt_options_deinit(&parsed);
}

TEST(strings_gather_and_the_last_of_others_wins)
{
	is_int(parse("--include a --include=b -n 1 -n 2 x"), 0);
	is_int(got()->include.count, 2);
	is_str(got()->include.list[0], "a");
	is_str(got()->include.list[1], "b");
	is_int(got()->rows, 2);
	mt_options_deinit(&parsed);
}

TEST(an_interval_is_a_time_or_a_size)
{
	is_int(parse("--every 2s x"), 0);
	ok(got()->every.ns == 2000000000 && !got()->every.bytes);
	mt_options_deinit(&parsed);
	is_int(parse("--every 64MiB x"), 0);
	ok(!got()->every.ns && got()->every.bytes == 64 << 20);
	mt_options_deinit(&parsed);
	const char *const wrong[] = {"--every 10 x", "--every 0s x", "--every 10m x"};
	for (int i = 0; i < 3; i++) {
		is_int(parse(wrong[i]), MT_ERR_USAGE);
		mt_options_deinit(&parsed);
	}
}

TEST(two_dashes_end_the_options)
{
	is_int(parse("-- -n --by"), 0);
	is_str(parsed.invocation.operands[0], "-n");
	is_str(parsed.invocation.operands[1], "--by");
	is_int(parsed.invocation.operands_before_dashes, 0);
	mt_options_deinit(&parsed);
	is_int(parse("a -- b"), 0);
	is_int(parsed.invocation.operands_before_dashes, 1);
	mt_options_deinit(&parsed);
	is_int(parse("a b"), 0);
	is_int(parsed.invocation.operands_before_dashes, -1);
	mt_options_deinit(&parsed);
}

TEST(a_table_within_the_table_fills_its_own_struct)
{
	is_int(parse("--inner-flag --inner-name x --inner-name=y --force a"), 0);
	const struct sample_options *options = parsed.invocation.options;
	ok(options->inner.flag && options->force);
	is_int(options->inner.names.count, 2);
	is_str(options->inner.names.list[1], "y");
	is_int(options->include.count, 0);
	mt_options_deinit(&parsed);
}

TEST(the_options_of_a_program_are_its_own)
{
	is_int(parse_as(&runner, "-f prog -n 99999 --by x -- y"), 0);
	ok(got()->force);
	is_int(parsed.invocation.operand_count, 7);
	is_str(parsed.invocation.operands[1], "-n");
	is_str(parsed.invocation.operands[5], "--");
	mt_options_deinit(&parsed);
	is_int(parse_as(&runner, "-- prog -f"), 0);
	ok(!got()->force);
	is_str(parsed.invocation.operands[0], "prog");
	mt_options_deinit(&parsed);
}

static void is_refused(const char *line, const char *because)
{
	if (!ok(parse(line) == MT_ERR_USAGE))
		printf("# '%s' was taken\n", line);
	is_str(failure.message, because);
	mt_options_deinit(&parsed);
}

TEST(a_mistake_is_named)
{
	is_refused("--nonsense a", "unknown option '--nonsense'");
	is_refused("-fx a", "unknown option '-x'");
	is_refused("a --by", "option '--by': its argument is missing");
	is_refused("a -n", "option '-n': its argument is missing");
	is_refused("a --by=color", "option '--by': 'color' is none of lineno, filename");
	is_refused("a -n 0", "option '-n': 0 is not within 1 and 1024");
	is_refused("a -n1025", "option '-n': 1025 is not within 1 and 1024");
	is_refused("a --force=yes", "option '--force': takes no argument");
	is_refused("", "it needs TRACE [MORE]");
	is_refused("a b c", "'c' is too much: it takes TRACE [MORE]");
}

TEST(json_belongs_to_printers_of_results)
{
	is_int(parse_as(&runner, "--json prog"), MT_ERR_USAGE);
	mt_options_deinit(&parsed);
}

TEST(help_stops_the_parsing)
{
	is_int(parse("--help --nonsense"), 0);
	ok(parsed.wants_help);
	mt_options_deinit(&parsed);
}

static bool color_of(const char *line)
{
	parse(line);
	bool color = parsed.invocation.color;
	mt_options_deinit(&parsed);
	return color;
}

TEST(colour_follows_option_then_environment)
{
	setenv("TERM", "xterm", 1);
	setenv("NO_COLOR", "", 1);
	setenv("CLICOLOR_FORCE", "1", 1);
	ok(color_of("x"));
	ok(!color_of("--color=never x"));
	setenv("NO_COLOR", "1", 1);
	ok(!color_of("x"));
	ok(color_of("--color always x"));
	unsetenv("NO_COLOR");
	setenv("CLICOLOR_FORCE", "0", 1);
	ok(!color_of("x") || isatty(1));
}

TEST(the_tables_are_walked_once_each)
{
	int own = 0, inner = 0, all = 0, json = 0;
	const struct command_option *option = NULL;
	while ((option = mt_options_next(&sample, option))) {
		all++;
		own += option >= sample_table && option < sample_table + 8;
		inner += option >= inner_table && option < inner_table + 2;
		json += option->name && !strcmp(option->name, "json");
	}
	is_int(own, 8);
	is_int(inner, 2);
	is_int(all, 14);
	is_int(json, 1);
	all = 0;
	while ((option = mt_options_next(&runner, option)))
		all++;
	is_int(all, 13);
}

TAP_MAIN()
