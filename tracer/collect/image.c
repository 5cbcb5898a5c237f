/*
 * image.c - bounds-checked reading of a process's state. Outside.
 */
#include "tracer/collect/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	THREAD_BATCH = 256,
};

static bool read_all(int fd, void *buffer, size_t size, uint64_t offset)
{
	char *to = buffer;
	while (size) {
		ssize_t got = pread(fd, to, size, (off_t)offset);
		if (got <= 0)
			return false;
		to += got;
		size -= (size_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

/* What was kept of the bytes from offset on takes their place. */
static void lay_over(const struct mt_state_kept *kept, char *buffer, uint64_t offset,
		     uint64_t size)
{
	const unsigned char *bytes = kept->bytes;
	for (uint32_t i = 0; i < kept->extents; i++) {
		const struct mt_state_extent *extent = &kept->extent[i];
		uint64_t end = extent->offset + extent->size;
		uint64_t from = offset > extent->offset ? offset : extent->offset;
		uint64_t to = offset + size < end ? offset + size : end;
		uint64_t stored = extent->offset + extent->stored;
		if (from < to) {
			uint64_t known = stored < to ? stored : to;
			memset(buffer + (from - offset), 0, to - from);
			if (from < known)
				memcpy(buffer + (from - offset),
				       bytes + (from - extent->offset), known - from);
		}
		bytes += extent->stored;
	}
}

/* Whether all of it lies in one extent: then the file need not be read. */
static bool read_kept(const struct mt_state_kept *kept, void *buffer, size_t size,
		      uint64_t offset)
{
	const unsigned char *bytes = kept->bytes;
	for (uint32_t i = 0; i < kept->extents; i++) {
		const struct mt_state_extent *extent = &kept->extent[i];
		uint64_t from = offset - extent->offset;
		if (offset >= extent->offset && from <= extent->stored &&
		    size <= extent->stored - from) {
			memcpy(buffer, bytes + from, size);
			return true;
		}
		bytes += extent->stored;
	}
	return false;
}

static bool read_image(const struct mt_image *image, void *buffer, size_t size,
		       uint64_t offset)
{
	if (image->kept && read_kept(image->kept, buffer, size, offset))
		return true;
	if (!read_all(image->fd, buffer, size, offset))
		return false;
	if (image->kept)
		lay_over(image->kept, buffer, offset, size);
	return true;
}

static bool are_regions_inside(const struct mt_state_header *header, uint64_t bytes)
{
	for (int i = 0; i < MT_REGION_COUNT; i++) {
		const struct mt_region *region = &header->regions[i];
		if (region->size > bytes || region->offset > bytes - region->size)
			return false;
	}
	return header->regions[MT_REGION_HEADER].size >= sizeof *header;
}

static bool is_geometry_sound(const struct mt_geometry *geometry)
{
	return (geometry->alignment == 8 || geometry->alignment == 16) &&
	       geometry->pool_bytes >= 1024 && geometry->pool_bytes <= 1 << 20 &&
	       geometry->pool_bytes % geometry->alignment == 0 &&
	       geometry->arena_bytes >= geometry->pool_bytes &&
	       geometry->pool_header_bytes < geometry->pool_bytes &&
	       geometry->class_count && geometry->class_count <= MT_MAX_CLASSES &&
	       geometry->threshold <= geometry->class_count * geometry->alignment;
}

int mt_image_open(struct mt_image *image, int fd, struct mt_error *err)
{
	struct stat status;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return mt_fail(err, MT_ERR_DAMAGED, "state: not a memory file");
	struct mt_state_header *header = &image->header;
	if (!read_all(fd, header, sizeof *header, 0) || header->magic != MT_STATE_MAGIC)
		return mt_fail(err, MT_ERR_DAMAGED, "state: no header");
	if (header->version != MT_STATE_VERSION)
		return mt_fail(err, MT_ERR_NEWER, "state: version %u, expected %u",
			       header->version, MT_STATE_VERSION);
	if (!are_regions_inside(header, (uint64_t)status.st_size) ||
	    !is_geometry_sound(&header->geometry))
		return mt_fail(err, MT_ERR_DAMAGED, "state: sizes do not fit together");
	image->fd = fd;
	image->kept = NULL;
	image->inode = status.st_ino;
	return 0;
}

/* What it says of itself fits into the region, and into the file. */
static bool is_kept_sound(const struct mt_state_kept *kept, uint64_t bytes)
{
	uint64_t sum = 0;
	if (kept->extents > MT_KEPT_EXTENTS)
		return false;
	for (uint32_t i = 0; i < kept->extents; i++) {
		const struct mt_state_extent *extent = &kept->extent[i];
		if (extent->stored > extent->size || extent->offset > INT64_MAX)
			return false;
		sum += extent->stored;
	}
	return sum <= bytes - sizeof *kept;
}

uint64_t mt_image_enter_start(struct mt_image *image)
{
	const struct mt_region *region = &image->header.regions[MT_REGION_KEPT];
	uint32_t ready = 0;
	if (region->size < sizeof *image->kept || region->size > MT_KEPT_BYTES ||
	    !read_all(image->fd, &ready, sizeof ready, region->offset) || !ready)
		return 0;
	struct mt_state_kept *kept = malloc(region->size);
	if (!kept || !read_all(image->fd, kept, region->size, region->offset) ||
	    !is_kept_sound(kept, region->size)) {
		free(kept);
		return 0;
	}
	image->kept = kept;
	return kept->time_ns;
}

/* The entries of a region that are in use. */
static struct mt_state_extent used_part(const struct mt_image *image,
					enum mt_region_id id, uint64_t entry_bytes,
					uint64_t used)
{
	uint64_t bytes =
		mt_image_clamp(image, id, (size_t)entry_bytes, used) * entry_bytes;
	uint32_t size = bytes < MT_IMAGE_MOST_FROZEN_BYTES ? (uint32_t)bytes
							   : MT_IMAGE_MOST_FROZEN_BYTES;
	return (struct mt_state_extent){
		.offset = image->header.regions[id].offset, .size = size, .stored = size};
}

/* As mt_start_keep does, but of everything. Returns how many bytes. */
static uint64_t plan_copy(const struct mt_image *image, struct mt_state_kept *plan)
{
	const struct mt_state_header *header = &image->header;
	const struct mt_geometry *geometry = &header->geometry;
	uint64_t counter = MT_COUNTERS_PER_CHUNK * sizeof(struct mt_state_counter);
	uint64_t peak = MT_COUNTERS_PER_CHUNK * sizeof(struct mt_state_peak);
	uint64_t words = geometry->pool_bytes / geometry->alignment * sizeof(uint32_t);
	uint32_t pools = header->used.pools, chunks = header->used.chunks;
	const struct mt_state_extent extents[] = {
		used_part(image, MT_REGION_HEADER, sizeof *header, 1),
		used_part(image, MT_REGION_THREADS, sizeof(struct mt_state_thread),
			  header->used.slots),
		used_part(image, MT_REGION_CHUNKS, sizeof(struct mt_state_chunk), chunks),
		used_part(image, MT_REGION_COUNTERS, counter, chunks),
		used_part(image, MT_REGION_PEAKS, peak, chunks),
		used_part(image, MT_REGION_POOLS, sizeof(struct mt_state_pool), pools),
		used_part(image, MT_REGION_SIDE, words, pools),
		used_part(image, MT_REGION_BLOCKS, sizeof(struct mt_state_block),
			  header->used.blocks),
	};
	uint64_t bytes = 0;
	plan->extents = sizeof extents / sizeof *extents;
	for (uint32_t i = 0; i < plan->extents; i++) {
		plan->extent[i] = extents[i];
		bytes += extents[i].size;
	}
	return bytes;
}

bool mt_image_freeze(struct mt_image *image, uint64_t most)
{
	struct mt_state_kept plan = {0};
	if (image->kept || !mt_image_refresh(image))
		return false;
	uint64_t bytes = plan_copy(image, &plan);
	struct mt_state_kept *kept = bytes < most ? malloc(sizeof plan + bytes) : NULL;
	if (!kept)
		return false;
	*kept = plan;
	unsigned char *to = kept->bytes;
	for (uint32_t i = 0; i < plan.extents; i++) {
		if (!read_all(image->fd, to, plan.extent[i].size,
			      plan.extent[i].offset)) {
			free(kept);
			return false;
		}
		to += plan.extent[i].size;
	}
	image->kept = kept;
	return true;
}

void mt_image_leave_start(struct mt_image *image)
{
	free(image->kept);
	image->kept = NULL;
}

void mt_image_close(struct mt_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}

bool mt_image_refresh(struct mt_image *image)
{
	struct mt_state_header fresh;
	if (!read_image(image, &fresh, sizeof fresh, 0))
		return false;
	image->header.ready = fresh.ready;
	image->header.python = fresh.python;
	image->header.nframe = fresh.nframe;
	memcpy(&image->header.totals, &fresh.totals, sizeof fresh.totals);
	memcpy(&image->header.used, &fresh.used, sizeof fresh.used);
	memcpy(&image->header.arenas, &fresh.arenas, sizeof fresh.arenas);
	memcpy(&image->header.losses, &fresh.losses, sizeof fresh.losses);
	image->header.guarded_blocks = fresh.guarded_blocks;
	image->header.guard_base = fresh.guard_base;
	image->header.guard_bytes = fresh.guard_bytes;
	return true;
}

uint64_t mt_image_clamp(const struct mt_image *image, enum mt_region_id region,
			size_t entry_bytes, uint64_t used)
{
	uint64_t room = image->header.regions[region].size / entry_bytes;
	return used < room ? used : room;
}

size_t mt_image_read(const struct mt_image *image, enum mt_region_id region,
		     size_t entry_bytes, uint64_t first, size_t count, void *entries)
{
	uint64_t room = image->header.regions[region].size / entry_bytes;
	if (first >= room)
		return 0;
	if (count > room - first)
		count = (size_t)(room - first);
	uint64_t offset = image->header.regions[region].offset + first * entry_bytes;
	return read_image(image, entries, count * entry_bytes, offset) ? count : 0;
}

void mt_image_string(const struct mt_image *image, uint32_t at, char *buffer, size_t size)
{
	size_t got =
		at ? mt_image_read(image, MT_REGION_STRINGS, 1, at, size - 1, buffer) : 0;
	buffer[got] = '\0';
}

size_t mt_image_arguments(const struct mt_image *image, char *buffer, size_t size)
{
	const struct mt_state_header *header = &image->header;
	if (size > header->arguments_bytes)
		size = header->arguments_bytes;
	return mt_image_read(image, MT_REGION_STRINGS, 1, header->arguments, size,
			     buffer);
}

void mt_image_program(const struct mt_image *image, char *buffer, size_t size)
{
	struct mt_state_module module;
	uint64_t used = mt_image_clamp(image, MT_REGION_MODULES, sizeof module,
				       image->header.used.modules);
	buffer[0] = '\0';
	for (uint64_t i = 1; i < used && !buffer[0]; i++)
		if (mt_image_read(image, MT_REGION_MODULES, sizeof module, i, 1,
				  &module) &&
		    module.ready && module.flags & MT_MODULE_MAIN)
			mt_image_string(image, module.path, buffer, size);
}

struct mt_image_sums mt_image_sums(const struct mt_image *image)
{
	struct mt_state_thread threads[THREAD_BATCH];
	const struct mt_state_header *header = &image->header;
	struct mt_image_sums sums = {.live_bytes = header->totals.live_bytes};
	uint64_t slots = mt_image_clamp(image, MT_REGION_THREADS, sizeof threads[0],
					header->used.slots);
	for (uint64_t first = 0; first < slots; first += THREAD_BATCH) {
		size_t want = slots - first < THREAD_BATCH ? (size_t)(slots - first)
							   : THREAD_BATCH;
		size_t got = mt_image_read(image, MT_REGION_THREADS, sizeof threads[0],
					   first, want, threads);
		for (size_t i = 0; i < got; i++) {
			sums.live_bytes += threads[i].delta_bytes;
			sums.walks += threads[i].walks;
			sums.walked += threads[i].walked;
		}
	}
	return sums;
}

/* Sealing against writing fails while there is a mapping to write through. */
bool mt_image_is_mapped(const struct mt_image *image)
{
	return fcntl(image->fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EBUSY;
}

uint64_t mt_image_resident_bytes(const struct mt_image *image)
{
	struct stat status;
	return fstat(image->fd, &status) < 0 ? 0 : (uint64_t)status.st_blocks * 512;
}
