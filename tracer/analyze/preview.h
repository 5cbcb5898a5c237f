/*
 * preview.h - bytes of a program as text for people: how a block begins. Outside.
 */
#ifndef MT_TRACER_ANALYZE_PREVIEW_H
#define MT_TRACER_ANALYZE_PREVIEW_H

#include "formats/record.h"

/*
 * Escaped as in C: \n, \r, \t, \", \\ and, for what is neither ASCII nor UTF-8, \x with two
 * digits. malloc'ed; NULL: no memory.
 */
char *mt_preview_text(struct mt_bytes bytes);

/* The bytes without the zeroes at their end. */
struct mt_bytes mt_preview_trim(struct mt_bytes bytes);

#endif
