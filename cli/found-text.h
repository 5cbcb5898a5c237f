/*
 * found-text.h - errors of the program as its stderr had them. Outside.
 */
#ifndef MT_CLI_FOUND_TEXT_H
#define MT_CLI_FOUND_TEXT_H

#include "tracer/analyze/table.h"

#include <stdbool.h>
#include <stdio.h>

/* Each row of the report's table `errors`, with its tracebacks in words. */
void found_text(FILE *out, const struct mt_report *report, bool color);

#endif
