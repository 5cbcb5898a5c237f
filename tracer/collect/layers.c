/*
 * layers.c - see layers.h. Outside.
 *
 * The whole comes from /proc/PID/smaps_rollup, the parts from /proc/PID/smaps. They are
 * read one after the other, while the process goes on: what has changed in between is part
 * of what cannot be explained.
 */
#include "tracer/collect/layers.h"

#include "tracer/collect/kernel.h"
#include "tracer/collect/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES = 4096 + 256, /* a path and the numbers before it */
	KIND_RANGE = MT_LAYER_COUNT,
};

/* [vsyscall] is listed there, and counted nowhere. */
static const uint64_t first_kernel_address = UINT64_C(1) << 63;

/* One mapping as its first line describes it. */
struct mapping {
	uint64_t start, end, inode;
	char permissions[5];
	const char *name;
};

struct reading {
	const struct mt_image *image;
	struct mt_layers *layers;
	struct mt_record_layer *current; /* of the mapping whose lines come */
	bool failed;
};

static FILE *open_file(uint32_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/%s", pid, name);
	return fopen(path, "re");
}

/* "7f00-7f80 rw-p 00000000 00:00 0   [heap]": the lines in between have no '-' there. */
static bool parse_mapping(char *line, struct mapping *mapping)
{
	int name = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %n",
		   &mapping->start, &mapping->end, mapping->permissions, &mapping->inode,
		   &name) < 4)
		return false;
	line[strcspn(line, "\n")] = '\0';
	mapping->name = name ? line + name : "";
	return true;
}

static bool is_within(const struct mapping *mapping, uint64_t start, uint64_t bytes)
{
	return mapping->start >= start && mapping->start - start < bytes;
}

static int kind_of(const struct mt_image *image, const struct mapping *mapping)
{
	const struct mt_state_header *header = &image->header;
	bool is_accessible = mapping->permissions[0] == 'r' ||
			     mapping->permissions[1] == 'w' ||
			     mapping->permissions[2] == 'x';
	if (mapping->inode && mapping->inode == image->inode)
		return MT_LAYER_RECORDER;
	if (!is_accessible && !mapping->inode)
		return MT_LAYER_RESERVED;
	if (is_within(mapping, header->heap_base, header->heap_bytes))
		return MT_LAYER_ARENAS;
	if (is_within(mapping, header->guard_base, header->guard_bytes))
		return MT_LAYER_GUARDED;
	if (!strcmp(mapping->name, "[stack]"))
		return MT_LAYER_STACK;
	if (!strcmp(mapping->name, "[heap]"))
		return KIND_RANGE;
	if (mapping->inode || mapping->name[0] == '[' || mapping->name[0] == '/')
		return MT_LAYER_FILES;
	return mapping->permissions[1] == 'w' ? KIND_RANGE : MT_LAYER_OTHER;
}

static struct mt_record_layer *add_range(struct mt_layers *layers,
					 const struct mapping *mapping)
{
	if (layers->range_count == layers->range_capacity) {
		size_t capacity = layers->range_capacity * 2 + 64;
		void *grown =
			reallocarray(layers->ranges, capacity, sizeof *layers->ranges);
		if (!grown)
			return NULL;
		layers->ranges = grown;
		layers->range_capacity = capacity;
	}
	struct mt_layers_range *range = &layers->ranges[layers->range_count++];
	*range = (struct mt_layers_range){.start = mapping->start, .end = mapping->end};
	range->sums.kind =
		strcmp(mapping->name, "[heap]") ? MT_LAYER_OTHER : MT_LAYER_HEAP;
	return &range->sums;
}

static void begin_mapping(struct reading *reading, const struct mapping *mapping)
{
	int kind = kind_of(reading->image, mapping);
	reading->current = kind == KIND_RANGE ? add_range(reading->layers, mapping)
					      : &reading->layers->list[kind];
	if (!reading->current) {
		reading->failed = true;
		return;
	}
	reading->current->mappings++;
	reading->current->mapped_bytes += mapping->end - mapping->start;
}

static void add_figure(struct mt_record_layer *sums, const char *line)
{
	uint64_t kib;
	if (sscanf(line, "Rss: %" SCNu64 " kB", &kib) == 1)
		sums->resident_bytes += kib << 10;
	else if (sscanf(line, "Swap: %" SCNu64 " kB", &kib) == 1)
		sums->swapped_bytes += kib << 10;
}

/* False: the kernel shows nothing. */
static bool read_parts(struct reading *reading, uint32_t pid)
{
	FILE *smaps = open_file(pid, "smaps");
	if (!smaps)
		return false;
	char line[LINE_BYTES];
	struct mapping mapping;
	bool any = false;
	while (!reading->failed && fgets(line, sizeof line, smaps)) {
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (reading->current)
				add_figure(reading->current, line);
		} else if (parse_mapping(line, &mapping) &&
			   mapping.start < first_kernel_address) {
			any = true;
			begin_mapping(reading, &mapping);
		}
	}
	fclose(smaps);
	return any && !reading->failed;
}

/* Resident and swapped. */
static bool read_whole(struct mt_record_layer *whole, uint32_t pid)
{
	FILE *rollup = open_file(pid, "smaps_rollup");
	if (!rollup)
		return false;
	char line[LINE_BYTES];
	bool any = false;
	while (fgets(line, sizeof line, rollup)) {
		any = true;
		add_figure(whole, line);
	}
	fclose(rollup);
	return any;
}

static uint64_t read_mapped(uint32_t pid)
{
	char text[128];
	size_t size = mt_kernel_read(pid, "statm", text, sizeof text - 1);
	text[size] = '\0';
	uint64_t pages = 0;
	return sscanf(text, "%" SCNu64, &pages) == 1
		       ? pages * (uint64_t)sysconf(_SC_PAGESIZE)
		       : 0;
}

bool mt_layers_read(struct mt_layers *layers, uint32_t pid, const struct mt_image *image)
{
	struct mt_layers fresh = {0};
	struct reading reading = {.image = image, .layers = &fresh};
	struct mt_record_layer *whole = &fresh.list[MT_LAYER_PROCESS];
	if (!read_whole(whole, pid) || !read_parts(&reading, pid)) {
		mt_layers_deinit(&fresh);
		return false;
	}
	whole->mapped_bytes = read_mapped(pid);
	for (int i = 0; i < MT_LAYER_COUNT; i++) {
		fresh.list[i].kind = (uint8_t)i;
		if (i != MT_LAYER_PROCESS)
			whole->mappings += fresh.list[i].mappings;
	}
	whole->mappings += fresh.range_count;
	fresh.is_known = true;
	fresh.time_ns = mt_clock_ns();
	mt_layers_deinit(layers);
	*layers = fresh;
	return true;
}

void mt_layers_deinit(struct mt_layers *layers)
{
	free(layers->ranges);
	*layers = (struct mt_layers){0};
}
