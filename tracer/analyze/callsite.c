/*
 * callsite.c - see callsite.h. Outside.
 */
#include "tracer/analyze/callsite.h"

#include "formats/state.h"
#include "tracer/analyze/vector.h"

#include <string.h>

enum {
	/* Frames asked for at once behind one that may turn out to be a wrapper. */
	FRAMES_AHEAD = 4,
};

enum verdict {
	VERDICT_NONE = 0,
	VERDICT_USERS = 1,
	VERDICT_WRAPPER = 2,
};

int mt_callsites_init(struct mt_callsites *callsites, struct mt_frame_locations *frames,
		      struct mt_wrappers wrappers, bool is_raw, struct mt_error *err)
{
	const struct mt_trace *trace = frames->trace;
	*callsites = (struct mt_callsites){
		.frames = frames, .wrappers = wrappers, .is_raw = is_raw};
	callsites->location_of_node =
		calloc(trace->nodes.count, sizeof *callsites->location_of_node);
	callsites->passes_module = calloc(trace->modules.count + 1, 1);
	if (!callsites->location_of_node || !callsites->passes_module) {
		mt_callsites_deinit(callsites);
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < trace->modules.count; i++)
		callsites->passes_module[i] = mt_wrappers_has_module(
			trace->modules.list[i].path, trace->modules.list[i].flags);
	return 0;
}

void mt_callsites_deinit(struct mt_callsites *callsites)
{
	free(callsites->location_of_node);
	free(callsites->passes_module);
	free(callsites->verdicts);
	*callsites = (struct mt_callsites){0};
}

static int is_wrapper(struct mt_callsites *callsites, mt_location_id id, bool *answer,
		      struct mt_error *err)
{
	size_t old = callsites->verdict_capacity;
	if (id >= old) {
		uint8_t *grown =
			mt_vector_reserve(callsites->verdicts,
					  &callsites->verdict_capacity, id + 1, 1, err);
		if (!grown)
			return MT_ERR_NO_MEMORY;
		callsites->verdicts = grown;
		memset(grown + old, VERDICT_NONE, callsites->verdict_capacity - old);
	}
	uint8_t *verdict = &callsites->verdicts[id];
	const struct mt_locations *locations = callsites->frames->locations;
	if (*verdict == VERDICT_NONE)
		*verdict = mt_wrappers_has(&callsites->wrappers, &locations->list[id])
				   ? VERDICT_WRAPPER
				   : VERDICT_USERS;
	*answer = *verdict == VERDICT_WRAPPER;
	return 0;
}

static bool is_native(const struct mt_trace *trace, uint32_t node)
{
	uint32_t frame = trace->nodes.list[node].frame;
	return frame != MT_NO_FRAME && trace->frames.list[frame].kind != MT_FRAME_DOMAIN;
}

static bool is_passed_over(const struct mt_callsites *callsites, uint32_t frame)
{
	uint32_t module = callsites->frames->trace->frames.list[frame].module;
	return module != MT_NO_MODULE && callsites->passes_module[module];
}

/* The node's next frame outwards, itself included, that may be the key frame. */
static uint32_t next_candidate(const struct mt_callsites *callsites, uint32_t node)
{
	const struct mt_trace *trace = callsites->frames->trace;
	for (; node != MT_NO_NODE; node = trace->nodes.list[node].parent)
		if (is_native(trace, node) &&
		    !is_passed_over(callsites, trace->nodes.list[node].frame))
			break;
	return node;
}

/* The frame where a search that found nothing ends: the innermost, memtrace's apart. */
static uint32_t innermost(const struct mt_callsites *callsites, uint32_t node)
{
	const struct mt_trace *trace = callsites->frames->trace;
	uint32_t first = MT_NO_NODE;
	for (; node != MT_NO_NODE; node = trace->nodes.list[node].parent) {
		if (!is_native(trace, node))
			continue;
		uint32_t module =
			trace->frames.list[trace->nodes.list[node].frame].module;
		if (callsites->is_raw || module == MT_NO_MODULE ||
		    !(trace->modules.list[module].flags & MT_MODULE_MEMTRACE))
			return node;
		if (first == MT_NO_NODE)
			first = node;
	}
	return first;
}

/* The users' innermost location among those of a frame; *id is left alone if none is. */
static int look_in_frame(struct mt_callsites *callsites, uint32_t frame,
			 mt_location_id *id, bool *found, struct mt_error *err)
{
	const struct mt_frame_locations *frames = callsites->frames;
	struct mt_frame_span span = frames->spans[frame];
	*found = false;
	for (uint32_t i = 0; i < span.count; i++) {
		bool wraps;
		int rc = is_wrapper(callsites, frames->ids[span.first + i], &wraps, err);
		if (rc < 0)
			return rc;
		if (wraps)
			continue;
		*id = frames->ids[span.first + i];
		*found = true;
		return 0;
	}
	return 0;
}

int mt_callsites_look_in(struct mt_callsites *callsites, uint32_t frame,
			 mt_location_id *id, bool *found, struct mt_error *err)
{
	*found = false;
	return is_passed_over(callsites, frame)
		       ? 0
		       : look_in_frame(callsites, frame, id, found, err);
}

static bool is_nameless(const struct mt_location *location)
{
	return !location->function && !location->file;
}

/*
 * A stripped library keeps the names that it exports: what has none and is called by a
 * known wrapper of the same module is the wrapper's inside. The node of the wrapper around
 * a nameless one, or MT_NO_NODE. *is_open: the symbols that tell are not there yet.
 */
static uint32_t find_wrapper_around(const struct mt_callsites *callsites, uint32_t node,
				    bool *is_open)
{
	const struct mt_trace *trace = callsites->frames->trace;
	const struct mt_frame_locations *frames = callsites->frames;
	uint32_t module = trace->frames.list[trace->nodes.list[node].frame].module;
	for (int i = 1; i < FRAMES_AHEAD; i++) {
		node = trace->nodes.list[node].parent;
		if (node == MT_NO_NODE || !is_native(trace, node))
			return MT_NO_NODE;
		uint32_t frame = trace->nodes.list[node].frame;
		if (trace->frames.list[frame].module != module)
			return MT_NO_NODE;
		*is_open = !mt_frame_is_resolved(frames, frame);
		if (*is_open)
			return MT_NO_NODE;
		const struct mt_location *location =
			&frames->locations->list[frames->ids[frames->spans[frame].first]];
		if (mt_wrappers_allocates(&callsites->wrappers, location))
			return node;
		if (!is_nameless(location))
			return MT_NO_NODE;
	}
	return MT_NO_NODE;
}

/* One traceback whose key frame is searched. */
struct search {
	uint32_t origin;
	uint32_t at;     /* the next candidate; MT_NO_NODE: none is left */
	bool falls_back; /* at is the innermost frame, whatever it is */
};

static int want_ahead(struct mt_callsites *callsites, const struct search *search,
		      struct mt_error *err)
{
	const struct mt_trace *trace = callsites->frames->trace;
	uint32_t node = search->at;
	int rc = 0;
	for (int i = 0; rc >= 0 && node != MT_NO_NODE && i < FRAMES_AHEAD; i++) {
		rc = mt_frame_locations_want(callsites->frames,
					     trace->nodes.list[node].frame, err);
		if (search->falls_back)
			break;
		node = next_candidate(callsites, trace->nodes.list[node].parent);
	}
	return rc;
}

static mt_location_id without_frames(const struct mt_trace *trace, uint32_t node)
{
	return trace->nodes.list[node].root == MT_TRACEBACK_INHERITED
		       ? MT_LOCATION_INHERITED
		       : MT_LOCATION_UNKNOWN;
}

/* Behind the inside of a wrapper the search goes on. False: that needs more symbols. */
static bool pass_inside(const struct mt_callsites *callsites, struct search *search,
			mt_location_id id, bool *found)
{
	bool is_open = false;
	if (!is_nameless(&callsites->frames->locations->list[id]))
		return true;
	uint32_t around = find_wrapper_around(callsites, search->at, &is_open);
	if (around != MT_NO_NODE) {
		search->at = around;
		*found = false;
	}
	return !is_open;
}

/* 1: found and noted; 0: needs symbols that are not there yet; negative: error. */
static int advance(struct mt_callsites *callsites, struct search *search,
		   struct mt_error *err)
{
	const struct mt_trace *trace = callsites->frames->trace;
	mt_location_id id = MT_LOCATION_UNKNOWN;
	bool found = false;
	while (!found) {
		if (search->at == MT_NO_NODE && !search->falls_back) {
			search->falls_back = true;
			search->at = innermost(callsites, search->origin);
		}
		if (search->at == MT_NO_NODE) {
			id = without_frames(trace, search->origin);
			break;
		}
		uint32_t frame = trace->nodes.list[search->at].frame;
		if (!mt_frame_is_resolved(callsites->frames, frame))
			return 0;
		if (search->falls_back) {
			id = callsites->frames
				     ->ids[callsites->frames->spans[frame].first];
			break;
		}
		int rc = look_in_frame(callsites, frame, &id, &found, err);
		if (rc < 0)
			return rc;
		if (found && !pass_inside(callsites, search, id, &found))
			return 0;
		if (!found)
			search->at = next_candidate(callsites,
						    trace->nodes.list[search->at].parent);
	}
	callsites->location_of_node[search->origin] = id + 1;
	return 1;
}

static struct search begin_search(const struct mt_callsites *callsites, uint32_t node)
{
	struct search search = {.origin = node, .falls_back = callsites->is_raw};
	search.at = callsites->is_raw ? innermost(callsites, node)
				      : next_candidate(callsites, node);
	return search;
}

/* One round: settles what can be settled, keeps the rest in searches, asks for symbols. */
static int run_round(struct mt_callsites *callsites, struct search *searches,
		     size_t *count, struct mt_error *err)
{
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++) {
		int rc = advance(callsites, &searches[i], err);
		if (rc == 0)
			rc = want_ahead(callsites, &searches[i], err);
		else if (rc > 0)
			continue;
		if (rc < 0)
			return rc;
		searches[kept++] = searches[i];
	}
	*count = kept;
	return mt_frame_locations_resolve(callsites->frames, err);
}

int mt_callsites_resolve(struct mt_callsites *callsites, const uint32_t *nodes,
			 size_t count, struct mt_error *err)
{
	struct search *searches = calloc(count + 1, sizeof *searches);
	if (!searches)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	size_t open = 0;
	for (size_t i = 0; i < count; i++)
		if (!callsites->location_of_node[nodes[i]])
			searches[open++] = begin_search(callsites, nodes[i]);
	int rc = 0;
	while (rc >= 0 && open)
		rc = run_round(callsites, searches, &open, err);
	free(searches);
	return rc;
}

/* Move to the next frame outwards that has locations. */
static void walk_enter(struct mt_walk *walk)
{
	const struct mt_trace *trace = walk->frames->trace;
	while (walk->node != MT_NO_NODE && !is_native(trace, walk->node))
		walk->node = trace->nodes.list[walk->node].parent;
	if (walk->node == MT_NO_NODE)
		return;
	struct mt_frame_span span =
		walk->frames->spans[trace->nodes.list[walk->node].frame];
	walk->next = span.first;
	walk->end = span.first + span.count;
	walk->has_some |= span.count > 0;
	walk->node = trace->nodes.list[walk->node].parent;
}

struct mt_walk mt_walk_begin(const struct mt_frame_locations *frames, uint32_t node)
{
	struct mt_walk walk = {.frames = frames, .node = node};
	return walk;
}

struct mt_walk mt_walk_begin_at_key(const struct mt_callsites *callsites, uint32_t node)
{
	struct mt_walk walk = mt_walk_begin(callsites->frames, node), before = walk;
	mt_location_id key = mt_callsites_get(callsites, node);
	for (mt_location_id id; mt_walk_next(&walk, &id); before = walk)
		if (id == key)
			return before;
	return mt_walk_begin(callsites->frames, node);
}

bool mt_walk_next(struct mt_walk *walk, mt_location_id *id)
{
	uint32_t before = walk->node;
	while (walk->next == walk->end && walk->node != MT_NO_NODE) {
		before = walk->node;
		walk_enter(walk);
	}
	if (walk->next < walk->end) {
		*id = walk->frames->ids[walk->next++];
		return true;
	}
	if (walk->has_some || before == MT_NO_NODE)
		return false;
	walk->has_some = true;
	*id = without_frames(walk->frames->trace, before);
	return true;
}
