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
	int collector; /* our connection to it; negative: there is none, as under tight limits */
	volatile struct mt_launcher_told *told;
};

/* What our children tell us; shared with them. */
struct mt_launcher_told {
	pid_t collector_pid;
	bool has_failed; /* the collector could not be */
	int exec_error;  /* of the program */
};

/* What the environment asks of a collector; the rest is zero. */
struct mt_collector_options mt_launcher_collector_options(void);

/* Whether the directory that a trace of this name goes to can be written in. */
int mt_launcher_check_directory(const char *output, struct mt_error *err);

/* Collector, then program. To be deinited in any case. */
int mt_launcher_start(struct mt_launcher *launcher, struct mt_error *err);

/*
 * Wait for the program's end; the status is waitpid's. *exec_error: errno where it could not
 * be executed, 0 otherwise.
 */
int mt_launcher_wait(const struct mt_launcher *launcher, int *exec_error);

/* Wait for the traces of all that have ended. result->status is set already. */
void mt_launcher_collect(struct mt_launcher *launcher, struct mt_run_result *result);
void mt_launcher_deinit(struct mt_launcher *launcher);

#endif
