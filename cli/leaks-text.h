/*
 * leaks-text.h - leaks for people: the sums, then what leads to what. Outside.
 */
#ifndef MT_CLI_LEAKS_TEXT_H
#define MT_CLI_LEAKS_TEXT_H

#include "tracer/analyze/leaks.h"

#include <stdio.h>

struct leaks_text {
	size_t limit; /* cycles; 0: all */
	bool color;
	bool shows_retained;
	const char *directory; /* labels are relative to it; NULL: absolute */
};

void leaks_text_print(FILE *out, const struct mt_leaks *leaks,
		      const struct leaks_text *options);

/* One line on how the scan was made, and one on each thing that it could not do. */
void leaks_text_scan(FILE *out, const struct mt_record_scan *scan);

/* "..., begins with "text"", in quotes and on one line; nothing where it is not known. */
void leaks_text_contents(FILE *out, const char *lead, const struct mt_heap *heap,
			 uint32_t block);

/*
 * ", +16 and +24 lead to " of the first of the links, and those after it that lead to the
 * same block; returns how many. Of more than a few only the first.
 */
size_t leaks_text_offsets(FILE *out, const struct mt_leak_link *links, size_t count);

#endif
