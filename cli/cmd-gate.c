/*
 * cmd-gate.c - memtrace gate: a verdict for CI. Outside.
 */
#include "cli/gate.h"

static int gate_run(const struct invocation *invocation, struct mt_error *err)
{
	struct gate gate;
	int rc = gate_check(invocation->options, false, err);
	if (rc < 0)
		return rc;
	rc = gate_init(&gate, invocation, invocation->options, err);
	if (rc >= 0)
		rc = gate_judge(&gate, invocation->operands[0], (struct mt_names){0},
				err);
	if (rc >= 0)
		rc = gate_finish(&gate, stdout, err);
	gate_deinit(&gate);
	return rc;
}

const struct command cmd_gate = {
	.name = "gate",
	.args = "TRACE[@SNAP]",
	.summary = "judge a trace by limits and a baseline, for CI",
	.notes = "Status 0 within, 1 not within, 3 it could not be judged.\n",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.options = gate_table,
	.options_bytes = sizeof(struct gate_options),
	.defaults = &(const struct gate_options){.warmup = GATE_WARMUP},
	.run = gate_run,
};
