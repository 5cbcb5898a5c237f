/*
 * layers.c - see layers.h. Outside.
 *
 * The whole comes from /proc/PID/smaps_rollup and statm, the parts from /proc/PID/smaps,
 * which the kernel hands out in pieces while the process goes on. What the parts add up to
 * is held against the whole before and after them: only what lies outside both is something
 * that they do not explain, and not merely the process's work in between. Where there is
 * such a thing all is read again.
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
	MOST_READINGS = 3,
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
	uint64_t end;                    /* of the mapping before it */
	/*
	 * A mapping begins before the last one's end: between two pieces the kernel joined
	 * it with what had been listed already.
	 */
	bool has_overlap;
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
	reading->has_overlap |= mapping->start < reading->end;
	reading->end = mapping->end;
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

static bool read_resident(struct mt_record_layer *whole, uint32_t pid)
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

static bool read_whole(struct mt_record_layer *whole, uint32_t pid)
{
	*whole = (struct mt_record_layer){.kind = MT_LAYER_PROCESS};
	if (!read_resident(whole, pid))
		return false;
	whole->mapped_bytes = read_mapped(pid);
	return true;
}

static void add_sums(struct mt_record_layer *sum, const struct mt_record_layer *part)
{
	sum->mappings += part->mappings;
	sum->mapped_bytes += part->mapped_bytes;
	sum->resident_bytes += part->resident_bytes;
	sum->swapped_bytes += part->swapped_bytes;
}

static struct mt_record_layer sum_of_parts(const struct mt_layers *layers)
{
	struct mt_record_layer sum = {.kind = MT_LAYER_PROCESS};
	for (int i = 0; i < MT_LAYER_COUNT; i++)
		if (i != MT_LAYER_PROCESS)
			add_sums(&sum, &layers->list[i]);
	for (size_t i = 0; i < layers->range_count; i++)
		add_sums(&sum, &layers->ranges[i].sums);
	return sum;
}

static bool is_equal(const struct mt_record_layer *a, const struct mt_record_layer *b)
{
	return a->mapped_bytes == b->mapped_bytes &&
	       a->resident_bytes == b->resident_bytes &&
	       a->swapped_bytes == b->swapped_bytes;
}

/* The value from one to the other that is nearest to number. */
static uint64_t nearest(uint64_t number, uint64_t one, uint64_t other)
{
	uint64_t least = one < other ? one : other, most = one < other ? other : one;
	return number < least ? least : number > most ? most : number;
}

/*
 * What is left to explain of the whole, as it was before or after the parts were read or at
 * any moment between. True: nothing.
 */
static bool settle_whole(struct mt_record_layer *whole, const struct mt_record_layer *sum,
			 const struct mt_record_layer *after)
{
	whole->mappings = sum->mappings;
	whole->mapped_bytes =
		nearest(sum->mapped_bytes, whole->mapped_bytes, after->mapped_bytes);
	whole->resident_bytes = nearest(sum->resident_bytes, whole->resident_bytes,
					after->resident_bytes);
	whole->swapped_bytes =
		nearest(sum->swapped_bytes, whole->swapped_bytes, after->swapped_bytes);
	return is_equal(whole, sum);
}

/* Of a process that stands still all is read once. */
static bool read_once(struct mt_layers *layers, uint32_t pid,
		      const struct mt_image *image, struct mt_record_layer *before,
		      bool *is_settled)
{
	struct reading reading = {.image = image, .layers = layers};
	if (!read_parts(&reading, pid))
		return false;
	struct mt_record_layer *whole = &layers->list[MT_LAYER_PROCESS];
	struct mt_record_layer sum = sum_of_parts(layers), after = *before;
	if (!is_equal(before, &sum) && !read_whole(&after, pid))
		return false;
	*whole = *before;
	*is_settled = settle_whole(whole, &sum, &after) && !reading.has_overlap;
	*before = after;
	return true;
}

/* *layers is the caller's, whatever is returned. */
static bool read_all(struct mt_layers *layers, uint32_t pid, const struct mt_image *image)
{
	struct mt_record_layer before;
	bool is_settled = false;
	if (!read_whole(&before, pid))
		return false;
	for (int i = 0; i < MOST_READINGS && !is_settled; i++) {
		mt_layers_deinit(layers);
		if (!read_once(layers, pid, image, &before, &is_settled))
			return false;
	}
	return true;
}

bool mt_layers_read(struct mt_layers *layers, uint32_t pid, const struct mt_image *image)
{
	struct mt_layers fresh = {0};
	if (!read_all(&fresh, pid, image)) {
		mt_layers_deinit(&fresh);
		return false;
	}
	for (int i = 0; i < MT_LAYER_COUNT; i++)
		fresh.list[i].kind = (uint8_t)i;
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
