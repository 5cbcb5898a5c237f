/*
 * test-writer.c - what a writer refuses, how it survives a full disk, and that its INDEX
 * and END lead to the chunks.
 */
#include "formats/writer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "formats/bytes.h"
#include "tests/tap.h"
#include "tests/traces/image.h"
#include "tests/traces/known.h"

enum {
	FRAMES = 40,
	METAS = 40,
};

static struct mt_writer *open_memory(int *fd)
{
	struct mt_writer_options options = {.name = "memory.mtz"};
	struct mt_error err = {0};
	struct mt_writer *writer = NULL;
	*fd = memfd_create("memory", MFD_CLOEXEC);
	is_int(mt_writer_open(&writer, *fd, &options, &err), 0);
	return writer;
}

/* The record is refused, for that reason, and the writer goes on. */
static void refuses(struct mt_writer *writer, struct mt_record rec, const char *why)
{
	struct mt_error err = {0};
	is_int(mt_writer_put(writer, &rec, &err), MT_ERR_USAGE);
	if (!ok(strstr(err.message, why)))
		printf("# %s\n", err.message);
}

TEST(records_that_no_reader_would_take_are_refused)
{
	int fd;
	struct mt_writer *writer = open_memory(&fd);
	refuses(writer, (struct mt_record){.kind = MT_RECORD_KIND_COUNT}, "kind");
	refuses(writer, (struct mt_record){.kind = MT_RECORD_MODULE, .module = {.id = 2}},
		"not defined");
	refuses(writer,
		(struct mt_record){.kind = MT_RECORD_FRAME,
				   .frame = {.id = 1, .module = 1}},
		"not defined");
	refuses(writer, known_counter(1), "not defined");
	known_dictionaries(writer, FRAMES);
	refuses(writer, (struct mt_record){.kind = MT_RECORD_MODULE, .module = {.id = 2}},
		"before");
	refuses(writer,
		(struct mt_record){.kind = MT_RECORD_TRACEBACK,
				   .traceback = {1, 0, 0, 1}},
		"before");
	refuses(writer, known_counter(1), "no snapshot");
	refuses(writer, (struct mt_record){.kind = MT_RECORD_SNAPSHOT_END},
		"no snapshot");
	refuses(writer,
		(struct mt_record){.kind = MT_RECORD_SNAPSHOT,
				   .snapshot = {.is_delta = true}},
		"delta");
	known_put(writer, (struct mt_record){.kind = MT_RECORD_SNAPSHOT,
					     .snapshot = {.kind = MT_SNAPSHOT_PEAK}});
	refuses(writer, known_counter(1), "no snapshot");
	char *large = calloc(1, MT_CHUNK_MAX_RAW);
	refuses(writer,
		(struct mt_record){.kind = MT_RECORD_META,
				   .meta = {known_bytes("k"), {large, MT_CHUNK_MAX_RAW}}},
		"too large");
	free(large);
	struct mt_error err = {0};
	is_int(mt_writer_close(writer, &err), 0);
	struct image image = image_take(fd);
	struct mt_reader *reader;
	is_int(image_open(&reader, &image, &err), 0);
	struct tally tally = image_read(reader);
	is_int(tally.damages, 0);
	is_int(tally.records[MT_RECORD_TRACEBACK], FRAMES + 1);
	is_int(tally.records[MT_RECORD_META], 0);
	mt_reader_close(reader);
}

TEST(a_record_larger_than_a_chunk_comes_back)
{
	int fd;
	enum {
		LARGE = 3 << 20
	};
	struct mt_writer *writer = open_memory(&fd);
	char *large = malloc(LARGE);
	memset(large, 'x', LARGE);
	known_put(writer,
		  (struct mt_record){.kind = MT_RECORD_META,
				     .meta = {known_bytes("argv"), {large, LARGE}}});
	known_meta(writer, "after", "it");
	struct mt_error err = {0};
	is_int(mt_writer_close(writer, &err), 0);
	struct image image = image_take(fd);
	struct mt_reader *reader;
	struct mt_record rec;
	is_int(image_open(&reader, &image, &err), 0);
	is_int(mt_reader_next(reader, &rec, &err), 1);
	is_int(rec.meta.value.size, LARGE);
	ok(rec.meta.value.size == LARGE && !memcmp(rec.meta.value.data, large, LARGE));
	is_int(mt_reader_next(reader, &rec, &err), 1);
	is_int(mt_reader_next(reader, &rec, &err), 0);
	mt_reader_close(reader);
}

TEST(the_same_records_give_the_same_bytes)
{
	struct image a = image_of_known(FRAMES, true);
	struct image b = image_of_known(FRAMES, true);
	is_int(a.size, b.size);
	ok(!memcmp(a.data, b.data, a.size));
}

TEST(a_snapshot_is_readable_when_its_end_was_put)
{
	int fd;
	struct mt_writer *writer = open_memory(&fd);
	known_dictionaries(writer, FRAMES);
	known_snapshot(
		writer,
		(struct mt_record_snapshot){.kind = MT_SNAPSHOT_LABEL, .time_ns = 1}, 2,
		FRAMES + 1);
	is_int(mt_writer_size(writer), lseek(fd, 0, SEEK_END));
	struct image image = image_take(dup(fd));
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &image, &err), 0);
	struct tally tally = image_read(reader);
	is_int(tally.records[MT_RECORD_SNAPSHOT_END], 1);
	is_int(tally.records[MT_RECORD_COUNTER], FRAMES);
	ok(!mt_reader_status(reader)->is_closed);
	mt_reader_close(reader);
	mt_writer_close(writer, &err);
}

TEST(a_start_waits_for_what_comes_after_it)
{
	int fd;
	struct mt_writer *writer = open_memory(&fd);
	known_dictionaries(writer, FRAMES);
	known_snapshot(
		writer,
		(struct mt_record_snapshot){.kind = MT_SNAPSHOT_START, .time_ns = 1}, 2,
		FRAMES + 1);
	ok(lseek(fd, 0, SEEK_END) < (off_t)mt_writer_size(writer));
	struct mt_error err = {0};
	is_int(mt_writer_flush(writer, &err), 0);
	is_int(lseek(fd, 0, SEEK_END), mt_writer_size(writer));
	mt_writer_close(writer, &err);
}

/* One INDEX chunk against the chunks themselves: how many it names. */
static int check_index(const struct image *image, uint64_t place, uint64_t *previous)
{
	struct mt_chunk chunk, named;
	struct mt_error err = {0};
	ok(mt_chunk_decode(&chunk, image->data + place));
	is_int(chunk.type, MT_CHUNK_INDEX);
	*previous = chunk.previous;
	uint8_t *raw = malloc(chunk.raw_bytes);
	struct mt_codec *codec = mt_codec_create(0);
	const uint8_t *stored = image->data + place + MT_CHUNK_HEADER_BYTES;
	if (chunk.codec == MT_CODEC_ZLIB)
		is_str(mt_codec_load(codec, &chunk, stored, raw), NULL);
	else
		memcpy(raw, stored, chunk.raw_bytes);
	int count = 0;
	uint64_t at = 0;
	struct mt_cursor in = mt_cursor_over(raw, chunk.raw_bytes);
	for (; mt_cursor_left(&in); count++) {
		uint64_t type = mt_cursor_varint(&in);
		at += mt_cursor_varint(&in);
		if (!ok(at + MT_CHUNK_HEADER_BYTES <= place) ||
		    !ok(mt_chunk_decode(&named, image->data + at)) ||
		    !ok(named.type == type))
			break;
	}
	mt_codec_destroy(codec);
	free(raw);
	mt_error_clear(&err);
	return count;
}

TEST(end_leads_to_every_chunk_by_way_of_the_indexes)
{
	enum {
		FLUSHES = 600
	};
	int fd;
	struct mt_error err = {0};
	struct mt_writer *writer = open_memory(&fd);
	for (int i = 0; i < FLUSHES; i++) {
		known_meta(writer, "key", "value");
		is_int(mt_writer_flush(writer, &err), 0);
	}
	is_int(mt_writer_close(writer, &err), 0);
	struct image image = image_take(fd);
	size_t end = image.size - MT_CHUNK_HEADER_BYTES - MT_CHUNK_END_PAYLOAD;
	struct mt_chunk chunk;
	ok(mt_chunk_decode(&chunk, image.data + end));
	is_int(chunk.type, MT_CHUNK_END);
	struct mt_cursor in =
		mt_cursor_over(image.data + end + MT_CHUNK_HEADER_BYTES, 16);
	uint64_t place = mt_cursor_u64(&in);
	is_int(mt_cursor_u64(&in), FLUSHES + 3);
	int count = 0, indexes = 0;
	for (; place; indexes++) {
		uint64_t previous = 0;
		count += check_index(&image, place, &previous);
		if (!ok(previous < place))
			break;
		place = previous;
	}
	is_int(count, FLUSHES);
	is_int(indexes, 3);
}

TEST(a_pipe_takes_a_trace)
{
	int ends[2];
	is_int(pipe(ends), 0);
	known_write(ends[1], 4, true);
	close(ends[1]);
	int fd = memfd_create("copy", MFD_CLOEXEC);
	uint8_t data[4096];
	ssize_t got;
	while ((got = read(ends[0], data, sizeof data)) > 0)
		is_int(write(fd, data, (size_t)got), got);
	struct image image = image_take(fd);
	struct mt_reader *reader;
	struct mt_error err = {0};
	is_int(image_open(&reader, &image, &err), 0);
	is_int(image_read(reader).damages, 0);
	ok(mt_reader_status(reader)->is_closed);
	mt_reader_close(reader);
}

/* Records until the writer fails; every later call says the same. */
static int write_until_full(int fd, struct mt_error *err)
{
	struct mt_writer *writer;
	struct mt_writer_options options = {.name = "full.mtz"};
	int rc = mt_writer_open(&writer, fd, &options, err);
	if (rc < 0)
		return rc;
	for (int i = 0; i < METAS && rc == 0; i++) {
		struct mt_record rec = {.kind = MT_RECORD_META,
					.meta = {known_bytes("key"), known_bytes("v")}};
		rc = mt_writer_put(writer, &rec, err);
		if (rc == 0)
			rc = mt_writer_flush(writer, err);
	}
	struct mt_error again = {0}, last = {0};
	struct mt_record rec = {.kind = MT_RECORD_META};
	if (rc < 0) {
		is_int(mt_writer_put(writer, &rec, &again), rc);
		is_str(again.message, err->message);
	}
	int closed = mt_writer_close(writer, &last);
	ok(rc == 0 || closed == rc);
	return closed;
}

TEST(at_every_file_size_limit_the_trace_ends_with_what_fits)
{
	signal(SIGXFSZ, SIG_IGN);
	char path[] = "/tmp/memtrace-test-full.XXXXXX";
	int fd = mkstemp(path);
	unlink(path);
	int failures = 0;
	for (rlim_t limit = 0; limit < 3200; limit += 40) {
		struct rlimit few = {limit, RLIM_INFINITY};
		is_int(ftruncate(fd, 0), 0);
		lseek(fd, 0, SEEK_SET);
		is_int(setrlimit(RLIMIT_FSIZE, &few), 0);
		struct mt_error err = {0};
		int rc = write_until_full(fd, &err);
		few.rlim_cur = RLIM_INFINITY;
		is_int(setrlimit(RLIMIT_FSIZE, &few), 0);
		failures += rc < 0;
		ok(rc == 0 || rc == MT_ERR_NO_SPACE);
		struct image image = image_take(dup(fd));
		ok(image.size <= limit);
		if (limit < MT_HEADER_BYTES) {
			is_int(image.size, 0);
			continue;
		}
		struct mt_reader *reader;
		mt_error_clear(&err);
		if (!ok(image_open(&reader, &image, &err) == 0))
			continue;
		struct tally tally = image_read(reader);
		is_int(tally.damages, 0);
		ok(mt_reader_status(reader)->is_closed == (rc == 0));
		is_int(image.size % MT_CHUNK_ALIGNMENT, 0);
		is_int(tally.records[MT_RECORD_META],
		       limit < 64 + 64 * METAS ? (limit - 64) / 64 : METAS);
		mt_reader_close(reader);
		free(image.data);
	}
	ok(failures > 50);
	ok(failures < 80);
}

TEST(a_full_device_is_no_space)
{
	int fd = open("/dev/full", O_WRONLY);
	if (fd < 0)
		skip_test("no /dev/full");
	struct mt_error err = {0};
	struct mt_writer *writer;
	struct mt_writer_options options = {.name = "full.mtz"};
	is_int(mt_writer_open(&writer, fd, &options, &err), MT_ERR_NO_SPACE);
	ok(strstr(err.message, "full.mtz: cannot write at byte 0: "));
}

TAP_MAIN()
