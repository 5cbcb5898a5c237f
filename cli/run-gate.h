/*
 * run-gate.h - `run --gate`: the verdict on what was just recorded. Outside.
 */
#ifndef MT_CLI_RUN_GATE_H
#define MT_CLI_RUN_GATE_H

#include "cli/gate.h"
#include "cli/run-summary.h"

struct run_gate_options {
	bool is_wanted;
	bool judges_all; /* every process, not only the main one */
	uint64_t failed_status;
	uint64_t repeat; /* runs; 0: one, and no judgement between runs */
	struct gate_options gate;
};

/* The options of gates given without --gate, or that contradict each other, are an error. */
int run_gate_check(const struct run_gate_options *options, struct mt_error *err);

/*
 * Judge the runs, the last one by limits and baseline, and say so on stderr. Returns the
 * status of `run`: status, the program's, if it failed.
 */
int run_gate(struct gate *gate, const struct run_gate_options *options,
	     const struct mt_run_result *runs, size_t count, int status,
	     struct mt_error *err);

#endif
