/*
 * overview.h - what is in a trace, as a report for `info`. Outside.
 */
#ifndef MT_TRACER_ANALYZE_OVERVIEW_H
#define MT_TRACER_ANALYZE_OVERVIEW_H

#include "tracer/analyze/table.h"
#include "tracer/analyze/trace.h"

/*
 * Of a trace that was opened with MT_TRACE_LOAD_ALL. The report borrows from it and is
 * the caller's, also where this fails. A trace without a complete snapshot is fine.
 * only_errors: nothing but what is damaged, unknown or lost.
 */
int mt_overview_init(struct mt_report *report, struct mt_trace *trace, bool only_errors,
		     struct mt_error *err);

#endif
