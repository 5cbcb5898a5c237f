/*
 * callsite.h - which location of a traceback answers for its memory: the key frame.
 * Outside.
 *
 * It is the innermost location that no wrapper rule passes over (wrappers.h) and that is
 * not a nameless part of a known wrapper, or the innermost of all where none is left or --raw-frames asks for it.
 */
#ifndef MT_TRACER_ANALYZE_CALLSITE_H
#define MT_TRACER_ANALYZE_CALLSITE_H

#include "tracer/analyze/location.h"
#include "tracer/analyze/wrappers.h"

struct mt_callsites {
	struct mt_frame_locations *frames;
	struct mt_wrappers wrappers;
	bool is_raw;
	uint32_t *location_of_node; /* location id + 1; 0: not asked for */
	uint8_t *passes_module;     /* by module: every frame of it is passed over */
	uint8_t *verdicts;          /* by location: 0 not judged, 1 user's, 2 wrapper */
	size_t verdict_capacity;
};

int mt_callsites_init(struct mt_callsites *callsites, struct mt_frame_locations *frames,
		      struct mt_wrappers wrappers, bool is_raw, struct mt_error *err);
void mt_callsites_deinit(struct mt_callsites *callsites);

/* Find the key frames of many nodes, with few batches of symbols. */
int mt_callsites_resolve(struct mt_callsites *callsites, const uint32_t *nodes,
			 size_t count, struct mt_error *err);

/* Of a node that was resolved. */
static inline mt_location_id mt_callsites_get(const struct mt_callsites *callsites,
					      uint32_t node)
{
	return callsites->location_of_node[node] - 1;
}

/*
 * The users' innermost location in a frame that is resolved; *found: there is one, the
 * frame is not passed over as a whole.
 */
int mt_callsites_look_in(struct mt_callsites *callsites, uint32_t frame,
			 mt_location_id *id, bool *found, struct mt_error *err);

/*
 * Go over the locations of a traceback, innermost first, whose frames are resolved. One
 * without frames has one location: <unknown> or [inherited].
 *
 *     struct mt_walk walk = mt_walk_begin(frames, node);
 *     for (mt_location_id id; mt_walk_next(&walk, &id);)
 */
struct mt_walk {
	const struct mt_frame_locations *frames;
	uint32_t node;
	uint32_t next, end; /* in frames->ids */
	bool has_some;
};

struct mt_walk mt_walk_begin(const struct mt_frame_locations *frames, uint32_t node);
/* From the key frame of a node that was resolved: without the wrappers that it is behind. */
struct mt_walk mt_walk_begin_at_key(const struct mt_callsites *callsites, uint32_t node);
bool mt_walk_next(struct mt_walk *walk, mt_location_id *id);

#endif
