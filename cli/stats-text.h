/*
 * stats-text.h - statistics of the allocator as lines: CPython's, then our own. Outside.
 */
#ifndef MT_CLI_STATS_TEXT_H
#define MT_CLI_STATS_TEXT_H

#include "tracer/analyze/stats.h"

#include <stdio.h>

/* As sys._debugmallocstats() prints them, to the last byte, and an empty line. */
void stats_text_pymalloc(FILE *out, const struct mt_stats *stats);

/* What CPython does not say: rounding by class, large blocks, the layers. */
void stats_text_own(FILE *out, const struct mt_stats *stats);

#endif
