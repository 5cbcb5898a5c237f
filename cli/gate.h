/*
 * gate.h - what `gate` and `run --gate` share: options, judging, all forms of output.
 * Outside.
 */
#ifndef MT_CLI_GATE_H
#define MT_CLI_GATE_H

#include "cli/command.h"
#include "tracer/analyze/gate.h"

#include <stdio.h>

struct gate_options {
	const char *max_leaked, *max_live, *max_peak, *max_total, *max_count;
	const char *baseline, *max_growth;
	int match;
	bool per_iteration, updates_baseline, allows_looser, demands_self_test;
	uint64_t warmup;
	struct option_strings suppressions, wrappers;
	bool has_raw_frames;
	const char *junit, *sarif, *markdown, *new_suppressions;
	bool github;
};

extern const struct command_option gate_table[];

/* A gate in use: for one trace, or for several processes. */
struct gate {
	const struct invocation *invocation;
	const struct gate_options *options;
	struct mt_gate_question question; /* but for the trace */
	struct mt_suppressions suppressions;
	char *directory; /* NULL: it is gone */
	char today[11];
	struct mt_gate **verdicts; /* one for each trace that was judged */
	size_t verdict_count;
};

enum {
	GATE_WARMUP = 1, /* unless --warmup says otherwise */
};

enum gate_status {
	GATE_WITHIN = 0,
	GATE_NOT_WITHIN = 1,
	GATE_NOT_JUDGED = 3,
};

/* Whether the options go together; has_runs: --repeat was given. */
int gate_check(const struct gate_options *options, bool has_runs, struct mt_error *err);

/* Read the options and the files that they name. Deinit in either case. */
int gate_init(struct gate *gate, const struct invocation *invocation,
	      const struct gate_options *options, struct mt_error *err);
void gate_deinit(struct gate *gate);

/*
 * Judge a trace, the first one against the baseline too; runs: all runs of --repeat, of
 * which trace is the last.
 */
int gate_judge(struct gate *gate, const char *trace, struct mt_names runs,
	       struct mt_error *err);

/* There is no trace: a verdict that says why. */
int gate_cannot_judge(struct gate *gate, const char *program, const char *why,
		      struct mt_error *err);

/*
 * Write what was asked for: text or JSON to out, annotations, files. Returns the gate's
 * status, or a negative code.
 */
int gate_finish(struct gate *gate, FILE *out, struct mt_error *err);

#endif
