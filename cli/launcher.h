/*
 * launcher.h - start a program with the library preloaded, and a collector beside it.
 * Outside.
 */
#ifndef MT_CLI_LAUNCHER_H
#define MT_CLI_LAUNCHER_H

#include "cli/run-summary.h"
#include "formats/error.h"
#include "tracer/collect/collector.h"

#include <stdbool.h>
#include <sys/types.h>

struct mt_launcher {
	char **arguments; /* of the program, NULL at the end */
	bool main_only;   /* children are not recorded */
	pid_t program;
	int exec_error; /* errno of a program that could not be executed; 0: it runs */
	int collector;  /* our connection to the collector */
	pid_t collector_pid;
};

/* What the environment asks of a collector; the rest is zero. */
struct mt_collector_options mt_launcher_collector_options(void);

/* Whether the directory that a trace of this name goes to can be written in. */
int mt_launcher_check_directory(const char *output, struct mt_error *err);

/* Collector, then program; returns when it has been executed, or could not be. */
int mt_launcher_start(struct mt_launcher *launcher, struct mt_error *err);

/* Wait for the traces of all that have ended. result->status is set already. */
void mt_launcher_collect(struct mt_launcher *launcher, struct mt_run_result *result);

#endif
