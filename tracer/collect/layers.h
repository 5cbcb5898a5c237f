/*
 * layers.h - what the kernel counts for a process, by kind of mapping. Outside.
 */
#ifndef MT_TRACER_COLLECT_LAYERS_H
#define MT_TRACER_COLLECT_LAYERS_H

#include "formats/record.h"
#include "tracer/collect/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A private, writable mapping without a file, in which the C library may have blocks. */
struct mt_layers_range {
	uint64_t start, end;
	struct mt_record_layer sums; /* kind: MT_LAYER_HEAP, else not known yet */
};

struct mt_layers {
	bool is_known;    /* false: the kernel has never shown them */
	uint64_t time_ns; /* mt_clock_ns, when all was read */
	struct mt_record_layer list[MT_LAYER_COUNT]; /* HEAP, BLOCKS, OTHER: see ranges */
	struct mt_layers_range *ranges;              /* in order of their addresses */
	size_t range_count, range_capacity;
};

/*
 * Ask the kernel about the living process pid, whose state is image. What was known is
 * kept where it shows nothing (false): the process is gone, another user's, or there is no
 * /proc.
 */
bool mt_layers_read(struct mt_layers *layers, uint32_t pid, const struct mt_image *image);
void mt_layers_deinit(struct mt_layers *layers);

#endif
