/*
 * found.c - see found.h. Outside.
 */
#include "tracer/analyze/found.h"

#include "formats/state.h"

#include <stdlib.h>

static const struct mt_column columns[] = {
	{"kind", MT_COLUMN_TEXT},        {"time_ns", MT_COLUMN_TIME},
	{"tid", MT_COLUMN_NUMBER},       {"call", MT_COLUMN_TEXT},
	{"address", MT_COLUMN_NUMBER},   {"block", MT_COLUMN_NUMBER},
	{"block_bytes", MT_COLUMN_SIZE}, {"serial", MT_COLUMN_NUMBER},
	{"api", MT_COLUMN_TEXT},         {"text", MT_COLUMN_TEXT},
	{"allocated", MT_COLUMN_FRAMES}, {"freed", MT_COLUMN_FRAMES},
	{"here", MT_COLUMN_FRAMES},
};

enum {
	COLUMN_COUNT = sizeof columns / sizeof *columns,
};

static const char *kind_name(uint8_t kind)
{
	static const char *const names[MT_ERROR_KIND_COUNT] = {
		[MT_ERROR_DOUBLE_FREE] = "double-free",
		[MT_ERROR_INTERIOR_FREE] = "interior-free",
		[MT_ERROR_WILD_FREE] = "wild-free",
		[MT_ERROR_OTHER_FAMILY] = "mismatched-free",
		[MT_ERROR_OTHER_SIZE] = "mismatched-size",
		[MT_ERROR_WRITE_BEFORE] = "write-before",
		[MT_ERROR_WRITE_BEYOND] = "write-beyond",
		[MT_ERROR_WRITE_AFTER_FREE] = "write-after-free",
		[MT_ERROR_ACCESS_OUTSIDE] = "access-outside",
		[MT_ERROR_ACCESS_AFTER_FREE] = "access-after-free",
		[MT_ERROR_EXECUTE] = "execute",
		[MT_ERROR_REALLOC_AFTER_FREE] = "realloc-after-free",
	};
	return kind < MT_ERROR_KIND_COUNT ? names[kind] : "unknown";
}

/* The API that made the block, as one letter. */
static const char *api_text(struct mt_report *report, uint8_t api, struct mt_error *err)
{
	char text[2] = {(char)api, '\0'};
	return api ? mt_report_string(report, text, err) : NULL;
}

/* Locations of a chain, several to a frame where calls were inlined. */
static size_t chain_length(const struct mt_found *found, uint32_t node)
{
	const struct mt_trace *trace = found->frames.trace;
	size_t count = 0;
	for (; node != MT_NO_NODE; node = trace->nodes.list[node].parent)
		if (trace->nodes.list[node].frame != MT_NO_FRAME)
			count += found->frames.spans[trace->nodes.list[node].frame].count;
	return count;
}

static int fill_traceback(struct mt_report *report, struct mt_value *value,
			  const struct mt_found *found, uint32_t node,
			  struct mt_error *err)
{
	const struct mt_trace_node *nodes = found->frames.trace->nodes.list;
	if (node == MT_NO_NODE)
		return 0;
	size_t left = chain_length(found, node);
	struct mt_frame_list *list = malloc(sizeof *list + left * sizeof *list->list);
	int rc = mt_report_own(report, (char *)list, err);
	if (rc < 0)
		return rc;
	list->count = left;
	for (; node != MT_NO_NODE; node = nodes[node].parent) {
		if (nodes[node].frame == MT_NO_FRAME)
			continue;
		struct mt_frame_span span = found->frames.spans[nodes[node].frame];
		for (uint32_t i = 0; i < span.count; i++)
			list->list[--left] =
				&found->locations.list[found->frames.ids[span.first + i]];
	}
	*value = (struct mt_value){.frames = list, .state = MT_VALUE_SET};
	return 0;
}

static int fill(struct mt_report *report, struct mt_value *values,
		const struct mt_found *found, const struct mt_trace_error *error,
		struct mt_error *err)
{
	const struct mt_record_error *rec = &error->record;
	values[0] = mt_value_text(kind_name(rec->kind));
	values[1] = mt_value_number((int64_t)rec->time_ns);
	values[2] = mt_value_number(rec->tid);
	values[3] = mt_value_text(error->call);
	values[4] = mt_value_number((int64_t)rec->address);
	if (rec->block) {
		values[5] = mt_value_number((int64_t)rec->block);
		values[6] = mt_value_number((int64_t)rec->block_bytes);
	}
	if (rec->serial)
		values[7] = mt_value_number((int64_t)rec->serial);
	values[8] = mt_value_text(api_text(report, rec->allocated_by, err));
	values[9] = mt_value_text(error->text);
	int rc = fill_traceback(report, &values[10], found, error->allocated, err);
	if (rc >= 0)
		rc = fill_traceback(report, &values[11], found, error->freed, err);
	if (rc >= 0)
		rc = fill_traceback(report, &values[12], found, error->here, err);
	return rc;
}

static int resolve(struct mt_found *found, const struct mt_trace *trace,
		   const struct mt_symbolizer_options *options, struct mt_error *err)
{
	int rc = mt_locations_init(&found->locations, err);
	if (rc >= 0 && trace->errors.count)
		rc = mt_symbolizer_create(&found->symbolizer, options, err);
	if (rc >= 0)
		rc = mt_frame_locations_init(&found->frames, &found->locations, trace,
					     found->symbolizer, 1, err);
	for (size_t i = 0; rc >= 0 && i < trace->errors.count; i++) {
		const struct mt_trace_error *error = &trace->errors.list[i];
		rc = mt_frame_locations_want_chain(&found->frames, error->allocated, err);
		if (rc >= 0)
			rc = mt_frame_locations_want_chain(&found->frames, error->freed,
							   err);
		if (rc >= 0)
			rc = mt_frame_locations_want_chain(&found->frames, error->here,
							   err);
	}
	return rc < 0 ? rc : mt_frame_locations_resolve(&found->frames, err);
}

int mt_found_add(struct mt_found *found, struct mt_report *report,
		 const struct mt_trace *trace,
		 const struct mt_symbolizer_options *options, struct mt_error *err)
{
	int rc = resolve(found, trace, options, err);
	struct mt_table *table = rc < 0 ? NULL
					: mt_report_add_table(report, "errors", columns,
							      COLUMN_COUNT, err);
	if (!table)
		return rc < 0 ? rc : MT_ERR_NO_MEMORY;
	table->title = "Errors";
	for (size_t i = 0; rc >= 0 && i < trace->errors.count; i++) {
		struct mt_value *values = mt_table_add_row(table, err);
		rc = values ? fill(report, values, found, &trace->errors.list[i], err)
			    : MT_ERR_NO_MEMORY;
	}
	return rc;
}

void mt_found_deinit(struct mt_found *found)
{
	mt_frame_locations_deinit(&found->frames);
	mt_locations_deinit(&found->locations);
	mt_symbolizer_destroy(found->symbolizer);
}
