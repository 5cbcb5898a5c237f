/*
 * scanned.c - see scanned.h. Outside.
 */
#include "tracer/analyze/scanned.h"

#include "formats/reader.h"

#include <stdio.h>
#include <string.h>

static void note_failure(struct mt_scanned *scanned, const struct mt_record_meta *meta)
{
	static const char key[] = "scan_failure";
	if (meta->key.size == sizeof key - 1 &&
	    !memcmp(meta->key.data, key, sizeof key - 1))
		snprintf(scanned->failure, sizeof scanned->failure, "%.*s",
			 (int)meta->value.size, meta->value.data);
}

int mt_scanned_read(struct mt_scanned *scanned, const char *path, struct mt_error *err)
{
	struct mt_reader *reader;
	struct mt_record record;
	*scanned = (struct mt_scanned){0};
	int rc = mt_reader_open(&reader, path, err);
	if (rc < 0)
		return rc;
	mt_reader_want(reader, 1u << MT_RECORD_META | 1u << MT_RECORD_SCAN);
	while ((rc = mt_reader_next(reader, &record, NULL)) != 0) {
		if (rc < 0)
			continue;
		if (record.kind == MT_RECORD_META)
			note_failure(scanned, &record.meta);
		if (record.kind != MT_RECORD_SCAN)
			continue;
		scanned->is_there = true;
		scanned->scan = record.scan;
	}
	mt_reader_close(reader);
	return 0;
}
