/*
 * scanned.h - what the last search for leaks of a trace found, in sums. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SCANNED_H
#define MT_TRACER_ANALYZE_SCANNED_H

#include "formats/error.h"
#include "formats/record.h"

#include <stdbool.h>

struct mt_scanned {
	bool is_there;
	struct mt_record_scan scan;
	char failure[256]; /* why there was none; empty: it was not tried, and could be */
};

/* Of a value of the key "end": why nothing is searched then, asked for or not; NULL: it is. */
const char *mt_scanned_unsearched(const char *end);

int mt_scanned_read(struct mt_scanned *scanned, const char *path, struct mt_error *err);

#endif
