/*
 * frag-text.h - fragmentation for people: sums, lists in words, a map of the arenas.
 * Outside.
 */
#ifndef MT_CLI_FRAG_TEXT_H
#define MT_CLI_FRAG_TEXT_H

#include "tracer/analyze/frag.h"

#include <stdio.h>

struct frag_text {
	size_t limit;          /* rows of each list; 0: all */
	const char *directory; /* labels are relative to it; NULL: absolute */
	bool color;
	bool is_ascii; /* the map without block elements */
};

void frag_text_print(FILE *out, const struct mt_frag *frag,
		     const struct frag_text *options);

/* One line for each arena, one cell for each pool, shaded by occupancy. */
void frag_text_map(FILE *out, const struct mt_frag *frag,
		   const struct frag_text *options);

#endif
