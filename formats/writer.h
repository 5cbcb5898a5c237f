/*
 * writer.h - records to a trace file. Used by the collector, and by tests that make
 * traces with known answers.
 *
 * Records of one kind gather in a chunk of their own type until it holds 64 KiB or
 * mt_writer_flush is called. Order is kept where it matters: a chunk with snapshot rows is
 * written after all dictionary records that came before it.
 */
#ifndef MT_FORMATS_WRITER_H
#define MT_FORMATS_WRITER_H

#include "formats/error.h"
#include "formats/record.h"

struct mt_writer;

struct mt_writer_options {
	uint8_t uuid[16];
	uint64_t start_realtime_ns;
	int level; /* zlib's, 0: the default of the format (1) */
	const char *
		name; /* of the file, for messages; borrowed until close. NULL: "trace" */
};

/*
 * Write to fd (borrowed; regular file or pipe). The file header is written at once.
 * After an error that leaves room (a full disk) the writer truncates the file back to the
 * last complete chunk where it can, remembers the error and returns it from every later
 * call: what is in the file stays readable.
 */
int mt_writer_open(struct mt_writer **writer, int fd,
		   const struct mt_writer_options *options, struct mt_error *err);

/*
 * rec's bytes are copied. The record is checked as the reader would check it:
 * MT_ERR_USAGE, and nothing is written. Ids of modules, frames and tracebacks count up by
 * one, as do new thread slots. Rows need a SNAPSHOT before them that is no MT_SNAPSHOT_PEAK.
 * After SNAPSHOT_END the snapshot is in the file, readable from then on; `start` with what
 * comes after it, or by mt_writer_flush: many processes end soon after it.
 */
int mt_writer_put(struct mt_writer *writer, const struct mt_record *rec,
		  struct mt_error *err);

/* All that was put is in the file, readable from now on. */
int mt_writer_flush(struct mt_writer *writer, struct mt_error *err);

/* Flush, INDEX and END; then free. Frees also when it fails. fd stays open. */
int mt_writer_close(struct mt_writer *writer, struct mt_error *err);

/* Bytes in the file so far. */
uint64_t mt_writer_size(const struct mt_writer *writer);

#endif
