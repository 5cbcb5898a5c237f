/*
 * moment.h - names of traces and of the snapshots in them: "app.mtz@peak". Outside.
 */
#ifndef MT_TRACER_ANALYZE_MOMENT_H
#define MT_TRACER_ANALYZE_MOMENT_H

#include "tracer/analyze/trace.h"

/* What "TRACE@NAME" says. An existing file of the literal name wins. */
struct mt_moment_name {
	char *path;
	char *snapshot; /* "exit" where none is named */
};

int mt_moment_name_init(struct mt_moment_name *name, const char *argument,
			struct mt_error *err);
void mt_moment_name_deinit(struct mt_moment_name *name);

/* A snapshot of a trace, found. */
struct mt_moment {
	/*
	 * The snapshot that was named; NULL where another stands in for it: a checkpoint or
	 * the last complete snapshot for "exit", its peak columns for "peak".
	 */
	const struct mt_trace_snapshot *named;
	const struct mt_trace_snapshot *rows; /* the snapshot that has the rows */
	bool is_peak; /* the peak columns of rows are the live ones of this moment */
};

/* MT_ERR_MISSING where the trace has no such snapshot, MT_ERR_USAGE for no name at all. */
int mt_moment_find(const struct mt_trace *trace, const char *name,
		   struct mt_moment *moment, struct mt_error *err);

/* For answers: its label, NULL if it has none; its index, -1 if it has none. */
const char *mt_moment_label(const struct mt_moment *moment);
int64_t mt_moment_index(const struct mt_moment *moment);
uint64_t mt_moment_time_ns(const struct mt_moment *moment);

#endif
