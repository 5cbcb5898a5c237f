/*
 * reader.h - a trace file, record by record.
 *
 * A reader never trusts a byte: lengths, counts and ids are checked before use, memory is
 * bounded by the file's size. Damage costs the chunk it is in: reading goes on at the next
 * intact one.
 */
#ifndef MT_FORMATS_READER_H
#define MT_FORMATS_READER_H

#include "formats/error.h"
#include "formats/record.h"

struct mt_reader;

/* Where the bytes come from: a file, a socket's spool, a test's buffer. */
struct mt_source {
	/* Up to size bytes at offset: how many (0: end), or negative with *err filled. */
	long (*read_at)(void *context, void *buffer, size_t size, uint64_t offset,
			struct mt_error *err);
	/* The first byte from offset on that may be other than 0; NULL: any may be. */
	uint64_t (*skip_hole)(void *context, uint64_t offset);
	void (*close)(void *context); /* NULL: nothing to do */
	void *context;
	uint64_t size;    /* of the whole source */
	const char *name; /* for messages; borrowed until the reader is closed */
};

/* What reading met so far; each piece of damage counts once, however often it is met. */
struct mt_reader_status {
	bool is_closed;          /* END was found: the writer finished */
	bool was_cut;            /* the file ends within a chunk, as seen so far */
	uint64_t damaged_chunks; /* failed a check and were left out */
	uint64_t damaged_bytes;
	uint64_t unknown_chunks; /* of later formats, skipped */
	uint64_t unknown_records;
	struct mt_error first_damage; /* file, offset, expected, found */
};

/*
 * Open path or source and check the file header; on success *reader is the caller's.
 * MT_ERR_NOT_A_TRACE, MT_ERR_NEWER, MT_ERR_MISSING, MT_ERR_SYSTEM, MT_ERR_DAMAGED. The
 * source is closed with the reader, and also when opening fails.
 */
int mt_reader_open(struct mt_reader **reader, const char *path, struct mt_error *err);
int mt_reader_open_source(struct mt_reader **reader, struct mt_source source,
			  struct mt_error *err);
void mt_reader_close(struct mt_reader *reader);

/*
 * Of all chunks the checksums are checked, once; damage is reported wherever it is.
 * Only chunks that may hold one of these kinds (bits 1 << enum mt_record_kind) are
 * inflated from now on; records of other kinds are not returned. Default: all.
 * Snapshot headers, snapshot rows and the dictionaries are in chunks of their own, so
 * that going over a large trace for its snapshots' headers costs next to nothing.
 * What the wanted kinds refer to is decoded too, to check them.
 */
void mt_reader_want(struct mt_reader *reader, uint32_t kinds);

/*
 * Next record into *rec; its bytes stay valid until the next call.
 * Returns 1, 0 at the end, negative on damage; after damage, call again to resume at the
 * next intact chunk. MT_ERR_NEWER (an essential chunk of a later format) and
 * MT_ERR_SYSTEM are final: 0 follows them.
 *
 * Records can be used without further checks: ids of modules, frames and tracebacks count
 * up from 1 without a gap, slots from 0; a parent is below its child; whatever a record
 * refers to has been returned before (where its kind was wanted; read the dictionaries to
 * the end before a pass without them). Where damage took records of the dictionaries,
 * others stand in for them: modules without path, frames without module, tracebacks with
 * the root MT_TRACEBACK_LOST, threads without name.
 */
int mt_reader_next(struct mt_reader *reader, struct mt_record *rec, struct mt_error *err);

/*
 * The place of the chunk that the last record came from, and back to it (or 0: start).
 * A SNAPSHOT is the first record of its chunk. Rows read after seeking are checked against
 * the dictionaries that were read earlier.
 */
uint64_t mt_reader_tell(const struct mt_reader *reader);
int mt_reader_seek(struct mt_reader *reader, uint64_t place, struct mt_error *err);

const struct mt_reader_status *mt_reader_status(const struct mt_reader *reader);

/* From the file header. */
const uint8_t *mt_reader_uuid(const struct mt_reader *reader); /* 16 bytes */
uint64_t mt_reader_start_realtime_ns(const struct mt_reader *reader);

#endif
