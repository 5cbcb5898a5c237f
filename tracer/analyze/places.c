/*
 * places.c - see places.h. Outside.
 */
#include "tracer/analyze/places.h"

#include "tracer/analyze/vector.h"

#include <inttypes.h>
#include <string.h>

enum {
	MOST_POOLS_PER_ARENA = 4096, /* that any geometry might have */
};

static int take(struct mt_places *places, const struct mt_record *rec,
		struct mt_error *err)
{
	switch (rec->kind) {
	case MT_RECORD_CLASS:
		places->classes[rec->class.index] = rec->class;
		return 0;
	case MT_RECORD_ARENAS:
		places->arenas = rec->arenas;
		return 0;
	case MT_RECORD_LOSS:
		if (rec->loss.reason < MT_LOSS_COUNT)
			places->losses[rec->loss.reason] = rec->loss.count;
		return 0;
	case MT_RECORD_LAYER:
		if (rec->layer.kind < MT_LAYER_COUNT)
			places->layers[rec->layer.kind] = rec->layer;
		places->has_layers = true;
		return 0;
	case MT_RECORD_POOL:
		return MT_LIST_ADD(places->pools, rec->pool, err);
	case MT_RECORD_PIN:
		return MT_LIST_ADD(places->pins, rec->pin, err);
	case MT_RECORD_HOLD:
		return MT_LIST_ADD(places->holds, rec->hold, err);
	case MT_RECORD_BORDER:
		return MT_LIST_ADD(places->borders, rec->border, err);
	case MT_RECORD_WAITING:
		return MT_LIST_ADD(places->waiting, rec->waiting, err);
	default:
		return 0;
	}
}

/* The kernel was asked for this snapshot if their times agree; at the end the process asks. */
static bool has_own_layers(const struct mt_places *places)
{
	const struct mt_record_snapshot *snapshot = &places->moment.rows->record;
	if (!places->has_layers)
		return false;
	return places->layers[MT_LAYER_PROCESS].time_ns == snapshot->time_ns ||
	       (snapshot->kind == MT_SNAPSHOT_EXIT &&
		mt_trace_number(places->trace, "layers_at_end", 0));
}

static uint32_t kinds(void)
{
	return 1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_SNAPSHOT_END |
	       1u << MT_RECORD_CLASS | 1u << MT_RECORD_ARENAS | 1u << MT_RECORD_LOSS |
	       1u << MT_RECORD_LAYER | 1u << MT_RECORD_POOL | 1u << MT_RECORD_PIN |
	       1u << MT_RECORD_HOLD | 1u << MT_RECORD_BORDER | 1u << MT_RECORD_WAITING;
}

/* The rows between the moment's header and its end; none of them is a delta. */
static int read_rows(struct mt_places *places, struct mt_error *err)
{
	struct mt_trace *trace = places->trace;
	int rc = mt_reader_seek(trace->reader, places->moment.rows->place, err);
	mt_reader_want(trace->reader, kinds());
	bool has_begun = false;
	struct mt_record rec;
	while (rc >= 0 && (rc = mt_trace_next(trace, &rec, err)) > 0) {
		if (rec.kind == MT_RECORD_SNAPSHOT_END ||
		    (rec.kind == MT_RECORD_SNAPSHOT && has_begun))
			return 0;
		if (rec.kind == MT_RECORD_SNAPSHOT)
			has_begun = true;
		else if (has_begun)
			rc = take(places, &rec, err);
	}
	return rc;
}

static void read_geometry(struct mt_places *places)
{
	const struct mt_trace *trace = places->trace;
	struct mt_geometry *geometry = &places->geometry;
	const struct mt_trace_meta *mode = mt_trace_meta(trace, "malloc");
	geometry->alignment = (uint32_t)mt_trace_number(trace, "alignment", 16);
	geometry->pool_bytes = (uint32_t)mt_trace_number(trace, "pool_bytes", 16384);
	geometry->arena_bytes = (uint32_t)mt_trace_number(trace, "arena_bytes", 1 << 20);
	geometry->threshold = (uint32_t)mt_trace_number(trace, "threshold", 512);
	geometry->pool_header_bytes = MT_POOL_HEADER_BYTES;
	if (geometry->alignment)
		geometry->class_count = geometry->threshold / geometry->alignment;
	places->has_small_heap = !mode || strncmp(mode->value, "malloc", 6) != 0;
}

static int check_geometry(const struct mt_places *places, struct mt_error *err)
{
	const struct mt_geometry *geometry = &places->geometry;
	bool is_sound =
		geometry->alignment && geometry->class_count &&
		geometry->class_count <= MT_MAX_CLASSES &&
		geometry->pool_bytes > MT_POOL_HEADER_BYTES &&
		geometry->pool_bytes - MT_POOL_HEADER_BYTES >=
			(uint64_t)MT_MAX_CLASSES * geometry->alignment &&
		geometry->arena_bytes / geometry->pool_bytes > 0 &&
		geometry->arena_bytes / geometry->pool_bytes <= MOST_POOLS_PER_ARENA;
	return is_sound ? 0
			: mt_fail(err, MT_ERR_DAMAGED,
				  "%s: a geometry that cannot be (alignment %" PRIu32
				  ", pools of %" PRIu32 ", arenas of %" PRIu32 ")",
				  places->trace->path, geometry->alignment,
				  geometry->pool_bytes, geometry->arena_bytes);
}

int mt_places_init(struct mt_places *places, struct mt_trace *trace,
		   const struct mt_moment *moment, const char *command,
		   struct mt_error *err)
{
	*places = (struct mt_places){.trace = trace, .moment = *moment};
	if (moment->is_peak)
		return mt_fail(
			err, MT_ERR_USAGE,
			"%s cannot be answered at @peak: a trace does not say where "
			"the blocks of that moment lay",
			command);
	read_geometry(places);
	int rc = check_geometry(places, err);
	if (rc >= 0)
		rc = read_rows(places, err);
	places->has_own_layers = has_own_layers(places);
	places->has_map = moment->rows->record.kind != MT_SNAPSHOT_PERIODIC &&
			  (places->pools.count || !places->arenas.current);
	if (rc < 0)
		mt_places_deinit(places);
	return rc;
}

void mt_places_deinit(struct mt_places *places)
{
	free(places->pools.list);
	free(places->pins.list);
	free(places->holds.list);
	free(places->borders.list);
	free(places->waiting.list);
	*places = (struct mt_places){0};
}

uint32_t mt_places_pool_capacity(const struct mt_places *places, uint32_t class_index)
{
	const struct mt_geometry *geometry = &places->geometry;
	return (geometry->pool_bytes - MT_POOL_HEADER_BYTES) /
	       ((class_index + 1) * geometry->alignment);
}

uint32_t mt_places_pools_per_arena(const struct mt_places *places)
{
	return places->geometry.arena_bytes / places->geometry.pool_bytes;
}

uint64_t mt_places_ready_arenas(const struct mt_places *places)
{
	if (!places->has_own_layers || !places->geometry.arena_bytes)
		return 0;
	uint64_t writable = places->layers[MT_LAYER_ARENAS].mapped_bytes /
			    places->geometry.arena_bytes;
	uint64_t in_use = places->arenas.current;
	return writable > in_use ? writable - in_use : 0;
}
