/*
 * cmd-run.c - `memtrace run`: start a program under the library, wait for it and for its
 * traces, say in a few lines what they hold. Outside.
 */
#include "cli/command.h"
#include "cli/forward.h"
#include "cli/launcher.h"
#include "cli/run-gate.h"
#include "cli/run-summary.h"
#include "formats/state.h"
#include "tracer/collect/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_OURS = 125,
	DEFAULT_NFRAME = 128,
	MAX_GUARD_SAMPLE = 1 << 30,
	MAX_RUNS = 100,
};

struct run_options {
	const char *output;
	bool force;
	uint64_t nframe;
	int malloc_mode, geometry, python_malloc;
	uint64_t guard_sample, guard_budget_bytes;
	struct option_interval snapshot_every;
	bool leaks, dup, contents;
	bool no_children;
	bool no_summary;
	struct run_gate_options gate;
};

/* Choices start at 1: 0 leaves it to the library. */
static const struct option_choice malloc_modes[] = {
	{"pymalloc", 1},     {"malloc", 2}, {"debug", 3}, {"pymalloc_debug", 4},
	{"malloc_debug", 5}, {"guard", 6},  {NULL, 0}};
static const struct option_choice geometries[] = {
	{"modern", 1}, {"classic", 2}, {NULL, 0}};
static const struct option_choice python_mallocs[] = {{"ours", 1}, {"own", 2}, {NULL, 0}};

static const struct command_option run_table[] = {
	{.name = "output",
	 .short_name = 'o',
	 .argument = "FILE",
	 .help = "the trace; %e program, %p pid, %h host, %t time, %n number, %%",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct run_options, output)},
	{.name = "force",
	 .environment = "MEMTRACE_FORCE",
	 .help = "replace traces of earlier runs",
	 .offset = offsetof(struct run_options, force)},
	{.name = "nframe",
	 .environment = "MEMTRACE_NFRAME",
	 .argument = "N",
	 .help = "frames kept per traceback, innermost first (default 128)",
	 .type = OPTION_NUMBER,
	 .min = 1,
	 .max = MT_MAX_NFRAME,
	 .offset = offsetof(struct run_options, nframe)},
	{.name = "malloc",
	 .environment = "MEMTRACE_MALLOC",
	 .argument = "MODE",
	 .help = "who serves small requests: pymalloc (default) or malloc, the C "
		 "library; debug, pymalloc_debug, malloc_debug: with checks; guard: with guard pages",
	 .type = OPTION_CHOICE,
	 .choices = malloc_modes,
	 .offset = offsetof(struct run_options, malloc_mode)},
	{.name = "guard-sample",
	 .environment = "MEMTRACE_GUARD_SAMPLE",
	 .argument = "N",
	 .help = "with --malloc guard: guard one of N blocks (default 1)",
	 .type = OPTION_NUMBER,
	 .min = 1,
	 .max = MAX_GUARD_SAMPLE,
	 .offset = offsetof(struct run_options, guard_sample)},
	{.name = "guard-budget",
	 .environment = "MEMTRACE_GUARD_BUDGET",
	 .argument = "SIZE",
	 .help = "with it: at most so many bytes of pages (default 64MiB)",
	 .type = OPTION_SIZE,
	 .offset = offsetof(struct run_options, guard_budget_bytes)},
	{.name = "geometry",
	 .environment = "MEMTRACE_GEOMETRY",
	 .argument = "KIND",
	 .help = "size classes of pymalloc: modern (default) or classic",
	 .type = OPTION_CHOICE,
	 .choices = geometries,
	 .offset = offsetof(struct run_options, geometry)},
	{.name = "snapshot-every",
	 .environment = "MEMTRACE_SNAPSHOT_EVERY",
	 .argument = "TIME|SIZE",
	 .help = "a snapshot each 500ms, 10s, or each 64MiB of growth",
	 .type = OPTION_TIME_OR_SIZE,
	 .offset = offsetof(struct run_options, snapshot_every)},
	{.name = "python-malloc",
	 .environment = "MEMTRACE_PYTHON_MALLOC",
	 .argument = "WHOSE",
	 .help = "objects of a Python program: ours (default) or its own",
	 .type = OPTION_CHOICE,
	 .choices = python_mallocs,
	 .offset = offsetof(struct run_options, python_malloc)},
	{.name = "leaks",
	 .environment = "MEMTRACE_LEAKS",
	 .help = "search for leaks at the end: blocks that nothing points to any more",
	 .offset = offsetof(struct run_options, leaks)},
	{.name = "dup",
	 .environment = "MEMTRACE_DUP",
	 .help = "as --leaks, also for blocks with equal contents",
	 .offset = offsetof(struct run_options, dup)},
	{.name = "contents",
	 .environment = "MEMTRACE_CONTENTS",
	 .help = "as --leaks, and keep how blocks begin, 64 bytes of each",
	 .offset = offsetof(struct run_options, contents)},
	{.name = "no-children",
	 .environment = "MEMTRACE_NO_CHILDREN",
	 .help = "record the program itself, not what it starts",
	 .offset = offsetof(struct run_options, no_children)},
	{.name = "no-summary",
	 .help = "say nothing at the end",
	 .offset = offsetof(struct run_options, no_summary)},
	{.name = "gate",
	 .help = "judge what was recorded, by the options below",
	 .offset = offsetof(struct run_options, gate.is_wanted)},
	{.name = "gate-all",
	 .help = "judge every process, not only the main one",
	 .offset = offsetof(struct run_options, gate.judges_all)},
	{.name = "gate-exit-code",
	 .argument = "N",
	 .help = "status where the program succeeds and the gate fails (default 23)",
	 .type = OPTION_NUMBER,
	 .min = 1,
	 .max = 255,
	 .offset = offsetof(struct run_options, gate.failed_status)},
	{.name = "repeat",
	 .argument = "N",
	 .help = "run it N times, judge growth between the runs",
	 .type = OPTION_NUMBER,
	 .min = 2,
	 .max = MAX_RUNS,
	 .offset = offsetof(struct run_options, gate.repeat)},
	{.table = gate_table,
	 .type = OPTION_TABLE,
	 .offset = offsetof(struct run_options, gate.gate)},
	{0},
};

/* The library's own. */
static const struct option_choice after_errors[] = {
	{"abort", 1}, {"continue", 2}, {NULL, 0}};
static const struct option_choice tracings[] = {{"on", 1}, {"off", 2}, {NULL, 0}};
static const struct command_option variables[] = {
	{.environment = "MEMTRACE_QUARANTINE", .type = OPTION_SIZE},
	{.environment = "MEMTRACE_DEBUG", .type = OPTION_CHOICE, .choices = after_errors},
	{.environment = "MEMTRACE_TRACING", .type = OPTION_CHOICE, .choices = tracings},
	{0},
};

static void set(const char *name, const char *value)
{
	setenv(name, value, 1);
}

static void set_number(const char *name, uint64_t number, const char *unit)
{
	char text[32];
	snprintf(text, sizeof text, "%" PRIu64 "%s", number, unit);
	set(name, text);
}

static const char *choice_name(const struct option_choice *choices, int value)
{
	return choices[value - 1].name;
}

/* As the library reads it. */
static bool is_on(const char *name)
{
	const char *value = getenv(name);
	return value && !strcmp(value, "1");
}

/* The library and later collectors read the options from the environment. */
static void set_environment(const struct run_options *options)
{
	const char *output = getenv("MEMTRACE_OUTPUT");
	if (options->output)
		set("MEMTRACE_OUTPUT", options->output);
	else if (output && !*output)
		unsetenv("MEMTRACE_OUTPUT");
	if (options->force)
		set("MEMTRACE_FORCE", "1");
	if (options->nframe)
		set_number("MEMTRACE_NFRAME", options->nframe, "");
	if (options->malloc_mode)
		set("MEMTRACE_MALLOC", choice_name(malloc_modes, options->malloc_mode));
	if (options->guard_sample)
		set_number("MEMTRACE_GUARD_SAMPLE", options->guard_sample, "");
	if (options->guard_budget_bytes)
		set_number("MEMTRACE_GUARD_BUDGET", options->guard_budget_bytes, "");
	if (options->geometry)
		set("MEMTRACE_GEOMETRY", choice_name(geometries, options->geometry));
	if (options->python_malloc)
		set("MEMTRACE_PYTHON_MALLOC",
		    choice_name(python_mallocs, options->python_malloc));
	if (options->gate.gate.demands_self_test)
		set("MEMTRACE_SELF_TEST", "1");
	if (options->leaks || options->dup || options->contents)
		set("MEMTRACE_LEAKS", "1");
	if (options->dup)
		set("MEMTRACE_DUP", "1");
	if (options->contents)
		set("MEMTRACE_CONTENTS", "1");
	if (options->no_children)
		set("MEMTRACE_NO_CHILDREN", "1");
	if (options->snapshot_every.ns)
		set_number("MEMTRACE_SNAPSHOT_EVERY", options->snapshot_every.ns / 1000,
			   "us");
	if (options->snapshot_every.bytes)
		set_number("MEMTRACE_SNAPSHOT_EVERY", options->snapshot_every.bytes, "B");
}

static int check_output(struct mt_error *err)
{
	const char *output = getenv("MEMTRACE_OUTPUT");
	if (!output)
		return mt_launcher_check_directory(MT_NAMING_DEFAULT, err);
	int rc = mt_naming_check(output, err);
	return rc < 0 ? rc : mt_launcher_check_directory(output, err);
}

static int say_not_executed(const struct invocation *invocation, int error)
{
	mt_command_say(invocation->command, "%s: %s", invocation->operands[0],
		       strerror(error));
	return error == ENOENT ? 127 : 126;
}

/* Wait, collect. Returns the status; result->status is as waitpid's. */
static int follow(const struct invocation *invocation, struct mt_launcher *launcher,
		  struct mt_run_result *result)
{
	const struct run_options *options = invocation->options;
	int exec_error;
	int status = mt_launcher_wait(launcher, &exec_error);
	if (exec_error)
		return say_not_executed(invocation, exec_error);
	*result = (struct mt_run_result){.program = invocation->operands[0],
					 .status = status,
					 .wants_leaks = is_on("MEMTRACE_LEAKS") ||
							is_on("MEMTRACE_DUP")};
	mt_launcher_collect(launcher, result);
	mt_run_summary(result, invocation->command,
		       options->no_summary || invocation->quiet);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_once(const struct invocation *invocation, struct mt_run_result *result,
		    struct mt_error *err)
{
	struct mt_launcher launcher = {.arguments = invocation->operands,
				       .main_only = is_on("MEMTRACE_NO_CHILDREN"),
				       .collector = -1};
	int rc = mt_launcher_start(&launcher, err);
	if (rc == 0)
		rc = follow(invocation, &launcher, result);
	mt_launcher_deinit(&launcher);
	return rc;
}

/* The runs that were asked for, up to the first that fails. *count: those with a result. */
static int run_all(const struct invocation *invocation, struct mt_run_result *results,
		   size_t *count, struct mt_error *err)
{
	const struct run_options *options = invocation->options;
	size_t wanted = options->gate.repeat ? options->gate.repeat : 1;
	int status = 0;
	while (!status && *count < wanted) {
		status = run_once(invocation, &results[*count], err);
		if (status < 0 || !results[*count].program)
			return status;
		++*count;
		/* The traces of the runs before are not of an earlier command. */
		unsetenv("MEMTRACE_FORCE");
	}
	return status;
}

static int run_and_judge(const struct invocation *invocation,
			 struct mt_run_result *results, struct mt_error *err)
{
	const struct run_options *options = invocation->options;
	struct gate gate;
	size_t count = 0;
	int rc = gate_init(&gate, invocation, &options->gate.gate, err);
	if (rc >= 0)
		rc = run_all(invocation, results, &count, err);
	bool is_wanted = options->gate.is_wanted || options->gate.judges_all;
	if (rc >= 0 && count && is_wanted)
		rc = run_gate(&gate, &options->gate, results, count, rc, err);
	gate_deinit(&gate);
	for (size_t i = 0; i < count; i++)
		mt_run_result_deinit(&results[i]);
	return rc;
}

static int run_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct run_options *options = invocation->options;
	set_environment(options);
	int rc = run_gate_check(&options->gate, err);
	if (rc == 0 && options->gate.judges_all && is_on("MEMTRACE_NO_CHILDREN"))
		rc = mt_fail(err, MT_ERR_USAGE,
			     "--gate-all and --no-children cannot be used together");
	if (rc == 0)
		rc = mt_command_check_variables(variables, err);
	if (rc == 0)
		rc = check_output(err);
	if (rc < 0)
		return rc;
	struct mt_run_result *results = calloc(MAX_RUNS, sizeof *results);
	if (!results)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	rc = run_and_judge(invocation, results, err);
	free(results);
	return rc;
}

const struct command cmd_run = {
	.name = "run",
	.args = "PROGRAM [ARG...]",
	.summary = "run a program and record its memory",
	.notes = "The program's status is returned; 125 is a failure of memtrace itself, "
		 "126 a\nprogram that cannot be executed, 127 one that is not there.\n"
		 "With --geometry classic blocks are aligned to 8 bytes only: a program "
		 "that keeps\n16-byte vectors in them may crash.\n",
	.min_operands = 1,
	.max_operands = ANY_NUMBER,
	.options = run_table,
	.options_bytes = sizeof(struct run_options),
	.defaults =
		&(const struct run_options){
			.gate = {.failed_status = 23, .gate = {.warmup = GATE_WARMUP}}},
	.stops_at_operand = true,
	.failure_status = STATUS_OURS,
	.run = run_run,
};
