/*
 * location.h - source-level frames: what symbols make of the frames of one or more
 * traces. Outside.
 *
 * Strings and locations are interned, over all traces of a question: equal ones have the
 * same pointer and the same id. An address is several locations where calls were inlined.
 */
#ifndef MT_TRACER_ANALYZE_LOCATION_H
#define MT_TRACER_ANALYZE_LOCATION_H

#include "tracer/analyze/index.h"
#include "tracer/analyze/symbolize.h"
#include "tracer/analyze/trace.h"

typedef uint32_t mt_location_id;

enum {
	MT_LOCATION_UNKNOWN = 0,   /* no frame at all: <unknown>:0 */
	MT_LOCATION_INHERITED = 1, /* blocks from before a fork */
};

struct mt_location {
	const char *function; /* interned, as the others; NULL: unknown */
	const char *file;
	const char *module; /* path; NULL: in none */
	uint64_t offset;    /* where file is known: of the first address seen */
	uint32_t line;
	bool is_inlined;
};

struct mt_locations {
	char **strings;
	size_t string_count, string_capacity;
	struct mt_index string_index;
	struct mt_location *list;
	size_t count, capacity;
	struct mt_index index;
};

int mt_locations_init(struct mt_locations *locations, struct mt_error *err);
void mt_locations_deinit(struct mt_locations *locations);

/* The one copy of a string, or NULL with *err filled. */
const char *mt_locations_string(struct mt_locations *locations, const char *string,
				struct mt_error *err);

/* The id of an equal location, old or new. */
int mt_locations_intern(struct mt_locations *locations,
			const struct mt_location *location, mt_location_id *id,
			struct mt_error *err);

/*
 * A total order: by file and line as tracemalloc (names by byte, lines as numbers);
 * what has no file goes by module and offset. <0, 0, >0.
 */
int mt_location_compare(const struct mt_location *a, const struct mt_location *b);

/* The locations of one trace's frames. */
struct mt_frame_locations {
	struct mt_locations *locations;
	const struct mt_trace *trace;
	struct mt_symbolizer *symbolizer; /* NULL: symbols are not wanted */
	uint32_t module_base; /* + index of a module: its id for the symbolizer */
	struct mt_frame_span {
		uint32_t first;
		uint32_t count; /* 0: not resolved yet */
	} * spans;              /* by frame */
	mt_location_id *ids;    /* innermost first */
	size_t id_count, id_capacity;
	uint32_t *wanted; /* frames asked for since the last resolve */
	size_t wanted_count, wanted_capacity;
	uint8_t *is_wanted; /* by frame */
};

/* trace and symbolizer are borrowed; traces that share one have distinct bases. */
int mt_frame_locations_init(struct mt_frame_locations *frames,
			    struct mt_locations *locations, const struct mt_trace *trace,
			    struct mt_symbolizer *symbolizer, uint32_t module_base,
			    struct mt_error *err);
void mt_frame_locations_deinit(struct mt_frame_locations *frames);

static inline bool mt_frame_is_resolved(const struct mt_frame_locations *frames,
					uint32_t frame)
{
	return frames->spans[frame].count != 0;
}

/* Ask for a frame; free where it is known or was asked for. */
int mt_frame_locations_want(struct mt_frame_locations *frames, uint32_t frame,
			    struct mt_error *err);

/* Ask for every frame from node outwards. */
int mt_frame_locations_want_chain(struct mt_frame_locations *frames, uint32_t node,
				  struct mt_error *err);

/* Look up all that was asked for, in one batch. */
int mt_frame_locations_resolve(struct mt_frame_locations *frames, struct mt_error *err);

/* What a symbolizer would say of a frame. */
int mt_frame_locations_put(struct mt_frame_locations *frames, uint32_t frame,
			   struct mt_symbols symbols, struct mt_error *err);

#endif
