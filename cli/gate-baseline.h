/*
 * gate-baseline.h - replacing a gate's baseline, and the repository that it belongs to.
 * Outside.
 */
#ifndef MT_CLI_GATE_BASELINE_H
#define MT_CLI_GATE_BASELINE_H

#include "cli/command.h"
#include "tracer/analyze/gate.h"

/*
 * Replace the baseline by the trace that was judged: where there is none yet, or where no
 * call site holds more and some hold less; with allows_looser in any case. A trace that
 * is not whole replaces nothing. *is_new: it was replaced. What happens is said on stderr.
 */
int gate_update_baseline(const struct invocation *invocation,
			 const struct mt_gate_question *question,
			 const struct mt_gate *gate, bool allows_looser, bool *is_new,
			 struct mt_error *err);

/* The working tree that directory lies in, else directory; NULL: unknown. For free(). */
char *gate_repository_root(const char *directory);

#endif
