/*
 * writer.c - records to a trace file; see writer.h. Outside.
 *
 * Each type of chunk has a batch in which records gather. Batches are put out in the
 * order of their types, definitions before uses; see enum mt_chunk_type.
 */
#include "formats/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/header.h"

enum {
	INDEX_EVERY = 256, /* chunks: bounds what is to be searched without an END */
	GATHER_BYTES = 64 << 10, /* of whole chunks, before they go to the file */
	GROUP_HEAD_BYTES = 5,    /* kind, and a length of four varint bytes */
};

/* Raw records of one type of chunk, as groups of (kind, length, body). */
struct batch {
	uint8_t *data;
	size_t size;
	size_t capacity;
	size_t body; /* where the open group's body begins; 0: no group is open */
	enum mt_record_kind kind;
	struct mt_record_context context;
};

struct place {
	uint16_t type;
	uint64_t offset;
};

struct mt_writer {
	int fd;
	const char *name;
	int64_t base;  /* file position at open; negative: cannot be truncated */
	uint64_t size; /* with what is gathered */
	struct mt_codec *codec;
	struct batch batches[MT_CHUNK_TYPE_COUNT];
	uint64_t latest[MT_CHUNK_TYPE_COUNT]; /* place of the last chunk of each type */
	struct place unindexed[INDEX_EVERY];
	uint32_t unindexed_count;
	uint32_t sequence;
	uint64_t tick_us;
	uint8_t *image; /* of chunks as they go into the file */
	size_t image_bytes, image_capacity;
	struct mt_defined defined;
	uint32_t ordinal;        /* of the last SNAPSHOT */
	uint32_t delta_of;       /* ordinal of its base; 0: full */
	uint32_t with_rows;      /* ordinal of the last snapshot that has rows */
	bool is_open;            /* no SNAPSHOT_END has come */
	uint32_t roots, blocks;  /* of its scan: ids so far */
	uint8_t kind;            /* of the last SNAPSHOT */
	struct mt_error failure; /* the first; all later calls return it */
};

/* Remembers what failed, so that later calls can say it again. */
static int fail_for_good(struct mt_writer *writer, struct mt_error *err)
{
	return mt_fail(err, writer->failure.code, "%s", writer->failure.message);
}

static int report_write_error(struct mt_writer *writer, int error)
{
	bool full = error == ENOSPC || error == EFBIG || error == EDQUOT;
	return mt_fail(&writer->failure, full ? MT_ERR_NO_SPACE : MT_ERR_SYSTEM,
		       "%s: cannot write at byte %" PRIu64 ": %s; the trace ends there%s",
		       writer->name, writer->size, strerror(error),
		       full ? ", make room and record again" : "");
}

/* How many of the first bytes of the image are whole chunks, or the file's header. */
static size_t whole_chunks(const struct mt_writer *writer, size_t bytes)
{
	size_t whole = 0;
	uint64_t at = writer->size - writer->image_bytes;
	if (at < MT_HEADER_BYTES && bytes >= MT_HEADER_BYTES)
		whole = MT_HEADER_BYTES;
	struct mt_chunk chunk;
	while (bytes - whole >= MT_CHUNK_HEADER_BYTES &&
	       mt_chunk_decode(&chunk, writer->image + whole) &&
	       mt_chunk_span(&chunk) <= bytes - whole)
		whole += mt_chunk_span(&chunk);
	return whole;
}

/* A part of a chunk is taken back where the file allows it. */
static int write_gathered(struct mt_writer *writer)
{
	size_t done = 0, size = writer->image_bytes;
	while (done < size) {
		ssize_t written = write(writer->fd, writer->image + done, size - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written > 0) {
			done += (size_t)written;
			continue;
		}
		int error = written ? errno : ENOSPC;
		writer->size -= size - whole_chunks(writer, done);
		writer->image_bytes = 0;
		int rc = report_write_error(writer, error);
		off_t end = (off_t)(writer->base + (int64_t)writer->size);
		if (done && writer->base >= 0 && ftruncate(writer->fd, end) == 0)
			lseek(writer->fd, end, SEEK_SET);
		return rc;
	}
	writer->image_bytes = 0;
	return 0;
}

static int no_memory(struct mt_writer *writer)
{
	return mt_fail(&writer->failure, MT_ERR_NO_MEMORY, "%s: out of memory",
		       writer->name);
}

/* Room for size more bytes of the image. */
static int reserve_image(struct mt_writer *writer, size_t size)
{
	size_t needed = writer->image_bytes + size;
	if (needed <= writer->image_capacity)
		return 0;
	if (needed < 2 * writer->image_capacity)
		needed = 2 * writer->image_capacity;
	uint8_t *image = realloc(writer->image, needed);
	if (!image)
		return no_memory(writer);
	writer->image = image;
	writer->image_capacity = needed;
	return 0;
}

/* Header and padding around the payload that lies at the image's end; then it is put in. */
static int gather_chunk(struct mt_writer *writer, struct mt_chunk *chunk)
{
	chunk->sequence = writer->sequence;
	chunk->tick_us = writer->tick_us;
	chunk->previous = writer->latest[chunk->type];
	uint8_t *place = writer->image + writer->image_bytes;
	mt_chunk_encode(chunk, place);
	size_t span = mt_chunk_span(chunk);
	size_t used = MT_CHUNK_HEADER_BYTES + chunk->stored_bytes;
	memset(place + used, 0, span - used);

	writer->sequence++;
	writer->latest[chunk->type] = writer->size;
	if (chunk->type != MT_CHUNK_INDEX && chunk->type != MT_CHUNK_END)
		writer->unindexed[writer->unindexed_count++] =
			(struct place){chunk->type, writer->size};
	writer->size += span;
	writer->image_bytes += span;
	return writer->image_bytes < GATHER_BYTES ? 0 : write_gathered(writer);
}

static int write_chunk(struct mt_writer *writer, struct mt_chunk *chunk,
		       const uint8_t *raw, size_t raw_bytes)
{
	size_t bound =
		MT_CHUNK_HEADER_BYTES + mt_codec_bound(raw_bytes) + MT_CHUNK_ALIGNMENT;
	int rc = reserve_image(writer, bound);
	if (rc < 0)
		return rc;
	uint8_t *payload = writer->image + writer->image_bytes + MT_CHUNK_HEADER_BYTES;
	rc = mt_codec_store(writer->codec, chunk, raw, raw_bytes, payload,
			    &writer->failure);
	return rc < 0 ? rc : gather_chunk(writer, chunk);
}

/* (type, distance from the place before) for every chunk since the last INDEX. */
static int write_index(struct mt_writer *writer)
{
	if (!writer->unindexed_count)
		return 0;
	uint8_t raw[INDEX_EVERY * 2 * MT_VARINT_MAX];
	struct mt_output out = mt_output_over(raw, sizeof raw);
	uint64_t last = 0;
	for (uint32_t i = 0; i < writer->unindexed_count; i++) {
		const struct place *place = &writer->unindexed[i];
		mt_output_varint(&out, place->type);
		mt_output_varint(&out, place->offset - last);
		last = place->offset;
	}
	writer->unindexed_count = 0;
	struct mt_chunk chunk = {.type = MT_CHUNK_INDEX};
	return write_chunk(writer, &chunk, raw, (size_t)(out.at - raw));
}

/* The one chunk whose size is known beforehand, so that it is found from the end. */
static int write_end(struct mt_writer *writer)
{
	int rc = reserve_image(writer, MT_CHUNK_HEADER_BYTES + MT_CHUNK_END_PAYLOAD);
	if (rc < 0)
		return rc;
	uint8_t *payload = writer->image + writer->image_bytes + MT_CHUNK_HEADER_BYTES;
	struct mt_output out = mt_output_over(payload, MT_CHUNK_END_PAYLOAD);
	mt_output_u64(&out, writer->latest[MT_CHUNK_INDEX]);
	mt_output_u64(&out, writer->sequence);
	struct mt_chunk chunk = {
		.type = MT_CHUNK_END,
		.codec = MT_CODEC_RAW,
		.stored_bytes = MT_CHUNK_END_PAYLOAD,
		.raw_bytes = MT_CHUNK_END_PAYLOAD,
		.stored_crc = mt_crc32(payload, MT_CHUNK_END_PAYLOAD),
	};
	return gather_chunk(writer, &chunk);
}

static void close_group(struct batch *batch)
{
	if (!batch->body)
		return;
	size_t length = batch->size - batch->body;
	uint8_t *head = batch->data + batch->body - GROUP_HEAD_BYTES;
	head[0] = (uint8_t)batch->kind;
	for (int i = 1; i < GROUP_HEAD_BYTES; i++) {
		bool more = i < GROUP_HEAD_BYTES - 1;
		head[i] = (uint8_t)((length & 0x7f) | (more ? 0x80 : 0));
		length >>= 7;
	}
	batch->body = 0;
}

static void open_group(struct batch *batch, enum mt_record_kind kind)
{
	batch->size += GROUP_HEAD_BYTES;
	batch->body = batch->size;
	batch->kind = kind;
	batch->context = (struct mt_record_context){0};
}

static bool is_essential(uint16_t type)
{
	return type == MT_CHUNK_MODULES || type == MT_CHUNK_FRAMES ||
	       type == MT_CHUNK_TRACEBACKS || type == MT_CHUNK_SNAPSHOTS ||
	       type == MT_CHUNK_COUNTERS;
}

static bool is_of_snapshot(uint16_t type)
{
	return type == MT_CHUNK_COUNTERS || type == MT_CHUNK_OCCUPANCY ||
	       type == MT_CHUNK_SCAN;
}

static bool takes_rows(const struct mt_writer *writer)
{
	return writer->is_open && writer->with_rows == writer->ordinal;
}

static bool begins_keyframe(const struct mt_writer *writer, uint16_t type)
{
	return type == MT_CHUNK_SNAPSHOTS && takes_rows(writer) && !writer->delta_of;
}

static int put_out(struct mt_writer *writer, uint16_t type)
{
	struct batch *batch = &writer->batches[type];
	if (!batch->size)
		return 0;
	close_group(batch);
	struct mt_chunk chunk = {
		.type = type,
		.flags = (is_essential(type) ? MT_CHUNK_ESSENTIAL : 0) |
			 (begins_keyframe(writer, type) ? MT_CHUNK_KEYFRAME : 0),
		.stream = is_of_snapshot(type) ? writer->ordinal : 0,
	};
	int rc = write_chunk(writer, &chunk, batch->data, batch->size);
	batch->size = 0;
	if (rc == 0 && writer->unindexed_count == INDEX_EVERY)
		rc = write_index(writer);
	return rc;
}

/* All batches of the types up to last. */
static int put_out_to(struct mt_writer *writer, uint16_t last)
{
	for (uint16_t type = 1; type <= last; type++) {
		int rc = put_out(writer, type);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The rows of the open snapshot and what they refer to. */
static int put_out_rows(struct mt_writer *writer)
{
	int rc = put_out_to(writer, MT_CHUNK_OCCUPANCY);
	return rc < 0 ? rc : put_out(writer, MT_CHUNK_SCAN);
}

static int reserve_batch(struct mt_writer *writer, struct batch *batch, size_t more)
{
	size_t needed = batch->size + more;
	if (needed <= batch->capacity)
		return 0;
	if (needed < MT_CHUNK_TARGET * 5 / 4)
		needed = MT_CHUNK_TARGET * 5 / 4;
	uint8_t *data = realloc(batch->data, needed);
	if (!data)
		return no_memory(writer);
	batch->data = data;
	batch->capacity = needed;
	return 0;
}

static int append(struct mt_writer *writer, const struct mt_record *rec)
{
	uint16_t type = mt_record_chunk_type(rec->kind);
	struct batch *batch = &writer->batches[type];
	size_t limit = mt_record_size_limit(rec) + GROUP_HEAD_BYTES;
	int rc = reserve_batch(writer, batch, limit);
	if (rc < 0)
		return rc;
	if (batch->body && (batch->kind != rec->kind || !mt_record_is_packed(rec->kind)))
		close_group(batch);
	if (!batch->body)
		open_group(batch, rec->kind);
	struct mt_output out =
		mt_output_over(batch->data + batch->size, batch->capacity - batch->size);
	mt_record_encode(&out, &batch->context, rec);
	batch->size = (size_t)(out.at - batch->data);
	return batch->size < MT_CHUNK_TARGET ? 0 : put_out_to(writer, type);
}

static int refuse(const struct mt_writer *writer, struct mt_error *err, const char *why)
{
	return mt_fail(err, MT_ERR_USAGE, "%s: record refused: %s", writer->name, why);
}

/* Rows of a scan leave out their ids: these count up. */
static bool leaves_gap(const struct mt_writer *writer, const struct mt_record *rec)
{
	return (rec->kind == MT_RECORD_ROOT && rec->root.id != writer->roots + 1) ||
	       (rec->kind == MT_RECORD_BLOCK && rec->block.id != writer->blocks + 1);
}

static bool is_out_of_order(const struct mt_record *rec, const struct mt_defined *defined)
{
	return (rec->kind == MT_RECORD_MODULE && rec->module.id <= defined->modules) ||
	       (rec->kind == MT_RECORD_FRAME && rec->frame.id <= defined->frames) ||
	       (rec->kind == MT_RECORD_TRACEBACK &&
		rec->traceback.id <= defined->tracebacks);
}

static int check(const struct mt_writer *writer, const struct mt_record *rec,
		 struct mt_error *err)
{
	uint16_t type = mt_record_chunk_type(rec->kind);
	if (!type)
		return refuse(writer, err, "its kind is not known");
	const char *fault = mt_record_fault(rec);
	if (fault)
		return refuse(writer, err, fault);
	struct mt_defined needs;
	if (mt_record_lacks(rec, &writer->defined, &needs))
		return refuse(writer, err, "it refers to what is not defined yet");
	if (is_out_of_order(rec, &writer->defined))
		return refuse(writer, err, "its id was given before");
	if (leaves_gap(writer, rec))
		return refuse(writer, err, "its id is not the next one");
	if (is_of_snapshot(type) && !takes_rows(writer))
		return refuse(writer, err, "it belongs to no snapshot");
	size_t limit = mt_record_size_limit(rec) + GROUP_HEAD_BYTES;
	if (limit > MT_CHUNK_MAX_RAW - MT_CHUNK_TARGET)
		return refuse(writer, err, "it is too large for a chunk");
	return 0;
}

/* SNAPSHOT: a chunk of its own, so that its place leads to it and nothing else. */
static int begin_snapshot(struct mt_writer *writer, const struct mt_record *rec,
			  struct mt_error *err)
{
	struct mt_record own = *rec;
	struct mt_record_snapshot *snapshot = &own.snapshot;
	snapshot->ordinal = writer->ordinal + 1;
	snapshot->base = snapshot->is_delta ? writer->with_rows : 0;
	snapshot->defined = writer->defined;
	if (snapshot->is_delta && !snapshot->base)
		return refuse(writer, err, "a delta has no snapshot before it");
	int rc = check(writer, &own, err);
	if (rc < 0)
		return rc;
	if (put_out_rows(writer) < 0)
		return fail_for_good(writer, err);

	writer->ordinal = snapshot->ordinal;
	writer->delta_of = snapshot->base;
	writer->is_open = true;
	writer->roots = writer->blocks = 0;
	writer->kind = snapshot->kind;
	if (snapshot->kind != MT_SNAPSHOT_PEAK)
		writer->with_rows = writer->ordinal;
	return append(writer, &own) < 0 ? fail_for_good(writer, err) : 0;
}

static int end_snapshot(struct mt_writer *writer, const struct mt_record *rec,
			struct mt_error *err)
{
	struct mt_record own = *rec;
	own.snapshot.ordinal = writer->ordinal;
	own.snapshot.base = writer->delta_of;
	own.snapshot.defined = writer->defined;
	if (!writer->is_open)
		return refuse(writer, err, "no snapshot is open");
	int rc = check(writer, &own, err);
	if (rc < 0)
		return rc;
	if (put_out_rows(writer) < 0)
		return fail_for_good(writer, err);
	writer->is_open = false;
	bool is_to_wait = writer->kind == MT_SNAPSHOT_START;
	if (append(writer, &own) < 0 || put_out_to(writer, MT_CHUNK_SNAPSHOTS) < 0 ||
	    (!is_to_wait && write_gathered(writer) < 0))
		return fail_for_good(writer, err);
	return 0;
}

static void note_time(struct mt_writer *writer, const struct mt_record *rec)
{
	uint64_t time_ns = rec->kind == MT_RECORD_SNAPSHOT ? rec->snapshot.time_ns
			   : rec->kind == MT_RECORD_SAMPLE ? rec->sample.time_ns
							   : 0;
	if (writer->tick_us < time_ns / 1000)
		writer->tick_us = time_ns / 1000;
}

int mt_writer_put(struct mt_writer *writer, const struct mt_record *rec,
		  struct mt_error *err)
{
	if (writer->failure.code)
		return fail_for_good(writer, err);
	note_time(writer, rec);
	if (rec->kind == MT_RECORD_SNAPSHOT)
		return begin_snapshot(writer, rec, err);
	if (rec->kind == MT_RECORD_SNAPSHOT_END)
		return end_snapshot(writer, rec, err);
	int rc = check(writer, rec, err);
	if (rc < 0)
		return rc;
	mt_record_define(rec, &writer->defined);
	writer->roots += rec->kind == MT_RECORD_ROOT;
	writer->blocks += rec->kind == MT_RECORD_BLOCK;
	return append(writer, rec) < 0 ? fail_for_good(writer, err) : 0;
}

int mt_writer_flush(struct mt_writer *writer, struct mt_error *err)
{
	if (writer->failure.code || put_out_to(writer, MT_CHUNK_ERRORS) < 0 ||
	    write_gathered(writer) < 0)
		return fail_for_good(writer, err);
	return 0;
}

static int write_header(struct mt_writer *writer, const struct mt_writer_options *options)
{
	struct mt_header header = {
		.major = MT_FORMAT_MAJOR,
		.minor = MT_FORMAT_MINOR,
		.header_bytes = MT_HEADER_BYTES,
		.start_realtime_ns = options->start_realtime_ns,
		.writer_version = mt_version_number(MT_VERSION),
	};
	memcpy(header.uuid, options->uuid, sizeof header.uuid);
	int rc = reserve_image(writer, MT_HEADER_BYTES);
	if (rc < 0)
		return rc;
	mt_header_encode(&header, writer->image);
	writer->size = writer->image_bytes = MT_HEADER_BYTES;
	return write_gathered(writer);
}

static void destroy(struct mt_writer *writer)
{
	for (int type = 0; type < MT_CHUNK_TYPE_COUNT; type++)
		free(writer->batches[type].data);
	mt_codec_destroy(writer->codec);
	free(writer->image);
	free(writer);
}

int mt_writer_open(struct mt_writer **result, int fd,
		   const struct mt_writer_options *options, struct mt_error *err)
{
	struct mt_writer *writer = calloc(1, sizeof *writer);
	if (!writer)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	writer->fd = fd;
	writer->name = options->name ? options->name : "trace";
	writer->base = lseek(fd, 0, SEEK_CUR);
	writer->codec = mt_codec_create(options->level);
	int rc = writer->codec ? write_header(writer, options) : no_memory(writer);
	if (rc < 0) {
		fail_for_good(writer, err);
		destroy(writer);
		return rc;
	}
	*result = writer;
	return 0;
}

int mt_writer_close(struct mt_writer *writer, struct mt_error *err)
{
	int rc = mt_writer_flush(writer, err);
	if (rc == 0 && (write_index(writer) < 0 || write_end(writer) < 0 ||
			write_gathered(writer) < 0))
		rc = fail_for_good(writer, err);
	destroy(writer);
	return rc;
}

uint64_t mt_writer_size(const struct mt_writer *writer)
{
	return writer->size;
}
