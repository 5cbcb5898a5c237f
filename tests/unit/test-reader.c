/*
 * test-reader.c - traces are read back as they were written; damage costs its chunk only.
 */
#include "formats/reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/chunk.h"
#include "formats/header.h"
#include "formats/writer.h"
#include "tests/tap.h"
#include "tests/traces/known.h"

enum {
	FRAMES = 40
};

/* A trace in memory, as a source. */
struct image {
	uint8_t *data;
	size_t size;
};

static struct image take_image(int fd)
{
	struct image image = {.size = (size_t)lseek(fd, 0, SEEK_END)};
	image.data = malloc(image.size + 1);
	if (pread(fd, image.data, image.size, 0) != (ssize_t)image.size)
		abort();
	close(fd);
	return image;
}

static struct image known_image(uint32_t frames, bool is_closed)
{
	int fd = memfd_create("known", MFD_CLOEXEC);
	known_write(fd, frames, is_closed);
	return take_image(fd);
}

static long read_image(void *context, void *buffer, size_t size, uint64_t offset,
		       struct mt_error *err)
{
	(void)err;
	const struct image *image = context;
	if (offset >= image->size)
		return 0;
	if (size > image->size - offset)
		size = image->size - offset;
	memcpy(buffer, image->data + offset, size);
	return (long)size;
}

static int open_image(struct mt_reader **reader, struct image *image,
		      struct mt_error *err)
{
	struct mt_source source = {.read_at = read_image,
				   .context = image,
				   .size = image->size,
				   .name = "image.mtz"};
	return mt_reader_open_source(reader, source, err);
}

/* What a pass over a trace met. */
struct tally {
	uint64_t records[MT_RECORD_KIND_COUNT];
	uint64_t lost; /* tracebacks that stand in */
	uint64_t damages;
	int last; /* the last negative code */
	struct mt_error err;
};

static struct tally read_on(struct mt_reader *reader)
{
	struct tally tally = {0};
	struct mt_record rec;
	int rc;
	while ((rc = mt_reader_next(reader, &rec, &tally.err)) != 0) {
		if (rc < 0) {
			tally.damages++;
			tally.last = rc;
			continue;
		}
		tally.records[rec.kind]++;
		tally.lost += rec.kind == MT_RECORD_TRACEBACK &&
			      rec.traceback.root == MT_TRACEBACK_LOST;
	}
	return tally;
}

/* The place of the n-th chunk of a type, from 0; 0: there is none. */
static size_t find_chunk(const struct image *image, uint16_t type, int n,
			 struct mt_chunk *chunk)
{
	for (size_t place = MT_HEADER_BYTES; place + MT_CHUNK_HEADER_BYTES <= image->size;
	     place += mt_chunk_span(chunk)) {
		if (!mt_chunk_decode(chunk, image->data + place))
			return 0;
		if (chunk->type == type && n-- == 0)
			return place;
	}
	return 0;
}

TEST(a_closed_trace_is_read_whole)
{
	struct image image = known_image(FRAMES, true);
	struct mt_reader *reader;
	struct mt_error err = {0};
	if (!ok(open_image(&reader, &image, &err) == 0))
		return;
	struct tally tally = read_on(reader);
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
	struct image image = known_image(FRAMES, true);
	struct mt_chunk chunk;
	size_t place = find_chunk(&image, MT_CHUNK_TRACEBACKS, 0, &chunk);
	image.data[place + MT_CHUNK_HEADER_BYTES + 7] ^= 0x10;
	struct mt_reader *reader;
	struct mt_error err = {0};
	if (!ok(place) || !ok(open_image(&reader, &image, &err) == 0))
		return;
	struct tally tally = read_on(reader);
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
