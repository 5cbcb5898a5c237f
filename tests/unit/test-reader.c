/*
 * test-reader.c - traces are read back as they were written; damage costs its chunk only.
 */
#include "formats/reader.h"

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/header.h"
#include "tests/tap.h"
#include "tests/traces/image.h"
#include "tests/traces/known.h"

enum {
	FRAMES = 40,
	FORGED_BYTES = 1 << 16,
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

/* Whether the kinds of a pass are those of another, but for kinds in chunks of type. */
static bool is_same_but(const struct tally *got, const struct tally *whole, uint16_t type)
{
	for (int kind = 1; kind < MT_RECORD_KIND_COUNT; kind++)
		if (mt_record_chunk_type((uint64_t)kind) != type &&
		    got->records[kind] != whole->records[kind])
			return false;
	return true;
}

/* The type of the chunk at offset; 0: in the file's header, or in padding. */
static uint16_t type_at(const struct image *image, size_t offset)
{
	struct mt_chunk chunk;
	for (size_t place = MT_HEADER_BYTES; place < image->size;
	     place += mt_chunk_span(&chunk)) {
		if (!mt_chunk_decode(&chunk, image->data + place))
			return 0;
		size_t used = MT_CHUNK_HEADER_BYTES + chunk.stored_bytes;
		if (offset >= place && offset < place + used)
			return chunk.type;
	}
	return 0;
}

static struct tally read_image_whole(struct image *image, struct mt_reader_status *status)
{
	struct mt_reader *reader;
	struct mt_error err = {0};
	if (!ok(image_open(&reader, image, &err) == 0)) {
		printf("# %s\n", err.message);
		return (struct tally){0};
	}
	struct tally tally = image_read(reader);
	*status = *mt_reader_status(reader);
	mt_reader_close(reader);
	return tally;
}

TEST(a_flipped_bit_costs_its_chunk_only)
{
	struct image image = image_of_known(8, true);
	struct mt_reader_status status;
	struct tally whole = read_image_whole(&image, &status);
	struct image intact = {malloc(image.size), image.size};
	memcpy(intact.data, image.data, image.size);
	for (size_t bit = 0; bit < image.size * 8; bit++) {
		image.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct tally tally = read_image_whole(&image, &status);
		image.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		uint16_t type = type_at(&intact, bit / 8);
		bool is_header = bit / 8 < MT_HEADER_BYTES;
		bool is_silent = !is_header && (!type || type >= MT_CHUNK_INDEX);
		bool is_end = type == MT_CHUNK_END;
		bool is_snapshot = type == MT_CHUNK_SNAPSHOTS;
		bool passed = ok(tally.damages == 1 || is_silent || is_snapshot) &&
			      ok(status.is_closed != is_end);
		/* Without its header, a snapshot's rows are damage too. */
		if (!is_snapshot)
			passed &= ok(is_same_but(&tally, &whole, type));
		passed &= ok(tally.records[MT_RECORD_TRACEBACK] ==
			     whole.records[MT_RECORD_TRACEBACK]);
		if (!passed) {
			printf("# byte %zu, bit %zu: %s\n", bit / 8, bit % 8,
			       tally.err.message);
			break;
		}
	}
}

TEST(a_file_cut_anywhere_gives_what_is_before_the_cut)
{
	struct image image = image_of_known(8, true);
	struct mt_reader_status status;
	size_t size = image.size;
	uint64_t records = 0;
	for (image.size = 0; image.size < size; image.size++) {
		struct mt_reader *reader;
		struct mt_error err = {0};
		int rc = image_open(&reader, &image, &err);
		if (image.size < MT_HEADER_BYTES) {
			is_int(rc, image.size ? MT_ERR_DAMAGED : MT_ERR_NOT_A_TRACE);
			continue;
		}
		if (!ok(rc == 0))
			break;
		struct tally tally = image_read(reader);
		status = *mt_reader_status(reader);
		mt_reader_close(reader);
		uint64_t sum = 0;
		for (int kind = 0; kind < MT_RECORD_KIND_COUNT; kind++)
			sum += tally.records[kind];
		if (!ok(tally.damages == 0) || !ok(!status.is_closed) ||
		    !ok(sum >= records)) {
			printf("# %zu bytes: %s\n", image.size, tally.err.message);
			break;
		}
		records = sum;
	}
	image.size = size;
	struct tally whole = read_image_whole(&image, &status);
	ok(status.is_closed);
	is_int(whole.damages, 0);
}

TEST(what_is_not_a_trace_is_refused)
{
	char text[] =
		"#!/bin/sh\necho hello, this is a longer text than a header, it is\n"
		"really long enough to hold more than one hundred bytes, I think.\n";
	struct image image = {(uint8_t *)text, sizeof text};
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &image, &err), MT_ERR_NOT_A_TRACE);
	is_str(err.message, "image.mtz: not a trace of memtrace");
	mt_error_clear(&err);
	image.size = 5;
	is_int(image_open(&reader, &image, &err), MT_ERR_NOT_A_TRACE);
	mt_error_clear(&err);
	is_int(mt_reader_open(&reader, "/nonexistent/a.mtz", &err), MT_ERR_MISSING);
	is_str(err.message, "/nonexistent/a.mtz: cannot open: No such file or directory");
	mt_error_clear(&err);
	is_int(mt_reader_open(&reader, "/", &err), MT_ERR_NOT_A_TRACE);
	is_str(err.message, "/: not a trace: not a regular file");
	mt_error_clear(&err);
	is_int(mt_reader_open(&reader, "/dev/null", &err), MT_ERR_NOT_A_TRACE);
}

/* A file made by hand, chunk by chunk, with checksums that are right. */
struct forge {
	struct image image;
	uint32_t sequence;
};

static struct forge forge_begin(struct mt_header header)
{
	struct forge forge = {{calloc(1, FORGED_BYTES), MT_HEADER_BYTES}, 0};
	mt_header_encode(&header, forge.image.data);
	return forge;
}

static struct forge forge_trace(void)
{
	return forge_begin((struct mt_header){
		.major = 1, .header_bytes = MT_HEADER_BYTES, .writer_version = 0x000907});
}

static void forge_chunk(struct forge *forge, struct mt_chunk chunk, const void *raw,
			size_t size)
{
	chunk.raw_bytes = chunk.stored_bytes = (uint32_t)size;
	chunk.stored_crc = mt_crc32(raw, size);
	chunk.sequence = forge->sequence++;
	uint8_t *at = forge->image.data + forge->image.size;
	mt_chunk_encode(&chunk, at);
	memcpy(at + MT_CHUNK_HEADER_BYTES, raw, size);
	forge->image.size += mt_chunk_span(&chunk);
}

/* A chunk with one group. */
static void forge_group(struct forge *forge, uint16_t type, uint8_t tag, const void *body,
			uint8_t size)
{
	uint8_t raw[300] = {tag, size};
	uint8_t long_size[2] = {(uint8_t)(size | 0x80), size >> 7};
	size_t head = size < 0x80 ? 2 : 3;
	if (head == 3)
		memcpy(raw + 1, long_size, 2);
	memcpy(raw + head, body, size);
	forge_chunk(forge, (struct mt_chunk){.type = type}, raw, head + size);
}

/* The forged file is read to its end; one complaint that holds text, or none. */
static struct tally forge_read(struct forge *forge, const char *text)
{
	struct mt_reader_status status;
	struct tally tally = read_image_whole(&forge->image, &status);
	is_int(tally.damages, text ? 1 : 0);
	if (!ok(strstr(tally.err.message, text ? text : "")))
		printf("# %s\n", tally.err.message);
	free(forge->image.data);
	return tally;
}

TEST(a_newer_format_is_refused_with_the_version_that_reads_it)
{
	struct forge forge = forge_begin((struct mt_header){
		.major = 2, .minor = 3, .header_bytes = 64, .writer_version = 0x010203});
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &forge.image, &err), MT_ERR_NEWER);
	ok(strstr(err.message, "format 2.3"));
	ok(strstr(err.message, "memtrace 1.2.3 or newer"));
	mt_error_clear(&err);
	forge = forge_begin((struct mt_header){.major = 1,
					       .header_bytes = 64,
					       .incompatible = 4,
					       .writer_version = 0x203});
	is_int(image_open(&reader, &forge.image, &err), MT_ERR_NEWER);
	ok(strstr(err.message, "memtrace 0.2.3 or newer"));
}

TEST(a_later_minor_and_a_longer_header_are_read)
{
	struct forge forge = forge_begin((struct mt_header){
		.major = 1, .minor = 9, .header_bytes = 128, .compatible = 7});
	forge.image.size = 128;
	forge_group(&forge, MT_CHUNK_META, MT_RECORD_META, "\1k\1v", 4);
	is_int(forge_read(&forge, NULL).records[MT_RECORD_META], 1);
}

TEST(what_a_later_format_adds_is_skipped_and_counted)
{
	struct forge forge = forge_trace();
	forge_chunk(&forge, (struct mt_chunk){.type = 99}, "later", 5);
	forge_group(&forge, MT_CHUNK_META, 77, "unknown record", 14);
	forge_group(&forge, MT_CHUNK_META, MT_RECORD_META, "\1k\1vmore fields", 15);
	forge_chunk(&forge, (struct mt_chunk){.type = 0}, "", 0);
	struct mt_reader_status status;
	struct tally tally = read_image_whole(&forge.image, &status);
	is_int(tally.damages, 0);
	is_int(tally.records[MT_RECORD_META], 1);
	is_int(status.unknown_chunks, 2);
	is_int(status.unknown_records, 1);
}

TEST(an_unknown_essential_chunk_is_refused_and_reading_ends)
{
	struct forge forge = forge_trace();
	forge_group(&forge, MT_CHUNK_META, MT_RECORD_META, "\1k\1v", 4);
	forge_chunk(&forge, (struct mt_chunk){.type = 99, .flags = MT_CHUNK_ESSENTIAL},
		    "", 0);
	forge_group(&forge, MT_CHUNK_META, MT_RECORD_META, "\1k\1v", 4);
	struct tally tally = forge_read(&forge, "memtrace 0.9.7 or newer");
	is_int(tally.last, MT_ERR_NEWER);
	is_int(tally.records[MT_RECORD_META], 1);
}

TEST(groups_that_cannot_be_are_damage)
{
	static const struct {
		uint16_t type;
		uint8_t tag, size;
		const char *body, *text;
	} wrong[] = {
		{MT_CHUNK_META, MT_RECORD_META, 2, "\377\377", "before its last field"},
		{MT_CHUNK_META, MT_RECORD_LOSS, 2, "\1\1", "chunk of another type"},
		{MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, 3, "\2\0\1", "refers to"},
		{MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, 3, "\0\0\1", "out of range"},
		{MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, 2, "\1\3", "not an earlier"},
		{MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, 7, "\377\377\377\377\17\0\1",
		 "out of range"},
		{MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, 4, "\1\0\1\5", "refers to"},
		{MT_CHUNK_FRAMES, MT_RECORD_FRAME, 4, "\1\1\1\0", "refers to"},
		{MT_CHUNK_MODULES, MT_RECORD_MODULE, 9, "\2\0\0\0\0\0\0\0\0",
		 "refers to"},
		{MT_CHUNK_THREADS, MT_RECORD_THREAD, 5, "\1\0\0\0\0", "refers to"},
		{MT_CHUNK_SNAPSHOTS, MT_RECORD_SNAPSHOT, 18,
		 "\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0", "refers to"},
		{MT_CHUNK_SNAPSHOTS, MT_RECORD_SNAPSHOT_END, 18,
		 "\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "whose header is not there"},
		{MT_CHUNK_COUNTERS, MT_RECORD_COUNTER, 3, "\200\0\0",
		 "whose header is not there"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct forge forge = forge_trace();
		forge_group(&forge, wrong[i].type, wrong[i].tag, wrong[i].body,
			    wrong[i].size);
		forge_group(&forge, MT_CHUNK_META, MT_RECORD_META, "\1k\1v", 4);
		struct tally tally = forge_read(&forge, wrong[i].text);
		if (!ok(tally.records[MT_RECORD_META] == 1) || tap_failures)
			printf("# number %zu\n", i);
	}
}

TEST(an_id_defined_twice_is_damage)
{
	struct forge forge = forge_trace();
	forge_group(&forge, MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, "\1\0\1\0\1", 5);
	forge_group(&forge, MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK, "\2\0\1", 3);
	struct tally tally = forge_read(&forge, "defined twice");
	is_int(tally.records[MT_RECORD_TRACEBACK], 2);
}

TEST(a_group_longer_than_its_chunk_is_damage)
{
	struct forge forge = forge_trace();
	forge_chunk(&forge, (struct mt_chunk){.type = MT_CHUNK_META}, "\1\377\377\3ab",
		    6);
	forge_read(&forge, "longer than its chunk");
}

TEST(sizes_in_a_header_are_not_believed)
{
	struct forge forge = forge_trace();
	struct mt_chunk chunk = {.type = MT_CHUNK_META,
				 .codec = MT_CODEC_ZLIB,
				 .stored_bytes = 8,
				 .raw_bytes = UINT32_MAX};
	mt_chunk_encode(&chunk, forge.image.data + forge.image.size);
	forge.image.size += mt_chunk_span(&chunk);
	forge_read(&forge, "more than a chunk may");
}

/* Damage accounts for a bounded number of lost ids, so that nobody allocates for more. */
TEST(a_gap_of_ids_that_damage_cannot_explain_is_refused)
{
	struct forge forge = forge_trace();
	forge.image.size += 16; /* not a chunk */
	forge_group(&forge, MT_CHUNK_TRACEBACKS, MT_RECORD_TRACEBACK,
		    "\377\377\377\377\7\0\1", 7);
	struct mt_reader_status status;
	struct tally tally = read_image_whole(&forge.image, &status);
	is_int(tally.damages, 2);
	is_int(tally.records[MT_RECORD_TRACEBACK], 0);
	is_int(status.damaged_chunks, 2);
}

TEST(chunks_cut_out_are_noticed)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_chunk chunk;
	size_t place = image_find(&image, MT_CHUNK_THREADS, 0, &chunk);
	size_t span = mt_chunk_span(&chunk);
	memmove(image.data + place, image.data + place + span, image.size - place - span);
	image.size -= span;
	struct mt_reader_status status;
	struct tally tally = read_image_whole(&image, &status);
	ok(tally.damages >= 1);
	ok(strstr(tally.err.message, "expected chunk "));
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
}

TEST(bytes_put_in_between_are_skipped)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_chunk chunk;
	enum {
		MORE = 100003
	};
	size_t place = image_find(&image, MT_CHUNK_TRACEBACKS, 0, &chunk);
	uint8_t *data = malloc(image.size + MORE);
	memcpy(data, image.data, place);
	for (int i = 0; i < MORE; i++) /* with many magic numbers that lead nowhere */
		data[place + (size_t)i] = (uint8_t)("MCHK"[i % 4]);
	memcpy(data + place + MORE, image.data + place, image.size - place);
	struct image longer = {data, image.size + MORE};
	struct mt_reader_status status;
	struct tally tally = read_image_whole(&longer, &status);
	is_int(tally.damages, 1);
	is_int(status.damaged_bytes, MORE);
	is_int(tally.records[MT_RECORD_TRACEBACK], FRAMES + 1);
	is_int(tally.lost, 0);
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
}

TEST(rows_of_a_lost_snapshot_do_not_join_another)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_chunk chunk;
	/* 0: header of the first, 1: its end, 2: header of the delta */
	size_t place = image_find(&image, MT_CHUNK_SNAPSHOTS, 2, &chunk);
	image.data[place + MT_CHUNK_HEADER_BYTES] ^= 1;
	struct mt_reader_status status;
	struct tally tally = read_image_whole(&image, &status);
	is_int(tally.records[MT_RECORD_SNAPSHOT], 3);
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES);
	is_int(tally.records[MT_RECORD_SNAPSHOT_END], 2);
}

TEST(seeking_back_to_a_snapshot_gives_its_rows_again)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &image, &err), 0);
	mt_reader_want(reader, 1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_TRACEBACK |
				       1u << MT_RECORD_THREAD);
	uint64_t places[8] = {0};
	struct mt_record rec;
	int count = 0, others = 0;
	while (mt_reader_next(reader, &rec, &err) == 1) {
		if (rec.kind == MT_RECORD_SNAPSHOT)
			places[count++] = mt_reader_tell(reader);
		others += rec.kind != MT_RECORD_SNAPSHOT;
	}
	is_int(count, 4);
	is_int(others, FRAMES + 1 + 2);
	mt_reader_want(reader, 1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_COUNTER |
				       1u << MT_RECORD_CELL |
				       1u << MT_RECORD_SNAPSHOT_END);
	for (int i = count - 1; i >= 0; i--) {
		is_int(mt_reader_seek(reader, places[i], &err), 0);
		is_int(mt_reader_next(reader, &rec, &err), 1);
		is_int(rec.kind, MT_RECORD_SNAPSHOT);
		is_int(rec.snapshot.ordinal, i + 1);
		is_int(rec.snapshot.base, i == 1 ? 1 : 0);
		is_int(mt_reader_next(reader, &rec, &err), 1);
		is_int(rec.kind, i == 2 ? MT_RECORD_SNAPSHOT : MT_RECORD_COUNTER);
	}
	is_int(mt_reader_seek(reader, 0, &err), 0);
	struct tally tally = image_read(reader);
	is_int(tally.damages, 0);
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
	is_int(tally.records[MT_RECORD_TRACEBACK], 0);
	is_int(mt_reader_seek(reader, image.size + 1, &err), MT_ERR_USAGE);
	mt_reader_close(reader);
}

TEST(rows_alone_are_checked_against_dictionaries_not_asked_for)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &image, &err), 0);
	mt_reader_want(reader, 1u << MT_RECORD_COUNTER);
	struct tally tally = image_read(reader);
	is_int(tally.damages, 0);
	is_int(tally.records[MT_RECORD_COUNTER], 2 * FRAMES + 1);
	is_int(tally.records[MT_RECORD_SNAPSHOT], 0);
	mt_reader_close(reader);
}

TEST(damage_met_twice_is_counted_once)
{
	struct image image = image_of_known(FRAMES, true);
	struct mt_chunk chunk;
	size_t place = image_find(&image, MT_CHUNK_COUNTERS, 0, &chunk);
	image.data[place + MT_CHUNK_HEADER_BYTES] ^= 1;
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &image, &err), 0);
	is_int(image_read(reader).damages, 1);
	is_int(mt_reader_seek(reader, 0, &err), 0);
	is_int(image_read(reader).damages, 1);
	is_int(mt_reader_status(reader)->damaged_chunks, 1);
	ok(strstr(mt_reader_status(reader)->first_damage.message, "COUNTERS at byte"));
	mt_reader_close(reader);
}

static uint64_t readable_bytes;

static long fail_beyond_header(void *context, void *buffer, size_t size, uint64_t offset,
			       struct mt_error *err)
{
	if (offset >= readable_bytes)
		return mt_fail(err, MT_ERR_SYSTEM, "input/output error");
	return image_read_at(context, buffer, size, offset, err);
}

TEST(a_read_error_ends_reading)
{
	struct image image = image_of_known(FRAMES, false);
	struct mt_chunk chunk;
	size_t place = image_find(&image, MT_CHUNK_THREADS, 0, &chunk);
	readable_bytes = place + MT_CHUNK_HEADER_BYTES;
	struct mt_source source = {.read_at = fail_beyond_header,
				   .context = &image,
				   .size = image.size,
				   .name = "image.mtz"};
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(mt_reader_open_source(&reader, source, &err), MT_ERR_SYSTEM);
	mt_error_clear(&err);
	source.size =
		place + mt_chunk_span(&chunk); /* END would begin in what is readable */
	is_int(mt_reader_open_source(&reader, source, &err), 0);
	struct tally tally = image_read(reader);
	is_int(tally.damages, 1);
	is_int(tally.last, MT_ERR_SYSTEM);
	mt_reader_close(reader);
}

TAP_MAIN()
