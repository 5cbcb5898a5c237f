/*
 * test-traces.c - the traces kept of every format version are still read.
 */
#include <stdlib.h>

#include "formats/reader.h"
#include "tests/tap.h"
#include "tests/traces/image.h"

enum {
	FRAMES = 30
};

/* The whole trace; -1 in *opened: it was refused, with the error in the tally. */
static struct tally read_kept(const char *name, struct mt_reader_status *status,
			      int *opened)
{
	char path[256];
	snprintf(path, sizeof path, "tests/traces/%s", name);
	struct mt_reader *reader;
	struct tally tally = {0};
	*opened = mt_reader_open(&reader, path, &tally.err);
	if (*opened < 0)
		return tally;
	tally = image_read(reader);
	*status = *mt_reader_status(reader);
	mt_reader_close(reader);
	return tally;
}

static void is_known(const struct tally *tally)
{
	is_int(tally->records[MT_RECORD_META], 3);
	is_int(tally->records[MT_RECORD_MODULE], 2);
	is_int(tally->records[MT_RECORD_FRAME], FRAMES);
	is_int(tally->records[MT_RECORD_TRACEBACK], FRAMES + 1);
	is_int(tally->records[MT_RECORD_SNAPSHOT], 4);
	is_int(tally->records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
	is_int(tally->records[MT_RECORD_CELL], 2);
	is_int(tally->records[MT_RECORD_SAMPLE], 3);
	is_int(tally->records[MT_RECORD_PROCESS], 1);
}

TEST(version_1_is_read)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v1.mtz", &status, &opened);
	is_int(opened, 0);
	is_int(tally.damages, 0);
	ok(status.is_closed);
	is_known(&tally);
}

TEST(an_unfinished_trace_is_read)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v1-unfinished.mtz", &status, &opened);
	is_int(opened, 0);
	is_int(tally.damages, 0);
	ok(!status.is_closed);
	is_known(&tally);
}

TEST(a_cut_trace_is_read_up_to_the_cut)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v1-cut.mtz", &status, &opened);
	is_int(opened, 0);
	is_int(tally.damages, 0);
	ok(!status.is_closed);
	is_int(tally.records[MT_RECORD_MODULE], 2);
	ok(tally.records[MT_RECORD_SNAPSHOT] < 4);
}

TEST(a_damaged_trace_is_read_with_stand_ins)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v1-damaged.mtz", &status, &opened);
	is_int(opened, 0);
	is_int(tally.damages, 1);
	is_int(tally.lost, FRAMES + 1);
	is_known(&tally);
}

TEST(a_trace_of_a_later_minor_version_is_read)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v1-later.mtz", &status, &opened);
	is_int(opened, 0);
	is_int(tally.damages, 0);
	is_int(status.unknown_chunks, 1);
	is_int(status.unknown_records, 1);
	is_known(&tally);
}

TEST(a_trace_with_an_essential_addition_is_refused)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v1-essential.mtz", &status, &opened);
	is_int(opened, 0);
	is_int(tally.last, MT_ERR_NEWER);
	ok(strstr(tally.err.message, "memtrace 9.1.0 or newer"));
}

TEST(a_trace_of_the_next_major_version_is_refused)
{
	struct mt_reader_status status;
	int opened;
	struct tally tally = read_kept("v2.mtz", &status, &opened);
	is_int(opened, MT_ERR_NEWER);
	ok(strstr(tally.err.message, "tests/traces/v2.mtz: the file is in format 2.0"));
	ok(strstr(tally.err.message, "memtrace 9.1.0 or newer"));
}

TAP_MAIN()
