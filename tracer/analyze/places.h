/*
 * places.h - where the blocks of one snapshot lie: classes, arenas, pools, what pins them,
 * and the kernel's figures. Outside.
 */
#ifndef MT_TRACER_ANALYZE_PLACES_H
#define MT_TRACER_ANALYZE_PLACES_H

#include "formats/state.h"
#include "tracer/analyze/moment.h"
#include "tracer/analyze/trace.h"

enum {
	MT_POOL_HEADER_BYTES = 48,
};

struct mt_places {
	struct mt_trace *trace;
	struct mt_moment moment;
	struct mt_geometry geometry;
	bool has_small_heap; /* false: every request goes to the C library */

	struct mt_record_class classes[MT_MAX_CLASSES]; /* by index; pools 0: none */
	struct mt_record_arenas arenas;
	uint64_t losses[MT_LOSS_COUNT];

	/* Only where has_map: the snapshot says where blocks lie. */
	bool has_map, has_layers;
	bool has_own_layers; /* the kernel was asked for this snapshot, not some time before */
	struct mt_record_layer layers[MT_LAYER_COUNT];
	MT_LIST(struct mt_record_pool) pools; /* in order of their indices */
	MT_LIST(struct mt_record_pin) pins;
	MT_LIST(struct mt_record_hold) holds;
	MT_LIST(struct mt_record_border) borders;
	MT_LIST(struct mt_record_waiting) waiting; /* in the quarantine of debug modes */
};

/*
 * Read them for TRACE's moment. command is for the message where the moment is a peak,
 * which has no places (MT_ERR_USAGE). On success *places' lists are the caller's.
 */
int mt_places_init(struct mt_places *places, struct mt_trace *trace,
		   const struct mt_moment *moment, const char *command,
		   struct mt_error *err);
void mt_places_deinit(struct mt_places *places);

/* Of a class: 0 where geometry says nothing. */
uint32_t mt_places_pool_capacity(const struct mt_places *places, uint32_t class_index);

uint32_t mt_places_pools_per_arena(const struct mt_places *places);

/*
 * Arenas that are writable and not in use, by what the kernel said of the heap's range: they
 * went back and keep their pages for a while, or fill a huge page with another. Only where
 * has_own_layers: else the kernel's figure is of another time than the arenas'.
 */
uint64_t mt_places_ready_arenas(const struct mt_places *places);

#endif
