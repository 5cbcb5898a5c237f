/*
 * places.c - see places.h. Outside.
 */
#include "tracer/collect/places.h"

#include <string.h>

enum {
	/* Pins beyond one for each holder: the file grows with tracebacks, not blocks. */
	SPARE_PINS = 4096,
};

static int write_pools(struct mt_writer *writer, const struct mt_pools *pools,
		       struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_POOL};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < pools->pools.count; i++) {
		record.pool = pools->pools.list[i];
		rc = mt_writer_put(writer, &record, err);
	}
	return rc;
}

static bool has_losses(const struct mt_record_hold *hold)
{
	return hold->rounding_bytes || hold->free_bytes || hold->empty_bytes ||
	       hold->beneath_bytes;
}

static size_t count_holders(const struct mt_pools *pools)
{
	size_t count = 0;
	for (size_t i = 0; i < pools->holders.count; i++)
		count += pools->holders.list[i].stamp != 0;
	return count;
}

/* Arenas with the fewest blocks first, each whole or not at all. */
static int write_pins(struct mt_writer *writer, const struct mt_pools *pools,
		      struct mt_error *err)
{
	size_t left = count_holders(pools) + SPARE_PINS;
	struct mt_record record = {.kind = MT_RECORD_PIN};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < pools->arenas.count; i++) {
		const struct mt_pools_arena *arena = &pools->arenas.list[i];
		if (arena->pin_count > left)
			break;
		left -= arena->pin_count;
		for (uint32_t k = 0; rc == 0 && k < arena->pin_count; k++) {
			record.pin = pools->pins.list[arena->first_pin + k];
			rc = mt_writer_put(writer, &record, err);
		}
	}
	return rc;
}

static int write_holds(struct mt_writer *writer, const struct mt_pools *pools,
		       struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_HOLD};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < pools->numbers.count; i++) {
		const struct mt_pools_holder *holder = mt_pools_holder(pools, i);
		if (!holder || !has_losses(&holder->hold))
			continue;
		record.hold = holder->hold;
		rc = mt_writer_put(writer, &record, err);
	}
	return rc;
}

/* One row for a traceback and a class, whose cells differ in the excess. */
static int write_borders(struct mt_writer *writer, struct mt_cells *borders,
			 struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_BORDER};
	struct mt_record_border *border = &record.border;
	mt_cells_sort(borders);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < borders->count; i++) {
		const struct mt_cell *cell = &borders->list[i];
		uint32_t excess = (uint32_t)(cell->key >> 8) & 0xffffff;
		uint32_t traceback = mt_cell_traceback(cell);
		if (border->traceback == traceback &&
		    border->class_index == (uint8_t)cell->key) {
			border->count += cell->count;
			border->excess_bytes = excess;
			continue;
		}
		if (border->traceback)
			rc = mt_writer_put(writer, &record, err);
		*border = (struct mt_record_border){.traceback = traceback,
						    .class_index = (uint8_t)cell->key,
						    .count = cell->count,
						    .excess_bytes = excess};
	}
	return rc == 0 && border->traceback ? mt_writer_put(writer, &record, err) : rc;
}

static int write_waiting(struct mt_writer *writer, struct mt_cells *waiting,
			 struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_WAITING};
	int rc = 0;
	mt_cells_sort(waiting);
	for (size_t i = 0; rc == 0 && i < waiting->count; i++) {
		const struct mt_cell *cell = &waiting->list[i];
		record.waiting =
			(struct mt_record_waiting){.traceback = mt_cell_traceback(cell),
						   .class_index = (uint8_t)cell->key,
						   .count = cell->count,
						   .block_bytes = cell->bytes};
		rc = mt_writer_put(writer, &record, err);
	}
	return rc;
}

static int write_layers(struct mt_writer *writer,
			const struct mt_record_layer list[MT_LAYER_COUNT],
			struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_LAYER};
	int rc = 0;
	for (int i = 0; rc == 0 && i < MT_LAYER_COUNT; i++) {
		record.layer = list[i];
		rc = mt_writer_put(writer, &record, err);
	}
	return rc;
}

/*
 * What is free beneath needs the mappings. A forked child's come with blocks that its own
 * state knows nothing of.
 */
static int add_layers(struct mt_writer *writer, struct mt_census *census,
		      const struct mt_layers *layers, uint64_t start_ns,
		      struct mt_error *err)
{
	struct mt_record_layer list[MT_LAYER_COUNT];
	memcpy(list, layers->list, sizeof list);
	for (int i = 0; i < MT_LAYER_COUNT; i++)
		list[i].time_ns =
			layers->time_ns > start_ns ? layers->time_ns - start_ns : 0;
	if (!mt_beneath_divide(&census->beneath, layers, list,
			       census->has_inherited ? NULL : &census->pools))
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	return write_layers(writer, list, err);
}

int mt_places_write(struct mt_writer *writer, struct mt_census *census,
		    const struct mt_layers *layers, uint64_t start_ns,
		    struct mt_error *err)
{
	if (!census->has_places)
		return 0;
	int rc = 0;
	if (layers && layers->is_known)
		rc = add_layers(writer, census, layers, start_ns, err);
	if (rc == 0)
		rc = write_pools(writer, &census->pools, err);
	if (rc == 0)
		rc = write_pins(writer, &census->pools, err);
	if (rc == 0)
		rc = write_holds(writer, &census->pools, err);
	if (rc == 0)
		rc = write_borders(writer, &census->pools.borders, err);
	return rc < 0 ? rc : write_waiting(writer, &census->pools.waiting, err);
}
