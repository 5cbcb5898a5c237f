/*
 * label.h - what text calls a group: "src/parse.c:214", "thread main (4711)". Outside.
 */
#ifndef MT_TRACER_ANALYZE_LABEL_H
#define MT_TRACER_ANALYZE_LABEL_H

#include "tracer/analyze/group.h"

/*
 * Both in malloc'ed memory, NULL: out of memory. Paths beneath directory are shown
 * relative to it; NULL: all as they are. Names are not escaped: renderers do that.
 */
char *mt_label_group(const struct mt_groups *groups, const struct mt_group *group,
		     const char *directory);
char *mt_label_location(const struct mt_location *location, const char *directory);

#endif
