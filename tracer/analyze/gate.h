/*
 * gate.h - is what a trace holds acceptable? Limits, a baseline, known leaks, growth per
 * iteration or run; a verdict with its reasons. Outside.
 *
 * A gate that could not judge does not pass. One limit exceeded and another one not
 * judgeable is a failure.
 */
#ifndef MT_TRACER_ANALYZE_GATE_H
#define MT_TRACER_ANALYZE_GATE_H

#include "tracer/analyze/question.h"
#include "tracer/analyze/suppressions.h"

#include <stdio.h>

enum mt_gate_state {
	MT_GATE_PASSED,
	MT_GATE_FAILED,
	MT_GATE_UNJUDGED,
};

/* The check whose rows are call sites of a scan. */
#define MT_GATE_LEAKED "max-leaked"

struct mt_gate_limit {
	bool is_given;
	uint64_t value;
};

/* What a call site may grow by. */
struct mt_allowance {
	bool is_given;
	bool is_percent;
	uint64_t amount; /* bytes; or millionths of its size before: 5 % is 50000 */
};

struct mt_gate_question {
	const char *trace;    /* TRACE[@SNAP]; of several runs the last one */
	const char *no_trace; /* why there is none, and trace a program; NULL: there is */
	const char *baseline; /* TRACE[@SNAP]; NULL: none */
	struct mt_gate_limit max_leaked, max_live, max_peak, max_total, max_count;
	struct mt_allowance max_growth;
	bool matches_functions; /* of the baseline; see match.h */
	bool per_iteration;     /* judge snapshots "iteration", with or without growth */
	bool demands_self_test;
	bool judges_children; /* one of a tree, of which none may have been left out */
	bool finds_leaks;     /* the tree was to be searched for leaks */
	struct mt_names runs; /* all runs, when growth between them is judged */
	uint64_t warmup;      /* iterations or runs at the beginning that do not count */
	struct mt_suppressions *suppressions; /* may be empty; are judged */
	const char *today;                    /* "2026-11-20" */
	bool has_raw_frames;
	struct mt_wrappers wrappers;
	const char *directory; /* as in struct mt_question, and the following */
	void (*notice)(void *context, const char *module, const char *text);
	void *notice_context;
};

struct mt_gate {
	enum mt_gate_state verdict;
	/* Against the baseline: some call site holds more, or less. */
	bool is_looser, is_tighter;
	struct mt_answer answer; /* subjects: the trace, the baseline */
	struct mt_answer leaks;  /* the same, of scans: what leaked; else empty */
	/*
	 * Facts, and the tables below. Rows are in order of the checks, the worst first;
	 * checks of call sites have all that fail, limits the ten largest.
	 */
	struct mt_report report;
};

enum mt_gate_table {
	MT_GATE_CHECKS,
	MT_GATE_ROWS,
	MT_GATE_SUPPRESSIONS,
};

enum mt_gate_check_column {
	MT_CHECK_NAME, /* "max-live" */
	MT_CHECK_STATE,
	MT_CHECK_UNIT,  /* "bytes", "blocks"; null: no value */
	MT_CHECK_VALUE, /* by call site: the sum of what is too much */
	MT_CHECK_LIMIT, /* null: differs by call site */
	MT_CHECK_SITES, /* that fail, or contribute to what fails */
	MT_CHECK_TEXT,  /* one phrase */
	MT_CHECK_COLUMNS
};

enum mt_gate_row_column {
	MT_ROW_CHECK,
	MT_ROW_SITE, /* its label */
	MT_ROW_FILE,
	MT_ROW_LINE,
	MT_ROW_FUNCTION,
	MT_ROW_MODULE,
	MT_ROW_OFFSET, /* where there is no file */
	MT_ROW_SIZE,
	MT_ROW_COUNT,
	MT_ROW_SIZE_DIFF, /* only of checks that compare */
	MT_ROW_COUNT_DIFF,
	MT_ROW_PER_STEP, /* bytes per iteration or run */
	MT_ROW_COLUMNS
};

enum mt_gate_suppression_column {
	MT_SUPPRESSION_NAME,
	MT_SUPPRESSION_PLACE,
	MT_SUPPRESSION_STATE,
	MT_SUPPRESSION_SIZE,
	MT_SUPPRESSION_COUNT,
	MT_SUPPRESSION_COLUMNS
};

/*
 * Judge. A trace or baseline that cannot be read is no failure of this function but a
 * check that could not be judged. MT_ERR_USAGE where the question contradicts itself.
 * Deinit in either case.
 */
int mt_gate_init(struct mt_gate *gate, const struct mt_gate_question *question,
		 struct mt_error *err);
void mt_gate_deinit(struct mt_gate *gate);

/* "passed", "failed", "unjudged". */
const char *mt_gate_state_name(enum mt_gate_state state);

/*
 * A fact of a gate's report as number, 0 where it is not known: size, count, peak_size,
 * peak_count, total_size, total_count, suppressed_size, suppressed_count.
 */
int64_t mt_gate_number(const struct mt_report *report, const char *name);

/*
 * Suppressions, as Valgrind writes them, of all call sites that hold too much, bounded by
 * what they hold now. Returns how many, or a negative code.
 */
int mt_gate_write_suppressions(const struct mt_gate *gate, FILE *out,
			       struct mt_error *err);

#endif
