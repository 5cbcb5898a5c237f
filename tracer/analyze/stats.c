/*
 * stats.c - see stats.h. Outside.
 */
#include "tracer/analyze/stats.h"

#include "tracer/analyze/vector.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
	uint64_t count, bytes;
};

/* Of the C library's blocks. */
static struct waiting large_waiting(const struct mt_places *places)
{
	struct waiting sum = {0};
	for (size_t i = 0; i < places->waiting.count; i++) {
		const struct mt_record_waiting *waiting = &places->waiting.list[i];
		if (waiting->class_index != MT_CLASS_LARGE)
			continue;
		sum.count += waiting->count;
		sum.bytes += waiting->block_bytes;
	}
	return sum;
}

static void add_class(struct mt_stats *stats, const struct mt_record_class *class)
{
	const struct mt_places *places = stats->places;
	uint64_t capacity = class->pools * mt_places_pool_capacity(places, class->index);
	uint64_t size = (uint64_t)(class->index + 1) * places->geometry.alignment;
	uint64_t taken = class->blocks_in_use + class->waiting;
	uint64_t available = capacity > taken ? capacity - taken : 0;
	stats->classes[stats->class_count++] =
		(struct mt_stats_class){.index = class->index,
					.size = (uint32_t)size,
					.pools = class->pools,
					.blocks_in_use = class->blocks_in_use,
					.blocks_available = available,
					.requested_bytes = class->requested_bytes,
					.inherited = class->inherited,
					.waiting = class->waiting};
	uint64_t room = places->geometry.pool_bytes - MT_POOL_HEADER_BYTES;
	stats->bytes.in_use += class->blocks_in_use * size;
	stats->bytes.waiting += class->waiting * size;
	stats->bytes.available += available * size;
	stats->bytes.pool_headers += class->pools * MT_POOL_HEADER_BYTES;
	stats->bytes.quantization += class->pools * (room % size);
}

/* Layers. */

static const char waiting_name[] = "waiting in quarantine";

static struct mt_stats_layer *add_layer(struct mt_stats *stats, int layer,
					const char *name, int64_t count, int64_t bytes,
					struct mt_error *err)
{
	struct mt_stats_layer *grown =
		mt_vector_reserve(stats->layers.list, &stats->layers.capacity,
				  stats->layers.count + 1, sizeof *grown, err);
	if (!grown)
		return NULL;
	stats->layers.list = grown;
	struct mt_stats_layer *line = &grown[stats->layers.count++];
	*line = (struct mt_stats_layer){.layer = layer,
					.name = name,
					.count = count,
					.bytes = bytes,
					.resident_bytes = mt_stats_none,
					.swapped_bytes = mt_stats_none};
	return line;
}

static int add_kernel(struct mt_stats *stats, int layer, const char *name,
		      struct mt_record_layer sums, struct mt_error *err)
{
	struct mt_stats_layer *line =
		add_layer(stats, layer, name, (int64_t)sums.mappings,
			  (int64_t)sums.mapped_bytes, err);
	if (!line)
		return MT_ERR_NO_MEMORY;
	line->resident_bytes = (int64_t)sums.resident_bytes;
	line->swapped_bytes = (int64_t)sums.swapped_bytes;
	return 0;
}

static struct mt_record_layer sum_of(struct mt_record_layer a, struct mt_record_layer b)
{
	a.mappings += b.mappings;
	a.mapped_bytes += b.mapped_bytes;
	a.resident_bytes += b.resident_bytes;
	a.swapped_bytes += b.swapped_bytes;
	return a;
}

/* The kernel's total without what the kinds of mappings add up to. */
static int add_unexplained(struct mt_stats *stats, struct mt_record_layer whole,
			   struct mt_record_layer parts, struct mt_error *err)
{
	struct mt_stats_layer *line = add_layer(
		stats, -1, "not explained",
		mt_wrapping_subtract((int64_t)whole.mappings, (int64_t)parts.mappings),
		mt_wrapping_subtract((int64_t)whole.mapped_bytes,
				     (int64_t)parts.mapped_bytes),
		err);
	if (!line)
		return MT_ERR_NO_MEMORY;
	line->resident_bytes = mt_wrapping_subtract((int64_t)whole.resident_bytes,
						    (int64_t)parts.resident_bytes);
	line->swapped_bytes = mt_wrapping_subtract((int64_t)whole.swapped_bytes,
						   (int64_t)parts.swapped_bytes);
	line->is_remainder = true;
	return 0;
}

static int add_mappings(struct mt_stats *stats, struct mt_error *err)
{
	static const struct {
		enum mt_layer_kind kind;
		const char *name;
	} parts[] = {
		{MT_LAYER_ARENAS, "small-object heap"},
		{MT_LAYER_GUARDED, "guarded blocks' pages"},
		{MT_LAYER_HEAP, "C library's heap"},
		{MT_LAYER_BLOCKS, "C library's mappings"},
		{MT_LAYER_RECORDER, "recorder's shared state"},
		{MT_LAYER_STACK, "main thread's stack"},
		{MT_LAYER_FILES, "files"},
		{MT_LAYER_OTHER, "other anonymous memory"},
		{MT_LAYER_RESERVED, "address space only"},
	};
	const struct mt_record_layer *layers = stats->places->layers;
	struct mt_record_layer sum = {0};
	int rc = add_kernel(stats, -2, "process", layers[MT_LAYER_PROCESS], err);
	for (size_t i = 0; rc >= 0 && i < sizeof parts / sizeof *parts; i++) {
		const struct mt_record_layer *layer = &layers[parts[i].kind];
		sum = sum_of(sum, *layer);
		if (layer->mappings)
			rc = add_kernel(stats, -1, parts[i].name, *layer, err);
	}
	return rc < 0 ? rc : add_unexplained(stats, layers[MT_LAYER_PROCESS], sum, err);
}

static int add_remainder(struct mt_stats *stats, int layer, const char *name,
			 int64_t bytes, struct mt_error *err)
{
	struct mt_stats_layer *line =
		add_layer(stats, layer, name, mt_stats_none, bytes, err);
	if (!line)
		return MT_ERR_NO_MEMORY;
	line->is_remainder = true;
	return 0;
}

/* What the C library's mappings are used for. */
static int add_c_library(struct mt_stats *stats, struct mt_error *err)
{
	const struct mt_places *places = stats->places;
	struct mt_record_layer whole =
		sum_of(places->layers[MT_LAYER_HEAP], places->layers[MT_LAYER_BLOCKS]);
	int64_t below = 0, above = 0;
	for (size_t i = 0; i < places->holds.count; i++) {
		const struct mt_record_hold *hold = &places->holds.list[i];
		int64_t *sum = hold->traceback ? &below : &above;
		*sum = mt_wrapping_add(*sum, (int64_t)hold->beneath_bytes);
	}
	int64_t in_blocks = (int64_t)places->arenas.large_block_bytes;
	int64_t rest = mt_wrapping_subtract((int64_t)whole.mapped_bytes, in_blocks);
	rest = mt_wrapping_subtract(rest, mt_wrapping_add(below, above));
	struct waiting waiting = large_waiting(places);
	rest = mt_wrapping_subtract(rest, (int64_t)waiting.bytes);
	if (!places->has_own_layers)
		below = above = rest = mt_stats_none;
	int rc = add_kernel(stats, 0, "C library", whole, err);
	if (rc >= 0 && !add_layer(stats, 0, "in blocks",
				  (int64_t)places->arenas.large_blocks, in_blocks, err))
		rc = MT_ERR_NO_MEMORY;
	if (rc >= 0 && waiting.count &&
	    !add_layer(stats, 0, waiting_name, (int64_t)waiting.count,
		       (int64_t)waiting.bytes, err))
		rc = MT_ERR_NO_MEMORY;
	if (rc >= 0 &&
	    !add_layer(stats, 0, "free below blocks", mt_stats_none, below, err))
		rc = MT_ERR_NO_MEMORY;
	if (rc >= 0 &&
	    !add_layer(stats, 0, "free above the last", mt_stats_none, above, err))
		rc = MT_ERR_NO_MEMORY;
	return rc < 0 ? rc : add_remainder(stats, 0, "not explained", rest, err);
}

struct small_sums {
	uint64_t pools, blocks, requested;
	uint64_t waiting;
};

static struct small_sums sum_small(const struct mt_stats *stats)
{
	struct small_sums sums = {0};
	for (size_t i = 0; i < stats->class_count; i++) {
		sums.pools += stats->classes[i].pools;
		sums.blocks += stats->classes[i].blocks_in_use;
		sums.requested += stats->classes[i].requested_bytes;
		sums.waiting += stats->classes[i].waiting;
	}
	return sums;
}

/* What is writable of the heap's range are whole arenas. */
static int add_ready_arenas(struct mt_stats *stats, int64_t in_use, struct mt_error *err)
{
	const struct mt_record_layer *kernel = &stats->places->layers[MT_LAYER_ARENAS];
	int64_t arena = stats->places->geometry.arena_bytes;
	int64_t rest = mt_wrapping_subtract((int64_t)kernel->mapped_bytes, in_use);
	int64_t ready = (int64_t)mt_places_ready_arenas(stats->places);
	if (ready && !add_layer(stats, 2, "arenas kept ready", ready, ready * arena, err))
		return MT_ERR_NO_MEMORY;
	return add_remainder(stats, 2, "not explained",
			     mt_wrapping_subtract(rest, ready * arena), err);
}

/* What the kernel said of the arenas, if it was at this very moment. */
static int add_kernel_of_arenas(struct mt_stats *stats, struct mt_stats_layer *line,
				int64_t in_use, struct mt_error *err)
{
	const struct mt_record_layer *kernel = &stats->places->layers[MT_LAYER_ARENAS];
	if (!stats->places->has_own_layers)
		return add_remainder(stats, 2, "not explained", mt_stats_none, err);
	line->resident_bytes = (int64_t)kernel->resident_bytes;
	line->swapped_bytes = (int64_t)kernel->swapped_bytes;
	return add_ready_arenas(stats, in_use, err);
}

static int add_small(struct mt_stats *stats, struct mt_error *err)
{
	const struct mt_places *places = stats->places;
	const struct mt_geometry *geometry = &places->geometry;
	struct small_sums sums = sum_small(stats);
	int64_t arenas = (int64_t)(places->arenas.current * geometry->arena_bytes);
	const struct {
		const char *name;
		uint64_t count, bytes;
	} lines[] = {
		{"pools in use", sums.pools, sums.pools * geometry->pool_bytes},
		{"blocks in use", sums.blocks, stats->bytes.in_use},
		{"requested in them", sums.blocks, sums.requested},
		{waiting_name, sums.waiting, stats->bytes.waiting},
	};
	size_t line_count = sizeof lines / sizeof *lines - !sums.waiting;
	struct mt_stats_layer *line = add_layer(
		stats, 2, "arenas", (int64_t)places->arenas.current, arenas, err);
	if (!line)
		return MT_ERR_NO_MEMORY;
	if (places->has_layers && add_kernel_of_arenas(stats, line, arenas, err) < 0)
		return MT_ERR_NO_MEMORY;
	for (size_t i = 0; i < line_count; i++)
		if (!add_layer(stats, 2, lines[i].name, (int64_t)lines[i].count,
			       (int64_t)lines[i].bytes, err))
			return MT_ERR_NO_MEMORY;
	return 0;
}

/* Guarded blocks: their pages are all that the range has, but those of a fork's parent. */
static int add_guarded(struct mt_stats *stats, struct mt_error *err)
{
	const struct mt_places *places = stats->places;
	const struct mt_record_layer *kernel = &places->layers[MT_LAYER_GUARDED];
	int64_t count = (int64_t)places->arenas.guarded_blocks;
	int64_t bytes = (int64_t)places->arenas.guarded_block_bytes;
	if (!count && !kernel->mappings)
		return 0;
	struct mt_stats_layer *line =
		add_layer(stats, 2, "guarded blocks", count, bytes, err);
	if (!line)
		return MT_ERR_NO_MEMORY;
	if (places->has_own_layers) {
		line->resident_bytes = (int64_t)kernel->resident_bytes;
		line->swapped_bytes = (int64_t)kernel->swapped_bytes;
	}
	if (!add_layer(stats, 2, "requested in guarded", count,
		       (int64_t)places->arenas.guarded_bytes, err))
		return MT_ERR_NO_MEMORY;
	int64_t rest = mt_wrapping_subtract((int64_t)kernel->mapped_bytes, bytes);
	return places->has_layers
		       ? add_remainder(stats, 2, "guarded, not explained",
				       places->has_own_layers ? rest : mt_stats_none, err)
		       : 0;
}

/*
 * What a forked child inherited is in one row, the small blocks among it in the classes too:
 * the rest is the C library's, or guarded, and was never seen block by block.
 */
static void add_inherited(struct mt_stats *stats, const struct mt_profile *rows)
{
	struct mt_counts rest = {0};
	for (size_t i = 0; i < rows->row_count; i++)
		if (rows->trace->nodes.list[rows->rows[i].node].root ==
		    MT_TRACEBACK_INHERITED)
			mt_counts_add(&rest, rows->rows[i].live);
	for (size_t i = 0; i < stats->class_count; i++) {
		const struct mt_stats_class *class = &stats->classes[i];
		rest.count -= (int64_t) class->inherited;
		rest.bytes -= (int64_t)(class->inherited * class->size);
	}
	if (rest.count <= 0 || rest.bytes < 0)
		return;
	stats->inherited_blocks = (uint64_t)rest.count;
	stats->inherited_bytes = (uint64_t)rest.bytes;
}

/* Domains. */

struct domain {
	uint32_t number;
	struct mt_counts live;
};

static int compare_domains(const void *a, const void *b)
{
	uint32_t x = ((const struct domain *)a)->number;
	uint32_t y = ((const struct domain *)b)->number;
	return (x > y) - (x < y);
}

/* One entry for each row of a domain but 0, then one for each domain. */
static size_t sum_domains(const struct mt_profile *rows, struct domain *domains)
{
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < rows->row_count; i++) {
		const struct mt_profile_row *row = &rows->rows[i];
		uint32_t number = rows->trace->nodes.list[row->node].domain;
		if (number && row->live.count)
			domains[count++] = (struct domain){number, row->live};
	}
	if (count)
		qsort(domains, count, sizeof *domains, compare_domains);
	for (size_t i = 0; i < count; i++)
		if (kept && domains[kept - 1].number == domains[i].number)
			mt_counts_add(&domains[kept - 1].live, domains[i].live);
		else
			domains[kept++] = domains[i];
	return kept;
}

static int add_domains(struct mt_stats *stats, const struct mt_profile *rows,
		       struct mt_error *err)
{
	struct domain *domains = calloc(rows->row_count + 1, sizeof *domains);
	if (!domains)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	size_t count = sum_domains(rows, domains);
	stats->domain_names = calloc(count + 1, sizeof *stats->domain_names);
	int rc =
		stats->domain_names ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		snprintf(stats->domain_names[i], MT_STATS_NAME_BYTES, "domain %" PRIu32,
			 domains[i].number);
		if (!add_layer(stats, 3, stats->domain_names[i], domains[i].live.count,
			       domains[i].live.bytes, err))
			rc = MT_ERR_NO_MEMORY;
	}
	free(domains);
	return rc;
}

static int add_layers(struct mt_stats *stats, const struct mt_profile *rows,
		      struct mt_error *err)
{
	const struct mt_places *places = stats->places;
	int rc = 0;
	if (places->has_layers) {
		stats->layers_time_ns = places->layers[MT_LAYER_PROCESS].time_ns;
		rc = add_mappings(stats, err);
		if (rc >= 0)
			rc = add_c_library(stats, err);
	}
	if (rc >= 0 && !add_layer(stats, 1, "requests to the C library",
				  (int64_t)places->arenas.large_blocks,
				  (int64_t)places->arenas.large_bytes, err))
		rc = MT_ERR_NO_MEMORY;
	if (rc >= 0 && places->has_small_heap)
		rc = add_small(stats, err);
	if (rc >= 0)
		rc = add_guarded(stats, err);
	return rc < 0 ? rc : add_domains(stats, rows, err);
}

int mt_stats_init(struct mt_stats *stats, const struct mt_places *places,
		  const struct mt_profile *rows, struct mt_error *err)
{
	*stats = (struct mt_stats){.places = places};
	uint64_t used_pools = 0;
	for (uint32_t i = 0; i < places->geometry.class_count; i++) {
		const struct mt_record_class *class = &places->classes[i];
		if (!class->pools)
			continue;
		add_class(stats, class);
		used_pools += class->pools;
	}
	uint64_t all = places->arenas.current * mt_places_pools_per_arena(places);
	stats->unused_pool_count = all > used_pools ? all - used_pools : 0;
	stats->bytes.unused_pools =
		stats->unused_pool_count * places->geometry.pool_bytes;
	add_inherited(stats, rows);
	int rc = add_layers(stats, rows, err);
	if (rc < 0)
		mt_stats_deinit(stats);
	return rc;
}

void mt_stats_deinit(struct mt_stats *stats)
{
	free(stats->layers.list);
	free(stats->domain_names);
	*stats = (struct mt_stats){0};
}

/* The report. */

static int add_number(struct mt_report *report, const char *object, const char *name,
		      uint64_t number, struct mt_error *err)
{
	return mt_report_add_fact(
		report,
		(struct mt_fact){.object = object,
				 .name = name,
				 .kind = MT_COLUMN_NUMBER,
				 .value = mt_value_number((int64_t)number)},
		err);
}

static int add_numbers(const struct mt_stats *stats, struct mt_report *report,
		       struct mt_error *err)
{
	const struct mt_geometry *geometry = &stats->places->geometry;
	const struct mt_record_arenas *arenas = &stats->places->arenas;
	const struct mt_stats_bytes *bytes = &stats->bytes;
	const struct {
		const char *object, *name;
		uint64_t number;
	} numbers[] = {
		{"geometry", "alignment", geometry->alignment},
		{"geometry", "pool_bytes", geometry->pool_bytes},
		{"geometry", "arena_bytes", geometry->arena_bytes},
		{"geometry", "threshold", geometry->threshold},
		{"arenas", "allocated_total", arenas->allocated_total},
		{"arenas", "reclaimed", arenas->reclaimed},
		{"arenas", "highwater", arenas->highwater},
		{"arenas", "current", arenas->current},
		{"bytes", "in_use", bytes->in_use},
		{"bytes", "available", bytes->available},
		{"bytes", "unused_pools", bytes->unused_pools},
		{"bytes", "pool_headers", bytes->pool_headers},
		{"bytes", "quantization", bytes->quantization},
		{"bytes", "arena_alignment", bytes->arena_alignment},
		{"bytes", "waiting", bytes->waiting},
		{"large", "blocks", arenas->large_blocks},
		{"large", "requested_bytes", arenas->large_bytes},
		{"large", "block_bytes", arenas->large_block_bytes},
		{"guarded", "blocks", arenas->guarded_blocks},
		{"guarded", "requested_bytes", arenas->guarded_bytes},
		{"guarded", "block_bytes", arenas->guarded_block_bytes},
		{"inherited", "blocks", stats->inherited_blocks},
		{"inherited", "requested_bytes", stats->inherited_bytes},
	};
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof numbers / sizeof *numbers; i++)
		rc = add_number(report, numbers[i].object, numbers[i].name,
				numbers[i].number, err);
	if (rc < 0 || !stats->places->has_layers)
		return rc;
	struct mt_fact are_earlier = {
		.name = "layers_are_earlier",
		.kind = MT_COLUMN_FLAG,
		.value = mt_value_number(!stats->places->has_own_layers)};
	rc = add_number(report, NULL, "layers_time_ns", stats->layers_time_ns, err);
	return rc < 0 ? rc : mt_report_add_fact(report, are_earlier, err);
}

static int add_class_rows(const struct mt_stats *stats, struct mt_report *report,
			  struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"index", MT_COLUMN_NUMBER},
		{"size", MT_COLUMN_NUMBER},
		{"pools", MT_COLUMN_NUMBER},
		{"blocks_in_use", MT_COLUMN_NUMBER},
		{"blocks_available", MT_COLUMN_NUMBER},
		{"requested_bytes", MT_COLUMN_SIZE},
		{"inherited", MT_COLUMN_NUMBER},
		{"waiting", MT_COLUMN_NUMBER},
	};
	struct mt_table *table = mt_report_add_table(report, "classes", columns, 8, err);
	for (size_t i = 0; table && i < stats->class_count; i++) {
		const struct mt_stats_class *class = &stats->classes[i];
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		row[0] = mt_value_number(class->index);
		row[1] = mt_value_number(class->size);
		row[2] = mt_value_number((int64_t) class->pools);
		row[3] = mt_value_number((int64_t) class->blocks_in_use);
		row[4] = mt_value_number((int64_t) class->blocks_available);
		row[5] = mt_value_number((int64_t) class->requested_bytes);
		row[6] = mt_value_number((int64_t) class->inherited);
		row[7] = mt_value_number((int64_t) class->waiting);
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

static struct mt_value figure(int64_t number)
{
	return number == mt_stats_none ? (struct mt_value){.state = MT_VALUE_NULL}
				       : mt_value_number(number);
}

static int add_layer_rows(const struct mt_stats *stats, struct mt_report *report,
			  struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"layer", MT_COLUMN_NUMBER},        {"name", MT_COLUMN_TEXT},
		{"count", MT_COLUMN_NUMBER},        {"bytes", MT_COLUMN_SIZE},
		{"resident_bytes", MT_COLUMN_SIZE}, {"swapped_bytes", MT_COLUMN_SIZE},
		{"remainder", MT_COLUMN_FLAG},
	};
	struct mt_table *table = mt_report_add_table(report, "layers", columns, 7, err);
	for (size_t i = 0; table && i < stats->layers.count; i++) {
		const struct mt_stats_layer *line = &stats->layers.list[i];
		struct mt_value *row = mt_table_add_row(table, err);
		const char *name = mt_report_string(report, line->name, err);
		if (!row || !name)
			return MT_ERR_NO_MEMORY;
		row[0] = mt_value_number(line->layer);
		row[1] = mt_value_text(name);
		row[2] = figure(line->count);
		row[3] = figure(line->bytes);
		row[4] = figure(line->resident_bytes);
		row[5] = figure(line->swapped_bytes);
		row[6] = mt_value_number(line->is_remainder);
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

int mt_stats_report(const struct mt_stats *stats, struct mt_report *report,
		    struct mt_error *err)
{
	int rc = add_numbers(stats, report, err);
	if (rc >= 0)
		rc = add_class_rows(stats, report, err);
	return rc < 0 ? rc : add_layer_rows(stats, report, err);
}
