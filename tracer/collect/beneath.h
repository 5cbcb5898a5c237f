/*
 * beneath.h - the C library's memory: which mappings hold its blocks, and what is free
 * between them. Outside.
 */
#ifndef MT_TRACER_COLLECT_BENEATH_H
#define MT_TRACER_COLLECT_BENEATH_H

#include "formats/record.h"
#include "formats/state.h"
#include "tracer/collect/layers.h"
#include "tracer/collect/pools.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A chunk of the C library with a block in it. */
struct mt_beneath_chunk {
	uint64_t start;
	uint64_t bytes;
	uint32_t traceback; /* in the file */
};

/* Zeroed is empty. */
struct mt_beneath {
	struct mt_beneath_chunk *list;
	size_t count, capacity;
};

/*
 * What the C library needs for a block: its own word and alignment, our header, and in the
 * debug modes what lies around it.
 */
struct mt_beneath_chunk mt_beneath_chunk_of(const struct mt_state_block *block,
					    const struct mt_state_header *header);

/* False: out of memory. */
bool mt_beneath_add(struct mt_beneath *beneath, struct mt_beneath_chunk chunk);

/*
 * With all chunks: the figures of HEAP, BLOCKS and OTHER into list, and what is free below
 * each traceback's chunks into pools, unless that is NULL. False: out of memory.
 */
bool mt_beneath_divide(struct mt_beneath *beneath, const struct mt_layers *layers,
		       struct mt_record_layer list[MT_LAYER_COUNT],
		       struct mt_pools *pools);

void mt_beneath_deinit(struct mt_beneath *beneath);

#endif
