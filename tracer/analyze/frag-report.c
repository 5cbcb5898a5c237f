/*
 * frag-report.c - what frag.h found as tables and facts, and in words. Outside.
 */
#include "tracer/analyze/frag.h"

#include "tracer/analyze/label.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SITE_COLUMNS = 5,
};

#define SITE_COLUMNS_LIST                                                                \
	{"file", MT_COLUMN_TEXT}, {"line", MT_COLUMN_NUMBER},                            \
		{"function", MT_COLUMN_TEXT}, {"module", MT_COLUMN_TEXT},                \
	{                                                                                \
		"offset", MT_COLUMN_NUMBER                                               \
	}

static void put_site(const struct mt_frag *frag, struct mt_value *row,
		     mt_location_id site)
{
	const struct mt_location *location = &frag->locations->list[site];
	row[0] = mt_value_text(location->file);
	row[1] = mt_value_number(location->line);
	row[2] = mt_value_text(location->function);
	row[3] = mt_value_text(location->module);
	row[4] = mt_value_number((int64_t)location->offset);
	if (location->file)
		row[4].state = MT_VALUE_ABSENT;
}

static int add_number(struct mt_report *report, const char *object, const char *name,
		      struct mt_value number, struct mt_error *err)
{
	struct mt_fact fact = {.object = object,
			       .name = name,
			       .kind = MT_COLUMN_NUMBER,
			       .value = number};
	return mt_report_add_fact(report, fact, err);
}

static int add_facts(const struct mt_frag *frag, size_t limit, struct mt_report *report,
		     struct mt_error *err)
{
	const struct mt_geometry *geometry = &frag->places->geometry;
	size_t sites = frag->sites.count, pins = frag->pins.list.count,
	       borders = frag->borders.count;
	const struct {
		const char *object, *name;
		uint64_t number;
		bool is_unknown;
	} facts[] = {
		{"lost", "rounding_bytes", frag->losses.rounding, false},
		{"lost", "free_bytes", frag->losses.free_blocks, false},
		{"lost", "empty_bytes", frag->losses.empty_pools, false},
		{"lost", "beneath_bytes", frag->losses.beneath,
		 !frag->places->has_layers},
		{"lost", "beneath_time_ns",
		 frag->places->layers[MT_LAYER_PROCESS].time_ns,
		 !frag->places->has_layers},
		{"lost", "waiting_bytes", frag->losses.waiting, false},
		{"c_library", "end_bytes", frag->end_bytes, !frag->places->has_layers},
		{"arenas", "current", frag->places->arenas.current, false},
		{"arenas", "arena_bytes", geometry->arena_bytes, false},
		{"arenas", "pool_bytes", geometry->pool_bytes, false},
		{"arenas", "wholly_free", frag->pins.free_arenas, false},
		{"arenas", "ready", mt_places_ready_arenas(frag->places),
		 !frag->places->has_own_layers},
		{"arenas", "held_by_many", frag->pins.other_arenas, false},
		{"omitted", "losses", sites - mt_shown(sites, limit), false},
		{"omitted", "pinned", pins - mt_shown(pins, limit), false},
		{"omitted", "borders", borders - mt_shown(borders, limit), false},
	};
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof facts / sizeof *facts; i++)
		rc = add_number(report, facts[i].object, facts[i].name,
				facts[i].is_unknown
					? (struct mt_value){.state = MT_VALUE_NULL}
					: mt_value_number((int64_t)facts[i].number),
				err);
	return rc;
}

static int add_sites(const struct mt_frag *frag, size_t limit, struct mt_report *report,
		     struct mt_error *err)
{
	static const struct mt_column columns[] = {
		SITE_COLUMNS_LIST,
		{"nobody", MT_COLUMN_FLAG},
		{"rounding_bytes", MT_COLUMN_SIZE},
		{"free_bytes", MT_COLUMN_SIZE},
		{"empty_bytes", MT_COLUMN_SIZE},
		{"beneath_bytes", MT_COLUMN_SIZE},
		{"waiting_bytes", MT_COLUMN_SIZE},
	};
	struct mt_table *table = mt_report_add_table(
		report, "losses", columns, sizeof columns / sizeof *columns, err);
	for (size_t i = 0; table && i < mt_shown(frag->sites.count, limit); i++) {
		const struct mt_frag_site *site = &frag->sites.list[i];
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		put_site(frag, row, site->is_nobody ? MT_LOCATION_UNKNOWN : site->site);
		row += SITE_COLUMNS;
		row[0] = mt_value_number(site->is_nobody);
		row[1] = mt_value_number((int64_t)site->losses.rounding);
		row[2] = mt_value_number((int64_t)site->losses.free_blocks);
		row[3] = mt_value_number((int64_t)site->losses.empty_pools);
		row[4] = mt_value_number((int64_t)site->losses.beneath);
		row[5] = mt_value_number((int64_t)site->losses.waiting);
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

static int put_holders(const struct mt_frag *frag, const struct mt_pin *pin,
		       struct mt_report *report, struct mt_value *value,
		       struct mt_error *err)
{
	struct mt_frame_list *frames =
		malloc(sizeof *frames + pin->site_count * sizeof *frames->list);
	if (mt_report_own(report, (char *)frames, err) < 0)
		return MT_ERR_NO_MEMORY;
	frames->count = pin->site_count;
	for (uint32_t i = 0; i < pin->site_count; i++)
		frames->list[i] = &frag->locations->list[pin->sites[i].site];
	*value = (struct mt_value){.frames = frames, .state = MT_VALUE_SET};
	return 0;
}

static int add_pins(const struct mt_frag *frag, size_t limit, const char *directory,
		    struct mt_report *report, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"blocks", MT_COLUMN_NUMBER},      {"arenas", MT_COLUMN_NUMBER},
		{"pools", MT_COLUMN_NUMBER},       {"bytes", MT_COLUMN_SIZE},
		{"free", MT_COLUMN_TEXT},          {"holders", MT_COLUMN_FRAMES},
		{"kept_arenas", MT_COLUMN_NUMBER},
	};
	struct mt_table *table = mt_report_add_table(
		report, "pinned", columns, sizeof columns / sizeof *columns, err);
	for (size_t i = 0; table && i < mt_shown(frag->pins.list.count, limit); i++) {
		const struct mt_pin *pin = &frag->pins.list.list[i];
		struct mt_value *row = mt_table_add_row(table, err);
		char *text = mt_frag_pin_text(frag, pin, directory);
		if (!row || mt_report_own(report, text, err) < 0)
			return MT_ERR_NO_MEMORY;
		row[0] = mt_value_number((int64_t)pin->blocks);
		row[1] = mt_value_number((int64_t)pin->arenas);
		row[2] = mt_value_number((int64_t)pin->pools);
		row[3] = mt_value_number((int64_t)pin->bytes);
		row[4] = mt_value_text(text);
		if (put_holders(frag, pin, report, &row[5], err) < 0)
			return MT_ERR_NO_MEMORY;
		row[6] = mt_value_number((int64_t)mt_pins_kept(&frag->pins, pin));
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

static int add_borders(const struct mt_frag *frag, size_t limit, struct mt_report *report,
		       struct mt_error *err)
{
	static const struct mt_column columns[] = {
		SITE_COLUMNS_LIST,
		{"class_bytes", MT_COLUMN_NUMBER},
		{"count", MT_COLUMN_NUMBER},
		{"excess_bytes", MT_COLUMN_NUMBER},
		{"saving_bytes", MT_COLUMN_SIZE},
	};
	struct mt_table *table = mt_report_add_table(
		report, "borders", columns, sizeof columns / sizeof *columns, err);
	for (size_t i = 0; table && i < mt_shown(frag->borders.count, limit); i++) {
		const struct mt_frag_border *border = &frag->borders.list[i];
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		put_site(frag, row, border->site);
		row += SITE_COLUMNS;
		row[0] = mt_value_number(border->class_bytes);
		row[1] = mt_value_number((int64_t)border->count);
		row[2] = mt_value_number((int64_t)border->excess_bytes);
		row[3] = mt_value_number((int64_t)border->saving_bytes);
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

static int add_map(const struct mt_frag *frag, struct mt_report *report,
		   struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"arena", MT_COLUMN_NUMBER},       {"pool", MT_COLUMN_NUMBER},
		{"class_bytes", MT_COLUMN_NUMBER}, {"used", MT_COLUMN_NUMBER},
		{"capacity", MT_COLUMN_NUMBER},
	};
	const struct mt_places *places = frag->places;
	uint32_t per_arena = mt_places_pools_per_arena(places);
	struct mt_table *table = mt_report_add_table(
		report, "map", columns, sizeof columns / sizeof *columns, err);
	for (size_t i = 0; table && i < places->pools.count; i++) {
		const struct mt_record_pool *pool = &places->pools.list[i];
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		row[0] = mt_value_number(pool->index / per_arena);
		row[1] = mt_value_number(pool->index % per_arena);
		if (!pool->used)
			continue;
		row[2] = mt_value_number((int64_t)(pool->class_index + 1) *
					 places->geometry.alignment);
		row[3] = mt_value_number(pool->used);
		row[4] = mt_value_number(
			mt_places_pool_capacity(places, pool->class_index));
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

int mt_frag_report(const struct mt_frag *frag, size_t limit, const char *directory,
		   struct mt_report *report, struct mt_error *err)
{
	int rc = add_facts(frag, limit, report, err);
	if (rc >= 0)
		rc = add_sites(frag, limit, report, err);
	if (rc >= 0)
		rc = add_pins(frag, limit, directory, report, err);
	if (rc >= 0)
		rc = add_borders(frag, limit, report, err);
	return rc < 0 ? rc : add_map(frag, report, err);
}

static bool put_pin_site(FILE *out, const struct mt_frag *frag,
			 const struct mt_pin_site *site, const char *directory)
{
	char *label = mt_label_location(&frag->locations->list[site->site], directory);
	if (!label)
		return false;
	fprintf(out, "%" PRIu64 " block%s from %s", site->blocks,
		site->blocks == 1 ? "" : "s", label);
	free(label);
	return true;
}

char *mt_frag_pin_text(const struct mt_frag *frag, const struct mt_pin *pin,
		       const char *directory)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool is_whole = out != NULL;
	for (uint32_t i = 0; is_whole && i < pin->site_count; i++) {
		if (i)
			fputs(i + 1 < pin->site_count ? ", " : " and ", out);
		is_whole = put_pin_site(out, frag, &pin->sites[i], directory);
	}
	if (out && fclose(out))
		is_whole = false;
	if (is_whole)
		return text;
	free(text);
	return NULL;
}
