/*
 * header.h - the first 64 bytes of a trace file. Written once, never rewritten. Outside.
 */
#ifndef MT_FORMATS_HEADER_H
#define MT_FORMATS_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_HEADER_BYTES = 64,
	MT_FORMAT_MAJOR = 1, /* another container: older readers refuse the file */
	MT_FORMAT_MINOR = 0, /* something was added that older readers can skip */
};

struct mt_header {
	uint16_t major;
	uint16_t minor;
	uint32_t header_bytes; /* where the first chunk is */
	uint64_t incompatible; /* features that a reader must know; none so far */
	uint64_t compatible;   /* features that it may ignore; none so far */
	uint8_t uuid[16];      /* of the trace */
	uint64_t start_realtime_ns;
	uint32_t writer_version; /* memtrace's: major << 16 | minor << 8 | patch */
};

enum mt_header_verdict {
	MT_HEADER_VALID,
	MT_HEADER_FOREIGN, /* the magic number is another */
	MT_HEADER_DAMAGED, /* the checksum differs */
};

void mt_header_encode(const struct mt_header *header, uint8_t data[MT_HEADER_BYTES]);

/* *header holds what the bytes say, whatever the verdict. */
enum mt_header_verdict mt_header_decode(struct mt_header *header,
					const uint8_t data[MT_HEADER_BYTES]);

/* Whether the size bytes at data are how a trace begins; size may be below 8. */
bool mt_header_is_begun(const uint8_t *data, size_t size);

/* "1.2.3" as a number, for writer_version. */
uint32_t mt_version_number(const char *text);

#endif
