/*
 * layout.h - the records that say where blocks lie: POOL, PIN, HOLD, BORDER, LAYER
 * and WAITING.
 * Outside. For record.c, which knows all kinds.
 */
#ifndef MT_FORMATS_LAYOUT_H
#define MT_FORMATS_LAYOUT_H

#include "formats/bytes.h"
#include "formats/record.h"

bool mt_layout_is_packed(enum mt_record_kind kind);

/* As mt_record_encode and mt_record_decode; other kinds are left alone. */
void mt_layout_encode(struct mt_output *out, struct mt_record_context *context,
		      const struct mt_record *rec);
void mt_layout_decode(struct mt_cursor *in, struct mt_record_context *context,
		      struct mt_record *rec);

#endif
