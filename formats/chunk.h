/*
 * chunk.h - the unit of a trace file: a 48-byte header and a payload that can be checked
 * and inflated alone. Outside.
 *
 * The header has its own checksum, so that one can hop from chunk to chunk without
 * reading payloads, and find chunks again after damage. memtrace-trace(5) has the layout.
 */
#ifndef MT_FORMATS_CHUNK_H
#define MT_FORMATS_CHUNK_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_CHUNK_MAGIC = 0x4b48434d, /* "MCHK" */
	MT_CHUNK_HEADER_BYTES = 48,
	MT_CHUNK_ALIGNMENT = 8,      /* payloads are padded to it with zeros */
	MT_CHUNK_TARGET = 64 << 10,  /* raw bytes after which a writer ends a chunk */
	MT_CHUNK_MAX_RAW = 16 << 20, /* one record may be larger than the target */
	MT_CHUNK_MAX_RATIO = 16,   /* raw / stored: what a file can make a reader hold */
	MT_CHUNK_END_PAYLOAD = 16, /* of an END chunk */
};

/* In the order in which a writer puts out what has gathered: uses after definitions. */
enum mt_chunk_type {
	MT_CHUNK_META = 1,
	MT_CHUNK_MODULES = 2,
	MT_CHUNK_FRAMES = 3,
	MT_CHUNK_TRACEBACKS = 4,
	MT_CHUNK_THREADS = 5,
	MT_CHUNK_SNAPSHOTS = 6, /* headers and ends of snapshots */
	MT_CHUNK_COUNTERS = 7,
	MT_CHUNK_OCCUPANCY = 8, /* cells, classes, arenas, losses of a snapshot */
	MT_CHUNK_TIMELINE = 9,
	MT_CHUNK_PROCESSES = 10,
	MT_CHUNK_INDEX = 11,  /* where the chunks since the last INDEX are */
	MT_CHUNK_END = 12,    /* the writer finished; where the last INDEX is */
	MT_CHUNK_SCAN = 13,   /* of a snapshot: who holds which block */
	MT_CHUNK_ERRORS = 14, /* what the program did wrong */
	MT_CHUNK_TYPE_COUNT
};

enum mt_chunk_codec {
	MT_CODEC_RAW = 0,
	MT_CODEC_ZLIB = 1,
};

enum mt_chunk_flag {
	MT_CHUNK_ESSENTIAL = 1 << 0, /* who does not know the type must refuse the file */
	MT_CHUNK_KEYFRAME = 1 << 1,  /* header of a full snapshot */
};

struct mt_chunk {
	uint16_t type; /* enum mt_chunk_type, or one of a later format */
	uint8_t codec;
	uint8_t flags;
	uint32_t stored_bytes; /* of the payload in the file, padding not counted */
	uint32_t raw_bytes;    /* of the payload inflated */
	uint32_t stored_crc;
	uint32_t sequence; /* chunks are numbered from 0 */
	uint64_t tick_us;  /* time of the latest snapshot or sample before its end */
	uint64_t previous; /* place of the previous chunk of this type; 0: none */
	uint32_t stream;   /* rows of a snapshot: its ordinal; otherwise 0 */
};

void mt_chunk_encode(const struct mt_chunk *chunk, uint8_t header[MT_CHUNK_HEADER_BYTES]);

/* False: no chunk begins here (magic or checksum of the header). */
bool mt_chunk_decode(struct mt_chunk *chunk, const uint8_t header[MT_CHUNK_HEADER_BYTES]);

/* Header, payload and padding. */
uint64_t mt_chunk_span(const struct mt_chunk *chunk);

uint32_t mt_crc32(const void *data, size_t size);

/*
 * Deflates and inflates, one payload after the other. One owner: no two threads at once.
 * create returns NULL when out of memory.
 */
struct mt_codec;
struct mt_codec *mt_codec_create(int level); /* zlib's level, 0: 1 */
void mt_codec_destroy(struct mt_codec *codec);

/* Room for any payload of raw_bytes in its stored form. */
size_t mt_codec_bound(size_t raw_bytes);

/*
 * Stores raw at stored (of mt_codec_bound bytes) in the codec that suits it and sets the
 * sizes, the codec and the checksum of *chunk. Keeps to MT_CHUNK_MAX_RATIO.
 */
int mt_codec_store(struct mt_codec *codec, struct mt_chunk *chunk, const uint8_t *raw,
		   size_t raw_bytes, uint8_t *stored, struct mt_error *err);

/*
 * The payload's bytes into raw (of chunk->raw_bytes bytes). NULL, or what is wrong in a
 * few words. Sizes must have been checked with mt_chunk_fault, the payload's checksum too.
 */
const char *mt_codec_load(struct mt_codec *codec, const struct mt_chunk *chunk,
			  const uint8_t *stored, uint8_t *raw);

/* What makes the sizes or the codec in a header unacceptable; NULL: nothing. */
const char *mt_chunk_fault(const struct mt_chunk *chunk);

/* "TRACEBACKS"; for an unknown type "of unknown type". */
const char *mt_chunk_name(uint16_t type);

#endif
