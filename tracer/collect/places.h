/*
 * places.h - where blocks lie, as records of a snapshot. Outside.
 */
#ifndef MT_TRACER_COLLECT_PLACES_H
#define MT_TRACER_COLLECT_PLACES_H

#include "formats/error.h"
#include "formats/writer.h"
#include "tracer/collect/census.h"
#include "tracer/collect/layers.h"

/*
 * POOL, PIN, HOLD, BORDER and LAYER rows of a census that has them; layers: NULL or not
 * known: none. start_ns: mt_clock_ns of the process's start.
 */
int mt_places_write(struct mt_writer *writer, struct mt_census *census,
		    const struct mt_layers *layers, uint64_t start_ns,
		    struct mt_error *err);

#endif
