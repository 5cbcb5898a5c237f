/*
 * gate-judging.h - what the files of the gate share; see gate.h. Outside.
 */
#ifndef MT_TRACER_ANALYZE_GATE_JUDGING_H
#define MT_TRACER_ANALYZE_GATE_JUDGING_H

#include "tracer/analyze/gate.h"

struct mt_judging {
	struct mt_gate *gate;
	const struct mt_gate_question *asked;
	struct mt_question question; /* by call site, live */
	/* Why nothing can be judged; why what passes could not be judged; empty: it can. */
	struct mt_error trouble;
	struct mt_error doubt;
	struct mt_error site_doubt;         /* the same for checks by call site */
	struct mt_counts live, peak, total; /* the whole trace's */
	struct mt_counts suppressed;
	bool has_self_test;
};

/* A check as the report has it; text is printf'ed. */
struct mt_check {
	const char *name;
	enum mt_gate_state state;
	const char *unit;
	int64_t value;
	bool has_limit;
	int64_t limit;
	size_t sites;
};

/* gate-report.c */
int mt_gate_report_begin(struct mt_judging *j, struct mt_error *err);
int mt_gate_add_check(struct mt_judging *j, struct mt_check check, struct mt_error *err,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* per_step: NULL, or bytes. The row's counts are the new side's. */
int mt_gate_add_row(struct mt_judging *j, const char *check,
		    const struct mt_groups *groups, const struct mt_statistic *statistic,
		    bool is_diff, const double *per_step, struct mt_error *err);
int mt_gate_report_end(struct mt_judging *j, struct mt_error *err);

/* gate-leaks.c: --max-leaked, and every trace with a scan */
int mt_gate_judge_leaks(struct mt_judging *j, struct mt_error *err);

/* gate-limits.c: all --max-... */
int mt_gate_judge_limits(struct mt_judging *j, struct mt_error *err);

/* gate-growth.c: call sites against the baseline's */
int mt_gate_judge_baseline(struct mt_judging *j, struct mt_error *err);
/* What a site that held this may hold more. */
uint64_t mt_gate_allowed(const struct mt_allowance *allowance, int64_t before);

/* gate-series.c: iterations, runs */
int mt_gate_judge_series(struct mt_judging *j, struct mt_error *err);

/* gate.c: memory and usage are errors; what else is wrong is a reason not to judge. */
bool mt_gate_is_fatal(int code);
/* Drops from a subject's profile what is known, and what memtrace allocated itself. */
int mt_gate_suppress(struct mt_judging *j, struct mt_subject *subject,
		     struct mt_counts *dropped, struct mt_error *err);

#endif
