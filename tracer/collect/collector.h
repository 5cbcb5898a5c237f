/*
 * collector.h - the process beside the traced ones: takes their states over, writes their
 * traces, ends when none of them is left. Outside.
 */
#ifndef MT_TRACER_COLLECT_COLLECTOR_H
#define MT_TRACER_COLLECT_COLLECTOR_H

#include "formats/error.h"
#include "tracer/collect/tracee.h"

#include <stdbool.h>
#include <stdint.h>

struct mt_collector_options {
	int listener;       /* listening socket; taken over */
	const char *output; /* template of file names; NULL: the default */
	bool replaces;      /* files of earlier runs */
	uint32_t main_pid;  /* of the preloaded program; 0: told by WATCH */
	const char *began;  /* as META, of the main process: run or preload */
	struct mt_schedule schedule;
	mt_name_frames *name_frames; /* NULL: reports on stderr have addresses */
};

/*
 * Collect until no process of the tree is left and nobody waits for an answer. Threads
 * are used: the caller has none.
 */
int mt_collector_run(const struct mt_collector_options *options, struct mt_error *err);

/*
 * Become a process of its own: session, standard streams on /dev/null, no other
 * descriptor than listener, signals that end a terminal's programs ignored.
 */
void mt_collector_detach(int listener);

#endif
