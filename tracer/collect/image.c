/*
 * image.c - bounds-checked reading of a process's state. Outside.
 */
#include "tracer/collect/image.h"

#include <errno.h>
#include <fcntl.h>
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
	image->inode = status.st_ino;
	return 0;
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
	if (!read_all(image->fd, &fresh, sizeof fresh, 0))
		return false;
	image->header.ready = fresh.ready;
	image->header.python = fresh.python;
	image->header.nframe = fresh.nframe;
	memcpy(&image->header.totals, &fresh.totals, sizeof fresh.totals);
	memcpy(&image->header.used, &fresh.used, sizeof fresh.used);
	memcpy(&image->header.arenas, &fresh.arenas, sizeof fresh.arenas);
	memcpy(&image->header.losses, &fresh.losses, sizeof fresh.losses);
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
	return read_all(image->fd, entries, count * entry_bytes, offset) ? count : 0;
}

void mt_image_string(const struct mt_image *image, uint32_t at, char *buffer, size_t size)
{
	size_t got =
		at ? mt_image_read(image, MT_REGION_STRINGS, 1, at, size - 1, buffer) : 0;
	buffer[got] = '\0';
}

int64_t mt_image_live_bytes(const struct mt_image *image)
{
	struct mt_state_thread threads[THREAD_BATCH];
	const struct mt_state_header *header = &image->header;
	int64_t live = header->totals.live_bytes;
	uint64_t slots = mt_image_clamp(image, MT_REGION_THREADS, sizeof threads[0],
					header->used.slots);
	for (uint64_t first = 0; first < slots; first += THREAD_BATCH) {
		size_t want = slots - first < THREAD_BATCH ? (size_t)(slots - first)
							   : THREAD_BATCH;
		size_t got = mt_image_read(image, MT_REGION_THREADS, sizeof threads[0],
					   first, want, threads);
		for (size_t i = 0; i < got; i++)
			live += threads[i].delta_bytes;
	}
	return live;
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
