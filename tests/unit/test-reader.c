/*
 * test-reader.c - traces are read back as they were written; damage costs its chunk only.
 */
#include "formats/reader.h"

#include "formats/chunk.h"
#include "formats/header.h"
#include "tests/tap.h"
#include "tests/traces/image.h"
#include "tests/traces/known.h"

enum {
	FRAMES = 40
};

TEST(a_closed_trace_is_read_whole)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_reader *reader;
	struct mt_error err = {0};
	if (!ok(image_open(&reader, &image, &err) == 0))
		return;
	struct tally tally = image_read(reader);
	is_int(tally.damages, 0);
	is_str(tally.err.message, "");
	is_int(tally.records[MT_RECORD_META], 3);
	is_int(tally.records[MT_RECORD_MODULE], 2);
	is_int(tally.records[MT_RECORD_FRAME], FRAMES);
	is_int(tally.records[MT_RECORD_TRACEBACK], FRAMES + 1);
	is_int(tally.records[MT_RECORD_THREAD], 2);
	is_int(tally.records[MT_RECORD_SNAPSHOT], 4);
	is_int(tally.records[MT_RECORD_SNAPSHOT_END], 3);
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
	is_int(tally.records[MT_RECORD_CELL], 2);
	is_int(tally.records[MT_RECORD_CLASS], 1);
	is_int(tally.records[MT_RECORD_ARENAS], 1);
	is_int(tally.records[MT_RECORD_LOSS], 1);
	is_int(tally.records[MT_RECORD_SAMPLE], 3);
	is_int(tally.records[MT_RECORD_PROCESS], 1);
	ok(mt_reader_status(reader)->is_closed);
	ok(!memcmp(mt_reader_uuid(reader), known_uuid, 16));
	is_int(mt_reader_start_realtime_ns(reader), KNOWN_START_REALTIME_NS);
	mt_reader_close(reader);
}

TEST(records_of_a_damaged_dictionary_are_stood_in_for)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_chunk chunk;
	size_t place = image_find(&image, MT_CHUNK_TRACEBACKS, 0, &chunk);
	image.data[place + MT_CHUNK_HEADER_BYTES + 7] ^= 0x10;
	struct mt_reader *reader;
	struct mt_error err = {0};
	if (!ok(place) || !ok(image_open(&reader, &image, &err) == 0))
		return;
	struct tally tally = image_read(reader);
	is_int(tally.damages, 1);
	is_int(tally.last, MT_ERR_DAMAGED);
	is_int(tally.lost, FRAMES + 1);
	is_int(tally.records[MT_RECORD_TRACEBACK], FRAMES + 1);
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
	is_int(mt_reader_status(reader)->damaged_chunks, 1);
	is_int(mt_reader_status(reader)->damaged_bytes, mt_chunk_span(&chunk));
	ok(strstr(tally.err.message, "image.mtz: TRACEBACKS at byte "));
	ok(strstr(tally.err.message, "expected the checksum "));
	mt_reader_close(reader);
}

TAP_MAIN()
