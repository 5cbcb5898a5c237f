/*
 * found.h - the errors that a debug mode found in the program, as a table of a report.
 * Outside.
 */
#ifndef MT_TRACER_ANALYZE_FOUND_H
#define MT_TRACER_ANALYZE_FOUND_H

#include "tracer/analyze/location.h"
#include "tracer/analyze/symbolize.h"
#include "tracer/analyze/table.h"
#include "tracer/analyze/trace.h"

/* What the table's tracebacks point to; zeroed is empty. */
struct mt_found {
	struct mt_locations locations;
	struct mt_frame_locations frames;
	struct mt_symbolizer *symbolizer;
};

/*
 * The table `errors`, of a trace that was opened with MT_TRACE_LOAD_ALL. Both are the
 * caller's, also where this fails.
 */
int mt_found_add(struct mt_found *found, struct mt_report *report,
		 const struct mt_trace *trace,
		 const struct mt_symbolizer_options *options, struct mt_error *err);
void mt_found_deinit(struct mt_found *found);

#endif
