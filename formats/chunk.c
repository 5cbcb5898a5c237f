/*
 * chunk.c - see chunk.h. Outside.
 */
#include "formats/chunk.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "formats/bytes.h"

enum {
	/* What deflating saves of less is not worth its time: brief processes write a few. */
	LEAST_DEFLATED_BYTES = 512,
};

struct mt_codec {
	z_stream deflater;
	z_stream inflater;
	int level;
	bool can_deflate; /* the streams are set up at first use */
	bool can_inflate;
};

uint32_t mt_crc32(const void *data, size_t size)
{
	return (uint32_t)crc32_z(0, data, size);
}

void mt_chunk_encode(const struct mt_chunk *chunk, uint8_t header[MT_CHUNK_HEADER_BYTES])
{
	struct mt_output out = mt_output_over(header, MT_CHUNK_HEADER_BYTES);
	mt_output_u32(&out, MT_CHUNK_MAGIC);
	mt_output_u16(&out, chunk->type);
	mt_output_u8(&out, chunk->codec);
	mt_output_u8(&out, chunk->flags);
	mt_output_u32(&out, chunk->stored_bytes);
	mt_output_u32(&out, chunk->raw_bytes);
	mt_output_u32(&out, chunk->stored_crc);
	mt_output_u32(&out, chunk->sequence);
	mt_output_u64(&out, chunk->tick_us);
	mt_output_u64(&out, chunk->previous);
	mt_output_u32(&out, chunk->stream);
	mt_output_u32(&out, mt_crc32(header, MT_CHUNK_HEADER_BYTES - 4));
}

bool mt_chunk_decode(struct mt_chunk *chunk, const uint8_t header[MT_CHUNK_HEADER_BYTES])
{
	struct mt_cursor in = mt_cursor_over(header, MT_CHUNK_HEADER_BYTES);
	if (mt_cursor_u32(&in) != MT_CHUNK_MAGIC)
		return false;
	*chunk = (struct mt_chunk){
		.type = mt_cursor_u16(&in),
	};
	chunk->codec = mt_cursor_u8(&in);
	chunk->flags = mt_cursor_u8(&in);
	chunk->stored_bytes = mt_cursor_u32(&in);
	chunk->raw_bytes = mt_cursor_u32(&in);
	chunk->stored_crc = mt_cursor_u32(&in);
	chunk->sequence = mt_cursor_u32(&in);
	chunk->tick_us = mt_cursor_u64(&in);
	chunk->previous = mt_cursor_u64(&in);
	chunk->stream = mt_cursor_u32(&in);
	return mt_cursor_u32(&in) == mt_crc32(header, MT_CHUNK_HEADER_BYTES - 4);
}

uint64_t mt_chunk_span(const struct mt_chunk *chunk)
{
	uint64_t padded = ((uint64_t)chunk->stored_bytes + MT_CHUNK_ALIGNMENT - 1) /
			  MT_CHUNK_ALIGNMENT * MT_CHUNK_ALIGNMENT;
	return MT_CHUNK_HEADER_BYTES + padded;
}

const char *mt_chunk_fault(const struct mt_chunk *chunk)
{
	if (chunk->codec > MT_CODEC_ZLIB)
		return "its codec is not known";
	if (chunk->raw_bytes > MT_CHUNK_MAX_RAW)
		return "it says that it holds more than a chunk may";
	if (chunk->codec == MT_CODEC_RAW && chunk->raw_bytes != chunk->stored_bytes)
		return "its two sizes differ although it is not compressed";
	if (chunk->raw_bytes > (uint64_t)chunk->stored_bytes * MT_CHUNK_MAX_RATIO)
		return "it says that it is compressed more than a chunk may be";
	return NULL;
}

const char *mt_chunk_name(uint16_t type)
{
	static const char *const names[MT_CHUNK_TYPE_COUNT] = {
		[MT_CHUNK_META] = "META",         [MT_CHUNK_MODULES] = "MODULES",
		[MT_CHUNK_FRAMES] = "FRAMES",     [MT_CHUNK_TRACEBACKS] = "TRACEBACKS",
		[MT_CHUNK_THREADS] = "THREADS",   [MT_CHUNK_SNAPSHOTS] = "SNAPSHOTS",
		[MT_CHUNK_COUNTERS] = "COUNTERS", [MT_CHUNK_OCCUPANCY] = "OCCUPANCY",
		[MT_CHUNK_TIMELINE] = "TIMELINE", [MT_CHUNK_PROCESSES] = "PROCESSES",
		[MT_CHUNK_INDEX] = "INDEX",       [MT_CHUNK_END] = "END",
		[MT_CHUNK_SCAN] = "SCAN",         [MT_CHUNK_ERRORS] = "ERRORS",
	};
	return type > 0 && type < MT_CHUNK_TYPE_COUNT ? names[type] : "of unknown type";
}

struct mt_codec *mt_codec_create(int level)
{
	struct mt_codec *codec = calloc(1, sizeof *codec);
	if (codec)
		codec->level = level ? level : 1;
	return codec;
}

void mt_codec_destroy(struct mt_codec *codec)
{
	if (!codec)
		return;
	if (codec->can_deflate)
		deflateEnd(&codec->deflater);
	if (codec->can_inflate)
		inflateEnd(&codec->inflater);
	free(codec);
}

size_t mt_codec_bound(size_t raw_bytes)
{
	return compressBound(raw_bytes);
}

/* Bytes stored, 0 where zlib fails: out of memory at first use. */
static size_t deflate_payload(struct mt_codec *codec, const uint8_t *raw,
			      size_t raw_bytes, int strategy, uint8_t *stored)
{
	z_stream *stream = &codec->deflater;
	if (!codec->can_deflate && deflateInit(stream, codec->level) != Z_OK)
		return 0;
	codec->can_deflate = true;
	deflateReset(stream);
	stream->next_in = (Bytef *)raw;
	stream->avail_in = (uInt)raw_bytes;
	stream->next_out = stored;
	stream->avail_out = (uInt)mt_codec_bound(raw_bytes);
	if (deflateParams(stream, codec->level, strategy) != Z_OK)
		return 0;
	return deflate(stream, Z_FINISH) == Z_STREAM_END ? stream->total_out : 0;
}

int mt_codec_store(struct mt_codec *codec, struct mt_chunk *chunk, const uint8_t *raw,
		   size_t raw_bytes, uint8_t *stored, struct mt_error *err)
{
	size_t size = raw_bytes;
	if (raw_bytes >= LEAST_DEFLATED_BYTES)
		size = deflate_payload(codec, raw, raw_bytes, Z_DEFAULT_STRATEGY, stored);
	/* Huffman codes alone never exceed 8:1, whatever the payload repeats. */
	if (size && raw_bytes > size * MT_CHUNK_MAX_RATIO)
		size = deflate_payload(codec, raw, raw_bytes, Z_HUFFMAN_ONLY, stored);
	if (!size && raw_bytes)
		return mt_fail(err, MT_ERR_NO_MEMORY,
			       "cannot compress %zu bytes: out of memory", raw_bytes);
	chunk->codec = MT_CODEC_ZLIB;
	if (size >= raw_bytes) {
		memcpy(stored, raw, raw_bytes);
		chunk->codec = MT_CODEC_RAW;
		size = raw_bytes;
	}
	chunk->stored_bytes = (uint32_t)size;
	chunk->raw_bytes = (uint32_t)raw_bytes;
	chunk->stored_crc = mt_crc32(stored, size);
	return 0;
}

static const char *inflate_payload(struct mt_codec *codec, const struct mt_chunk *chunk,
				   const uint8_t *stored, uint8_t *raw)
{
	z_stream *stream = &codec->inflater;
	if (!codec->can_inflate && inflateInit(stream) != Z_OK)
		return "there is no memory to decompress it";
	codec->can_inflate = true;
	inflateReset(stream);
	stream->next_in = (Bytef *)stored;
	stream->avail_in = chunk->stored_bytes;
	stream->next_out = raw;
	stream->avail_out = chunk->raw_bytes;
	if (inflate(stream, Z_FINISH) != Z_STREAM_END)
		return "its compressed data is not valid";
	if (stream->total_out != chunk->raw_bytes || stream->avail_in)
		return "its compressed data has another size than its header says";
	return NULL;
}

const char *mt_codec_load(struct mt_codec *codec, const struct mt_chunk *chunk,
			  const uint8_t *stored, uint8_t *raw)
{
	if (chunk->codec == MT_CODEC_ZLIB)
		return inflate_payload(codec, chunk, stored, raw);
	if (chunk->stored_bytes)
		memcpy(raw, stored, chunk->stored_bytes);
	return NULL;
}
