/*
 * scan.h - from chunk to chunk through a trace, past damage. Outside; used by the reader.
 */
#ifndef MT_FORMATS_SCAN_H
#define MT_FORMATS_SCAN_H

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/reader.h"

/* Zeroed but for source and next, it is ready; deinit does not close the source. */
struct mt_scan {
	struct mt_source source;
	uint64_t place; /* of the chunk below */
	struct mt_chunk chunk;
	uint64_t next;     /* where the one after it is looked for */
	uint32_t sequence; /* that one's number */
	bool has_sequence; /* false: not known, after damage or a jump */
	bool was_cut;      /* the file was seen to end within a chunk */
	struct mt_codec *codec;
	uint8_t *stored;
	uint8_t *raw;
	size_t stored_capacity;
	size_t raw_capacity;
};

/* A stretch of the file that could not be used. */
struct mt_damage {
	uint64_t place;
	uint64_t bytes;
	uint64_t records; /* at most so many were in it */
	char text[256];   /* what was expected and found */
};

void mt_scan_deinit(struct mt_scan *scan);

/*
 * To the next chunk header. 1; 0 at the end of the file, also where it ends within a
 * chunk; MT_ERR_DAMAGED with *damage filled, call again to go on behind it; MT_ERR_SYSTEM
 * with *err filled.
 */
int mt_scan_next(struct mt_scan *scan, struct mt_damage *damage, struct mt_error *err);

/* Its checksum, for a chunk that nobody wants. 0 or negative as above. */
int mt_scan_check(struct mt_scan *scan, struct mt_damage *damage, struct mt_error *err);

/* The payload of the chunk, valid until the next load. 0 or negative as above. */
int mt_scan_load(struct mt_scan *scan, struct mt_cursor *payload,
		 struct mt_damage *damage, struct mt_error *err);

/* Looks for chunks from place on. */
void mt_scan_jump(struct mt_scan *scan, uint64_t place);

/* Exactly size bytes at place: 1, 0 where the file ends before, MT_ERR_SYSTEM. */
int mt_scan_read(struct mt_scan *scan, void *data, size_t size, uint64_t place,
		 struct mt_error *err);

/* Whether the file ends with an END chunk: 1, 0, MT_ERR_SYSTEM. */
int mt_scan_is_closed(struct mt_scan *scan, struct mt_error *err);

#endif
