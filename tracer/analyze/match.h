/*
 * match.h - the same code in two builds, although its lines have moved. Outside.
 */
#ifndef MT_TRACER_ANALYZE_MATCH_H
#define MT_TRACER_ANALYZE_MATCH_H

#include "tracer/analyze/group.h"

/*
 * Pair the sides of groups by lineno anew: lines of the same function and module, in
 * their order, instead of lines of the same number. What has no function keeps its pair.
 */
int mt_match_functions(struct mt_groups *groups, struct mt_error *err);

#endif
