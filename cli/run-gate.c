/*
 * run-gate.c - see run-gate.h. Outside.
 */
#include "cli/run-gate.h"
#include "cli/unrecorded.h"

#include <stdlib.h>
#include <string.h>

enum {
	STATUS_NOT_JUDGED = 125,
};

/* The name of a gate's option that was given, or NULL. */
static const char *given_option(const struct run_gate_options *options)
{
	const struct gate_options *o = &options->gate;
	const struct {
		const char *name;
		bool is_given;
	} given[] = {
		{"max-live", o->max_live},
		{"max-peak", o->max_peak},
		{"max-total", o->max_total},
		{"max-count", o->max_count},
		{"max-leaked", o->max_leaked},
		{"baseline", o->baseline},
		{"max-growth", o->max_growth},
		{"match", o->match},
		{"iterations", o->per_iteration},
		{"warmup", o->warmup != GATE_WARMUP},
		{"suppressions", o->suppressions.count},
		{"write-suppressions", o->new_suppressions},
		{"update-baseline", o->updates_baseline},
		{"junit", o->junit},
		{"sarif", o->sarif},
		{"markdown", o->markdown},
		{"github", o->github},
		{"wrapper", o->wrappers.count},
		{"raw-frames", o->has_raw_frames},
		{"repeat", options->repeat},
	};
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		if (given[i].is_given)
			return given[i].name;
	return NULL;
}

int run_gate_check(const struct run_gate_options *options, struct mt_error *err)
{
	bool is_wanted = options->is_wanted || options->judges_all;
	const char *name = given_option(options);
	if (!is_wanted && name)
		return mt_fail(err, MT_ERR_USAGE, "--%s needs --gate", name);
	if (options->repeat && options->judges_all)
		return mt_fail(err, MT_ERR_USAGE,
			       "--repeat and --gate-all cannot be used together");
	return gate_check(&options->gate, options->repeat, err);
}

static bool is_recorded(const struct mt_run_result *run)
{
	return run->trace && *run->trace;
}

static const char why_unrecorded[] =
	"it is static or set-user-ID, had no LD_PRELOAD, or no file could be made";

/* The other processes of the tree, as its first trace names them. */
static int judge_others(struct gate *gate, const struct mt_run_result *run,
			struct mt_error *err)
{
	struct mt_trace *trace;
	int rc = mt_trace_open(&trace, run->tree, MT_TRACE_LOAD_ALL, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc >= 0 && i < trace->processes.count; i++) {
		const struct mt_trace_process *process = &trace->processes.list[i];
		const char *name = process->trace;
		if (name && !strcmp(name, run->trace))
			continue;
		rc = name && *name ? gate_judge(gate, name, (struct mt_names){0}, err)
				   : gate_cannot_judge(gate, process->program,
						       why_unrecorded, err);
	}
	mt_trace_close(trace);
	return rc;
}

static int judge_run(struct gate *gate, const struct run_gate_options *options,
		     const struct mt_run_result *run, struct mt_names names,
		     struct mt_error *err)
{
	if (run->is_collector_gone)
		return gate_cannot_judge(gate, run->program, "the collector is gone",
					 err);
	if (!is_recorded(run))
		return gate_cannot_judge(gate, run->program,
					 mt_unrecorded_why(run->program), err);
	gate->question.judges_children = options->judges_all;
	gate->question.finds_leaks = run->wants_leaks;
	int rc = gate_judge(gate, run->trace, names, err);
	return rc >= 0 && options->judges_all ? judge_others(gate, run, err) : rc;
}

static int judge_runs(struct gate *gate, const struct run_gate_options *options,
		      const struct mt_run_result *runs, size_t count,
		      struct mt_error *err)
{
	const char **names = calloc(count + 1, sizeof *names);
	if (!names)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
		names[i] = is_recorded(&runs[i]) ? runs[i].trace : runs[i].program;
	int rc = judge_run(gate, options, &runs[count - 1],
			   (struct mt_names){names, options->repeat ? count : 0}, err);
	free(names);
	return rc;
}

int run_gate(struct gate *gate, const struct run_gate_options *options,
	     const struct mt_run_result *runs, size_t count, int status,
	     struct mt_error *err)
{
	int rc = judge_runs(gate, options, runs, count, err);
	if (rc >= 0)
		rc = gate_finish(gate, stderr, err);
	if (rc < 0 && status)
		mt_command_say(gate->invocation->command, "%s", err->message);
	if (status)
		return status;
	if (rc == GATE_NOT_WITHIN)
		return (int)options->failed_status;
	return rc == GATE_NOT_JUDGED ? STATUS_NOT_JUDGED : rc;
}
