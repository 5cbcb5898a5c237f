/*
 * path.h - tracebacks made of locations instead of addresses, so that those of two builds
 * or two runs can be equal. Outside.
 */
#ifndef MT_TRACER_ANALYZE_PATH_H
#define MT_TRACER_ANALYZE_PATH_H

#include "tracer/analyze/callsite.h"

enum {
	MT_PATH_ROOT = 0, /* has no location */
};

struct mt_path {
	uint32_t parent; /* towards the oldest call */
	mt_location_id location;
	uint32_t depth; /* locations up to here, itself included */
	uint32_t child; /* the first path that goes on from here; 0: none */
};

struct mt_paths {
	struct mt_path *list;
	size_t count, capacity;
	struct mt_index index; /* of all but first children: most paths have one child */
};

int mt_paths_init(struct mt_paths *paths, struct mt_error *err);
void mt_paths_deinit(struct mt_paths *paths);

/*
 * The path of a node whose chain is resolved, into *path. path_of_node: memory between
 * the calls for one trace, by node, zeroed at first.
 */
int mt_paths_intern(struct mt_paths *paths, const struct mt_frame_locations *frames,
		    uint32_t node, uint32_t *path_of_node, uint32_t *path,
		    struct mt_error *err);

/* As tracemalloc: oldest location first; a prefix is smaller. <0, 0, >0. */
int mt_paths_compare(const struct mt_paths *paths, const struct mt_locations *locations,
		     uint32_t a, uint32_t b);

#endif
