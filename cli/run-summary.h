/*
 * run-summary.h - what `run` says at the end, on stderr. Outside.
 */
#ifndef MT_CLI_RUN_SUMMARY_H
#define MT_CLI_RUN_SUMMARY_H

#include "cli/command.h"

#include <stdbool.h>
#include <stdint.h>

struct mt_run_result {
	const char *program; /* as the user called it */
	int status;          /* as waitpid's */
	char *trace;         /* of the main process; NULL or empty: there is none */
	char *tree;          /* the tree's first trace, which names the others */
	char *with_errors;   /* a trace that holds errors; NULL or empty: none does */
	char *remarks;       /* lines about traces that end early; NULL: none */
	uint32_t running;    /* recorded processes that go on */
	uint32_t recorded;   /* images that were recorded */
	uint32_t errors;     /* found by the debug modes, in `erroneous` traces */
	uint32_t erroneous;
	bool is_collector_missing; /* from the start on; it counts as gone */
	bool is_collector_gone;
	bool is_collector_stopped; /* then it counts as gone, but will go on */
	bool wants_leaks;          /* --leaks */
};

/*
 * At most a dozen lines; where it is to be quiet, only what went wrong.
 */
void mt_run_summary(const struct mt_run_result *result, const struct command *command,
		    bool is_quiet);
void mt_run_result_deinit(struct mt_run_result *result);

#endif
