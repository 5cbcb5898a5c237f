/*
 * symbolize-apart.h - resolve addresses of one module in a child process, where damaged or
 * hostile debug information can neither crash the asking process nor hold it up nor take
 * its memory. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_APART_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_APART_H

#include "tracer/analyze/symbolize-module.h"

/* Fill an empty struct; false: the child did not live to tell. */
bool mt_symbol_apart_resolve(const struct mt_symbol_request *request,
			     struct mt_resolved *resolved);

#endif
