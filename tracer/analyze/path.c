/*
 * path.c - see path.h. Outside.
 */
#include "tracer/analyze/path.h"

#include "formats/state.h"
#include "tracer/analyze/vector.h"

static bool path_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_path *a = &((const struct mt_paths *)owner)->list[id];
	const struct mt_path *b = wanted;
	return a->parent == b->parent && a->location == b->location;
}

/* The path that goes one location further inwards than parent. */
static int extend(struct mt_paths *paths, uint32_t parent, mt_location_id location,
		  uint32_t *path, struct mt_error *err)
{
	struct mt_path wanted = {.parent = parent,
				 .location = location,
				 .depth = paths->list[parent].depth + 1};
	uint64_t hash = mt_hash_word(mt_hash_word(0, parent), location);
	uint32_t first = paths->list[parent].child;
	if (first && paths->list[first].location == location) {
		*path = first;
		return 0;
	}
	*path = first ? mt_index_find(&paths->index, hash, path_equals, paths, &wanted)
		      : MT_INDEX_NONE;
	if (*path != MT_INDEX_NONE)
		return 0;
	struct mt_path *grown = mt_vector_reserve(paths->list, &paths->capacity,
						  paths->count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	paths->list = grown;
	*path = (uint32_t)paths->count;
	grown[paths->count++] = wanted;
	if (!first) {
		grown[parent].child = *path;
		return 0;
	}
	return mt_index_add(&paths->index, hash, *path, err);
}

int mt_paths_init(struct mt_paths *paths, struct mt_error *err)
{
	*paths = (struct mt_paths){0};
	paths->list =
		mt_vector_reserve(NULL, &paths->capacity, 1, sizeof *paths->list, err);
	if (!paths->list)
		return MT_ERR_NO_MEMORY;
	paths->list[paths->count++] = (struct mt_path){0};
	return 0;
}

void mt_paths_deinit(struct mt_paths *paths)
{
	free(paths->list);
	mt_index_deinit(&paths->index);
	*paths = (struct mt_paths){0};
}

/* Append one node's locations to the path of its parent. */
static int append_node(struct mt_paths *paths, const struct mt_frame_locations *frames,
		       uint32_t node, uint32_t *path, struct mt_error *err)
{
	const struct mt_trace *trace = frames->trace;
	uint32_t frame = trace->nodes.list[node].frame;
	if (frame == MT_NO_FRAME || trace->frames.list[frame].kind == MT_FRAME_DOMAIN)
		return 0;
	struct mt_frame_span span = frames->spans[frame];
	int rc = 0;
	for (uint32_t i = span.count; rc >= 0 && i-- > 0;)
		rc = extend(paths, *path, frames->ids[span.first + i], path, err);
	return rc;
}

/* The nodes from node outwards whose path is not known yet: how many. */
static size_t count_new(const struct mt_trace *trace, const uint32_t *path_of_node,
			uint32_t node)
{
	size_t count = 0;
	for (; node != MT_NO_NODE && !path_of_node[node];
	     node = trace->nodes.list[node].parent)
		count++;
	return count;
}

int mt_paths_intern(struct mt_paths *paths, const struct mt_frame_locations *frames,
		    uint32_t node, uint32_t *path_of_node, uint32_t *path,
		    struct mt_error *err)
{
	const struct mt_trace *trace = frames->trace;
	size_t count = count_new(trace, path_of_node, node);
	uint32_t *chain = malloc((count + 1) * sizeof *chain);
	if (!chain)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	uint32_t at = node;
	for (size_t i = count; i-- > 0; at = trace->nodes.list[at].parent)
		chain[i] = at;
	*path = at == MT_NO_NODE ? MT_PATH_ROOT : path_of_node[at] - 1;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = append_node(paths, frames, chain[i], path, err);
		path_of_node[chain[i]] = *path + 1;
	}
	free(chain);
	if (rc < 0 || *path != MT_PATH_ROOT)
		return rc;
	struct mt_walk walk = mt_walk_begin(frames, node);
	mt_location_id location = MT_LOCATION_UNKNOWN;
	mt_walk_next(&walk, &location);
	return extend(paths, MT_PATH_ROOT, location, path, err);
}

int mt_paths_compare(const struct mt_paths *paths, const struct mt_locations *locations,
		     uint32_t a, uint32_t b)
{
	const struct mt_path *list = paths->list;
	int longer = list[a].depth < list[b].depth ? -1 : list[a].depth > list[b].depth;
	while (list[a].depth > list[b].depth)
		a = list[a].parent;
	while (list[b].depth > list[a].depth)
		b = list[b].parent;
	if (a == b)
		return longer;
	while (list[a].parent != list[b].parent) {
		a = list[a].parent;
		b = list[b].parent;
	}
	return mt_location_compare(&locations->list[list[a].location],
				   &locations->list[list[b].location]);
}
