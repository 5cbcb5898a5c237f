/*
 * why-text.h - why blocks are still there, for people. Outside.
 */
#ifndef MT_CLI_WHY_TEXT_H
#define MT_CLI_WHY_TEXT_H

#include "tracer/analyze/why.h"

#include <stdio.h>

struct why_text {
	size_t limit; /* call sites, and paths of each; 0: all */
	bool color;
	bool is_ascii;
	const char *directory; /* labels are relative to it; NULL: absolute */
};

void why_text_print(FILE *out, const struct mt_why *why, const struct why_text *options);

#endif
