/*
 * image.h - the shared state of one process image, read from outside.
 *
 * Works alike for a live and for a dead process: all is pread from the memfd. Nothing in
 * it is trusted: regions are checked against the file once, every read against its region.
 */
#ifndef MT_TRACER_COLLECT_IMAGE_H
#define MT_TRACER_COLLECT_IMAGE_H

#include "formats/error.h"
#include "formats/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_IMAGE_MOST_FROZEN_BYTES = 256 << 20,
};

struct mt_image {
	int fd;
	struct mt_state_kept *kept; /* not NULL: reads see the state as it was then */
	uint64_t inode;
	struct mt_state_header header; /* as of the last refresh; regions checked */
};

/* Takes fd over on success. MT_ERR_DAMAGED: not a state that we can read. */
int mt_image_open(struct mt_image *image, int fd, struct mt_error *err);
void mt_image_close(struct mt_image *image);

/* Read the changing part of the header anew. */
bool mt_image_refresh(struct mt_image *image);

/*
 * Up to count entries from entry `first` of a region. Returns how many; what lies beyond
 * the region does not exist.
 */
size_t mt_image_read(const struct mt_image *image, enum mt_region_id region,
		     size_t entry_bytes, uint64_t first, size_t count, void *entries);

/* How many of the entries in use the region really has room for. */
uint64_t mt_image_clamp(const struct mt_image *image, enum mt_region_id region,
			size_t entry_bytes, uint64_t used);

/*
 * From now on reads see the state as it was when main was entered, until
 * mt_image_leave_start. Returns when that was; 0: it was not kept, or not yet.
 */
uint64_t mt_image_enter_start(struct mt_image *image);
void mt_image_leave_start(struct mt_image *image);

/*
 * The same for now: copy what may change, so that the process need not wait while it is
 * looked at. False: there is more of it than most, or no memory.
 * mt_image_leave_start ends it.
 */
bool mt_image_freeze(struct mt_image *image, uint64_t most);

/* A string of the string table into buffer, cut if need be; empty where there is none. */
void mt_image_string(const struct mt_image *image, uint32_t at, char *buffer,
		     size_t size);

/* The arguments that it was started with, each with its NUL; how many bytes. */
size_t mt_image_arguments(const struct mt_image *image, char *buffer, size_t size);

/* The file of its program, as a string; empty: not known. */
void mt_image_program(const struct mt_image *image, char *buffer, size_t size);

/* What the threads' lines add up to. */
struct mt_image_sums {
	int64_t live_bytes;     /* with the header's base */
	uint64_t walks, walked; /* tracebacks that were not predicted, frames walked */
};

struct mt_image_sums mt_image_sums(const struct mt_image *image);

/*
 * Whether any process maps the state: the one that made it, or a forked child that has
 * not come to a state of its own.
 */
bool mt_image_is_mapped(const struct mt_image *image);

/* Memory that the state takes. */
uint64_t mt_image_resident_bytes(const struct mt_image *image);

#endif
