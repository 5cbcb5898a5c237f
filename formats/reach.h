/*
 * reach.h - the records of a scan: SCAN, ROOT, CALLER, BLOCK, EDGE and CONTENTS. Outside. For
 * record.c, which knows all kinds.
 */
#ifndef MT_FORMATS_REACH_H
#define MT_FORMATS_REACH_H

#include "formats/bytes.h"
#include "formats/record.h"

bool mt_reach_is_packed(enum mt_record_kind kind);

/* As mt_record_encode and mt_record_decode; other kinds are left alone. */
void mt_reach_encode(struct mt_output *out, struct mt_record_context *context,
		     const struct mt_record *rec);
void mt_reach_decode(struct mt_cursor *in, struct mt_record_context *context,
		     struct mt_record *rec);

#endif
