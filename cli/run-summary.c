/*
 * run-summary.c - the end of a recording in at most a dozen lines. Outside.
 */
#include "cli/run-summary.h"

#include "cli/unrecorded.h"
#include "tracer/analyze/losses.h"
#include "tracer/analyze/scanned.h"
#include "tracer/analyze/statistic.h"
#include "tracer/analyze/summary.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CALL_SITES = 5,
};

static const char *loss_name(int loss)
{
	static const char *const names[MT_LOSS_COUNT] = {
		[MT_LOSS_NESTED] = "nested",
		[MT_LOSS_TRACEBACKS_FULL] = "tracebacks full",
		[MT_LOSS_NODES_FULL] = "frames full",
		[MT_LOSS_COUNTERS_FULL] = "counters full",
		[MT_LOSS_THREADS_FULL] = "threads full",
		[MT_LOSS_MODULES_FULL] = "modules full",
		[MT_LOSS_BLOCKS_FULL] = "blocks full",
		[MT_LOSS_HEAP_FULL] = "heap full",
		[MT_LOSS_EARLY] = "before the start",
		[MT_LOSS_CHILD_NO_HANDOVER] = "children not recorded",
		[MT_LOSS_CHILD_NO_ENVIRONMENT] = "programs started without environment",
		[MT_LOSS_SNAPSHOT] = "snapshots not taken",
		[MT_LOSS_GUARD_BUDGET] = "beyond the budget",
		[MT_LOSS_GUARD_MAPPINGS] = "beyond the kernel's mappings",
	};
	return names[loss];
}

/* The losses of one kind: what is not guarded is recorded nevertheless. */
static void say_losses_of(const struct mt_summary *summary, const char *kind,
			  bool unguarded)
{
	const char *separator = NULL;
	for (int i = 0; i < MT_LOSS_COUNT; i++) {
		if (!summary->losses[i] ||
		    mt_loss_is_unguarded((enum mt_loss)i) != unguarded)
			continue;
		fprintf(stderr, "%s%s%" PRIu64 " (%s)", separator ? "" : kind,
			separator ? separator : " ", summary->losses[i], loss_name(i));
		separator = ", ";
	}
	if (separator)
		fputc('\n', stderr);
}

static void say_losses(const struct mt_summary *summary)
{
	say_losses_of(summary, "memtrace: lost:", false);
	say_losses_of(summary, "memtrace: blocks not guarded:", true);
}

static void say_totals(const struct mt_run_result *result,
		       const struct mt_summary *summary)
{
	char live[MT_SIZE_TEXT_BYTES], peak[MT_SIZE_TEXT_BYTES];
	char bound[MT_SIZE_TEXT_BYTES];
	mt_size_text(live, (double)summary->live.bytes, false);
	mt_size_text(peak, (double)summary->peak.bytes, false);
	mt_size_text(bound, (double)summary->peak_bound_bytes, false);
	const char *program = summary->program ? summary->program : result->program;
	fprintf(stderr,
		"memtrace: %s: live at exit %s in %" PRId64
		" block%s, peak %s%s%s, %" PRId64 " allocation%s\n",
		program, live, summary->live.count, summary->live.count == 1 ? "" : "s",
		peak, summary->peak_bound_bytes ? " +-" : "",
		summary->peak_bound_bytes ? bound : "", summary->total.count,
		summary->total.count == 1 ? "" : "s");
}

static void say_trace(const struct mt_run_result *result)
{
	fprintf(stderr, "memtrace: trace: %s", result->trace);
	if (result->recorded > 1)
		fprintf(stderr, " and %" PRIu32 " more", result->recorded - 1);
	if (result->running)
		fprintf(stderr, "; %" PRIu32 " %s still running", result->running,
			result->running == 1 ? "process" : "processes");
	fputc('\n', stderr);
}

/* What the numbers are not about: the program that the process became. */
static void say_unrecorded(const struct mt_summary *summary)
{
	if (summary->unrecorded)
		fprintf(stderr, "memtrace: not recorded: %s, which %s executed: %s\n",
			summary->unrecorded,
			summary->program ? summary->program : "the program",
			summary->has_no_environment
				? "LD_PRELOAD is not in its environment"
				: mt_unrecorded_why(summary->unrecorded));
}

/* The first lines of the collector's own words. */
static void say_remarks(const struct mt_run_result *result)
{
	if (!result->remarks || !*result->remarks)
		return;
	int length = (int)strcspn(result->remarks, "\n");
	bool has_more = result->remarks[length];
	fprintf(stderr, "memtrace: %.*s%s\n", length, result->remarks,
		has_more ? " (and others)" : "");
}

static void say_kind(const struct mt_record_scan *scan, enum mt_leak_kind kind,
		     const char *name)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)scan->kinds[kind].bytes, false);
	fprintf(stderr, "%s %s in %" PRIu64, name, size, scan->kinds[kind].count);
}

/* One line: what is lost, or why that is not known. */
static void say_leaks(const struct mt_run_result *result)
{
	struct mt_scanned scanned;
	struct mt_error err = {0};
	if (!result->wants_leaks || mt_scanned_read(&scanned, result->trace, &err) < 0)
		return;
	if (!scanned.is_there) {
		fprintf(stderr, "memtrace: leaks: not searched: %s\n",
			scanned.failure[0] ? scanned.failure
					   : "how it ended is not known");
		return;
	}
	fputs("memtrace: leaks: ", stderr);
	say_kind(&scanned.scan, MT_LEAK_DEFINITE, "definite");
	fputs(scanned.scan.kinds[MT_LEAK_DEFINITE].count == 1 ? " block" : " blocks",
	      stderr);
	say_kind(&scanned.scan, MT_LEAK_INDIRECT, ", indirect");
	say_kind(&scanned.scan, MT_LEAK_POSSIBLE, ", possible");
	fprintf(stderr, "; searched in %.3f s\n", (double)scanned.scan.pause_ns / 1e9);
}

/* The reports are somewhere in what the program has said; the trace has them together. */
static void say_errors(const struct mt_run_result *result)
{
	if (!result->errors || !result->with_errors)
		return;
	fprintf(stderr, "memtrace: %" PRIu32 " %s with memory", result->errors,
		result->errors == 1 ? "error" : "errors");
	if (result->erroneous > 1)
		fprintf(stderr, " in %" PRIu32 " traces", result->erroneous);
	fprintf(stderr, ": memtrace info --errors %s%s\n", result->with_errors,
		result->erroneous > 1 ? " (and others)" : "");
}

static void say_results(const struct mt_run_result *result)
{
	struct mt_summary summary;
	struct mt_error err = {0};
	char directory[PATH_MAX];
	if (mt_summary_init(&summary, result->trace, CALL_SITES,
			    getcwd(directory, sizeof directory), &err) < 0) {
		fprintf(stderr, "memtrace: %s\n", err.message);
		say_trace(result);
		return;
	}
	say_totals(result, &summary);
	for (size_t i = 0; i < summary.line_count; i++)
		fprintf(stderr, "memtrace:   %s\n", summary.lines[i]);
	say_errors(result);
	say_leaks(result);
	say_losses(&summary);
	if (!summary.total.count && summary.has_own_malloc)
		fputs("memtrace: not recorded: what the program's own malloc serves\n",
		      stderr);
	say_unrecorded(&summary);
	say_trace(result);
	mt_summary_deinit(&summary);
}

/* Where nobody reads it or a file may not grow, the program's status still counts. */
static void hold_signals(struct sigaction before[2])
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGPIPE, &ignore, &before[0]);
	sigaction(SIGXFSZ, &ignore, &before[1]);
}

static void release_signals(const struct sigaction before[2])
{
	sigaction(SIGPIPE, &before[0], NULL);
	sigaction(SIGXFSZ, &before[1], NULL);
}

void mt_run_summary(const struct mt_run_result *result, const struct command *command,
		    bool is_quiet)
{
	struct sigaction before[2];
	bool is_recorded = result->trace && *result->trace;
	hold_signals(before);
	if (result->is_collector_stopped)
		mt_command_say(command, "the collector is stopped; the trace is complete "
					"when it has gone on");
	else if (result->is_collector_missing)
		mt_command_say(command, "not recorded: no collector can be started");
	else if (result->is_collector_gone)
		mt_command_say(command, "the collector is gone; the trace ends early");
	else if (is_recorded && !is_quiet)
		say_results(result);
	else if (!is_recorded && !is_quiet && (!result->remarks || !*result->remarks))
		fprintf(stderr, "memtrace: not recorded: %s: %s\n", result->program,
			mt_unrecorded_why(result->program));
	say_remarks(result);
	release_signals(before);
}

void mt_run_result_deinit(struct mt_run_result *result)
{
	free(result->trace);
	free(result->tree);
	free(result->with_errors);
	free(result->remarks);
	*result = (struct mt_run_result){0};
}
