/*
 * image.h - a trace in memory, to be damaged and read, for tests.
 */
#ifndef MT_TESTS_TRACES_IMAGE_H
#define MT_TESTS_TRACES_IMAGE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/chunk.h"
#include "formats/header.h"
#include "formats/reader.h"
#include "tests/traces/known.h"

struct image {
	uint8_t *data;
	size_t size;
};

static inline struct image image_take(int fd)
{
	struct image image = {.size = (size_t)lseek(fd, 0, SEEK_END)};
	image.data = malloc(image.size + 1);
	if (pread(fd, image.data, image.size, 0) != (ssize_t)image.size)
		abort();
	close(fd);
	return image;
}

static inline struct image image_of_known(uint32_t frames, bool is_closed)
{
	int fd = memfd_create("known", MFD_CLOEXEC);
	known_write(fd, frames, is_closed);
	return image_take(fd);
}

static inline long image_read_at(void *context, void *buffer, size_t size,
				 uint64_t offset, struct mt_error *err)
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

static inline int image_open(struct mt_reader **reader, struct image *image,
			     struct mt_error *err)
{
	struct mt_source source = {.read_at = image_read_at,
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

static inline struct tally image_read(struct mt_reader *reader)
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
static inline size_t image_find(const struct image *image, uint16_t type, int n,
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

#endif
