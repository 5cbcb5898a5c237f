/*
 * report.h - what the check build found: counts in a file that all processes share, and
 * each distinct pair of differing tracebacks once, as text, in the file with ".pairs" behind
 * its name. Without a file, on stderr.
 * Inside the traced process.
 */
#ifndef MT_TESTS_TRACEBACKS_REPORT_H
#define MT_TESTS_TRACEBACKS_REPORT_H

#include "tests/tracebacks/oracle.h"

#include <stdbool.h>
#include <stdint.h>

/* The file begins so; tests/tracebacks/run reads it. */
struct report_counts {
	_Atomic uint64_t compared, mismatched;
	_Atomic uint64_t truncated; /* and rightly so, of those compared */
	_Atomic uint64_t frames;    /* compared */
};

/* Two tracebacks of one event, as struct oracle has them. */
struct report {
	const uint64_t *got, *expected;
	uint32_t got_count, expected_count;
	uint32_t got_root;
	bool names_others; /* the frames may be right, their modules are not */
	enum oracle_ending ending;
};

void report_compared(bool is_right, bool is_truncated, uint32_t frames);
void report_mismatch(const struct report *report);

#endif
