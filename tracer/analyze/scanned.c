/*
 * scanned.c - see scanned.h. Outside.
 */
#include "tracer/analyze/scanned.h"

#include "formats/reader.h"

#include <stdio.h>
#include <string.h>

const char *mt_scanned_unsearched(const char *end)
{
	if (!strcmp(end, "signal"))
		return "a signal ended the program";
	if (!strcmp(end, "exec"))
		return "the process went on as another program";
	return NULL;
}

static bool is_key(const struct mt_record_meta *meta, const char *key)
{
	return meta->key.size == strlen(key) &&
	       !memcmp(meta->key.data, key, meta->key.size);
}

static void note_failure(struct mt_scanned *scanned, const struct mt_record_meta *meta)
{
	char value[sizeof scanned->failure];
	snprintf(value, sizeof value, "%.*s", (int)meta->value.size, meta->value.data);
	const char *why = NULL;
	if (is_key(meta, "scan_failure"))
		why = value;
	else if (is_key(meta, "end") && !scanned->failure[0])
		why = mt_scanned_unsearched(value);
	if (why)
		snprintf(scanned->failure, sizeof scanned->failure, "%s", why);
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
