/*
 * take-snapshot.h - ask the collector of a program for a snapshot. Outside.
 */
#ifndef MT_CLI_TAKE_SNAPSHOT_H
#define MT_CLI_TAKE_SNAPSHOT_H

#include "formats/control.h"
#include "formats/error.h"

struct snapshot_wish {
	const char *label; /* NULL: none */
	bool leaks, dup, contents;
};

struct snapshot_taken {
	char file[MT_MESSAGE_TEXT_BYTES]; /* the trace that it is in */
	const char *words;                /* about a scan; empty: it was none */
};

/*
 * The snapshot of a process, from whichever collector records it. MT_ERR_MISSING: none
 * does.
 */
int take_snapshot(uint32_t pid, const struct snapshot_wish *wish,
		  struct snapshot_taken *taken, struct mt_error *err);

#endif
