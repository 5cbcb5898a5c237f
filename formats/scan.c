/*
 * scan.c - see scan.h. Outside.
 */
#include "formats/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEARCH_BYTES = 64 << 10,
	MAGIC_BYTES = 4,
};

static const uint8_t magic[MAGIC_BYTES] = {'M', 'C', 'H', 'K'};

void mt_scan_deinit(struct mt_scan *scan)
{
	mt_codec_destroy(scan->codec);
	free(scan->stored);
	free(scan->raw);
}

void mt_scan_jump(struct mt_scan *scan, uint64_t place)
{
	scan->next = place;
	scan->has_sequence = false;
}

int mt_scan_read(struct mt_scan *scan, void *data, size_t size, uint64_t place,
		 struct mt_error *err)
{
	uint8_t *at = data;
	while (size) {
		long got =
			scan->source.read_at(scan->source.context, at, size, place, err);
		if (got < 0)
			return (int)got;
		if (!got)
			return 0;
		at += got;
		size -= (size_t)got;
		place += (uint64_t)got;
	}
	return 1;
}

static uint64_t bytes_from(const struct mt_scan *scan, uint64_t place)
{
	return place < scan->source.size ? scan->source.size - place : 0;
}

/* 1: *chunk begins at place; 0: no chunk does. */
static int read_header(struct mt_scan *scan, struct mt_chunk *chunk, uint64_t place,
		       struct mt_error *err)
{
	uint8_t header[MT_CHUNK_HEADER_BYTES];
	int rc = mt_scan_read(scan, header, sizeof header, place, err);
	return rc > 0 ? mt_chunk_decode(chunk, header) : rc;
}

/* The first chunk header in data, which was read from place: its offset; size: none. */
static int find_header(struct mt_scan *scan, const uint8_t *data, size_t size,
		       uint64_t place, size_t *found, struct mt_error *err)
{
	const uint8_t *at = data;
	const uint8_t *end = data + size;
	while ((at = memmem(at, (size_t)(end - at), magic, sizeof magic))) {
		struct mt_chunk chunk;
		int rc = read_header(scan, &chunk, place + (size_t)(at - data), err);
		if (rc < 0)
			return rc;
		if (rc) {
			*found = (size_t)(at - data);
			return 0;
		}
		at++;
	}
	*found = size;
	return 0;
}

/* A chunk cannot begin in a hole, however large somebody made it. */
static uint64_t after_hole(const struct mt_scan *scan, uint64_t at)
{
	if (!scan->source.skip_hole || at >= scan->source.size)
		return at;
	uint64_t data = scan->source.skip_hole(scan->source.context, at);
	return data < scan->source.size ? data : scan->source.size;
}

/* scan->next to the next chunk header after place, or to the end of the file. */
static int search(struct mt_scan *scan, uint64_t place, struct mt_error *err)
{
	uint8_t *data = malloc(SEARCH_BYTES);
	if (!data)
		return mt_fail(err, MT_ERR_NO_MEMORY, "%s: out of memory",
			       scan->source.name);
	int rc = 0;
	uint64_t at = after_hole(scan, place + 1);
	while (bytes_from(scan, at) >= MT_CHUNK_HEADER_BYTES) {
		uint64_t left = bytes_from(scan, at);
		size_t size = left < SEARCH_BYTES ? (size_t)left : SEARCH_BYTES;
		size_t found = size;
		rc = mt_scan_read(scan, data, size, at, err);
		if (rc > 0)
			rc = find_header(scan, data, size, at, &found, err);
		if (rc < 0 || found < size) {
			at += found;
			break;
		}
		at += size - (MAGIC_BYTES - 1); /* a magic number may lie across */
		at = after_hole(scan, at);
	}
	free(data);
	if (rc < 0)
		return rc;
	mt_scan_jump(scan, bytes_from(scan, at) >= MT_CHUNK_HEADER_BYTES
				   ? at
				   : scan->source.size);
	return 0;
}

static void set_damage(struct mt_damage *damage, uint64_t place, uint64_t bytes)
{
	damage->place = place;
	damage->bytes = bytes;
	damage->records =
		bytes * MT_CHUNK_MAX_RATIO; /* a record has a raw byte at least */
}

/* Bytes at place that are no chunk header: left out up to the next one. */
static int skip_damage(struct mt_scan *scan, uint64_t place, struct mt_damage *damage,
		       struct mt_error *err)
{
	uint8_t found[MAGIC_BYTES] = {0};
	int rc = mt_scan_read(scan, found, sizeof found, place, err);
	if (rc >= 0)
		rc = search(scan, place, err);
	if (rc < 0)
		return rc;
	set_damage(damage, place, scan->next - place);
	bool is_magic = memcmp(found, magic, sizeof magic) == 0;
	snprintf(damage->text, sizeof damage->text,
		 is_magic ? "expected a chunk header, found one with a wrong checksum"
			  : "expected a chunk header (%02x %02x %02x %02x), found "
			    "%02x %02x %02x %02x",
		 magic[0], magic[1], magic[2], magic[3], found[0], found[1], found[2],
		 found[3]);
	return MT_ERR_DAMAGED;
}

/* Fewer bytes than a header at place, the file's last. */
static int skip_tail(struct mt_scan *scan, uint64_t place, struct mt_damage *damage,
		     struct mt_error *err)
{
	uint8_t tail[MT_CHUNK_HEADER_BYTES];
	size_t size = (size_t)bytes_from(scan, place);
	scan->next = scan->source.size;
	int rc = size ? mt_scan_read(scan, tail, size, place, err) : 0;
	if (rc <= 0)
		return rc;
	if (memcmp(tail, magic, size < MAGIC_BYTES ? size : MAGIC_BYTES) == 0) {
		scan->was_cut = true; /* within a header */
		return 0;
	}
	set_damage(damage, place, size);
	snprintf(damage->text, sizeof damage->text,
		 "expected a chunk header or the end, found %zu bytes", size);
	return MT_ERR_DAMAGED;
}

/* Chunks are numbered, so that ones cut out without a trace are noticed. */
static int report_gap(struct mt_scan *scan, const struct mt_chunk *chunk,
		      struct mt_damage *damage)
{
	set_damage(damage, scan->next, 0);
	damage->records = (uint64_t)(chunk->sequence - scan->sequence) * MT_CHUNK_TARGET;
	snprintf(damage->text, sizeof damage->text,
		 "expected chunk %" PRIu32 ", found chunk %" PRIu32, scan->sequence,
		 chunk->sequence);
	scan->has_sequence = false;
	return MT_ERR_DAMAGED;
}

int mt_scan_next(struct mt_scan *scan, struct mt_damage *damage, struct mt_error *err)
{
	uint64_t place = scan->next;
	if (bytes_from(scan, place) < MT_CHUNK_HEADER_BYTES)
		return skip_tail(scan, place, damage, err);
	struct mt_chunk chunk;
	int rc = read_header(scan, &chunk, place, err);
	if (rc < 0)
		return rc;
	if (!rc)
		return skip_damage(scan, place, damage, err);
	if (scan->has_sequence && chunk.sequence != scan->sequence)
		return report_gap(scan, &chunk, damage);
	if (bytes_from(scan, place) - MT_CHUNK_HEADER_BYTES < chunk.stored_bytes) {
		scan->next = scan->source.size;
		scan->was_cut = true;
		return 0;
	}
	scan->place = place;
	scan->chunk = chunk;
	scan->next = place + mt_chunk_span(&chunk);
	scan->sequence = chunk.sequence + 1;
	scan->has_sequence = true;
	return 1;
}

/* At least one byte, so that a pointer to nothing is still a pointer. */
static bool reserve(uint8_t **data, size_t *capacity, size_t size)
{
	if (size < *capacity)
		return true;
	uint8_t *larger = realloc(*data, size + 1);
	if (!larger)
		return false;
	*data = larger;
	*capacity = size + 1;
	return true;
}

static int report_payload(const struct mt_scan *scan, struct mt_damage *damage)
{
	set_damage(damage, scan->place, mt_chunk_span(&scan->chunk));
	return MT_ERR_DAMAGED;
}

int mt_scan_check(struct mt_scan *scan, struct mt_damage *damage, struct mt_error *err)
{
	const struct mt_chunk *chunk = &scan->chunk;
	const char *fault = mt_chunk_fault(chunk);
	if (fault) {
		snprintf(damage->text, sizeof damage->text, "%s", fault);
		return report_payload(scan, damage);
	}
	if (!reserve(&scan->stored, &scan->stored_capacity, chunk->stored_bytes))
		return mt_fail(err, MT_ERR_NO_MEMORY, "%s: out of memory",
			       scan->source.name);
	int rc = mt_scan_read(scan, scan->stored, chunk->stored_bytes,
			      scan->place + MT_CHUNK_HEADER_BYTES, err);
	if (rc < 0)
		return rc;
	uint32_t crc = mt_crc32(scan->stored, chunk->stored_bytes);
	if (crc == chunk->stored_crc)
		return 0;
	snprintf(damage->text, sizeof damage->text,
		 "expected the checksum %08" PRIx32 ", found %08" PRIx32,
		 chunk->stored_crc, crc);
	return report_payload(scan, damage);
}

int mt_scan_load(struct mt_scan *scan, struct mt_cursor *payload,
		 struct mt_damage *damage, struct mt_error *err)
{
	const struct mt_chunk *chunk = &scan->chunk;
	int rc = mt_scan_check(scan, damage, err);
	if (rc < 0)
		return rc;
	if (!scan->codec)
		scan->codec = mt_codec_create(0);
	if (!scan->codec || !reserve(&scan->raw, &scan->raw_capacity, chunk->raw_bytes))
		return mt_fail(err, MT_ERR_NO_MEMORY, "%s: out of memory",
			       scan->source.name);
	const char *fault = mt_codec_load(scan->codec, chunk, scan->stored, scan->raw);
	if (fault) {
		snprintf(damage->text, sizeof damage->text, "%s", fault);
		return report_payload(scan, damage);
	}
	*payload = mt_cursor_over(scan->raw, chunk->raw_bytes);
	return 0;
}

int mt_scan_is_closed(struct mt_scan *scan, struct mt_error *err)
{
	enum {
		END_BYTES = MT_CHUNK_HEADER_BYTES + MT_CHUNK_END_PAYLOAD
	};
	uint8_t data[END_BYTES];
	if (scan->source.size < END_BYTES)
		return 0;
	int rc =
		mt_scan_read(scan, data, sizeof data, scan->source.size - END_BYTES, err);
	struct mt_chunk chunk;
	if (rc <= 0 || !mt_chunk_decode(&chunk, data))
		return rc < 0 ? rc : 0;
	return chunk.type == MT_CHUNK_END && chunk.stored_bytes == MT_CHUNK_END_PAYLOAD &&
	       chunk.stored_crc ==
		       mt_crc32(data + MT_CHUNK_HEADER_BYTES, MT_CHUNK_END_PAYLOAD);
}
