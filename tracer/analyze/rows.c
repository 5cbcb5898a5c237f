/*
 * rows.c - see rows.h. Outside.
 */
#include "tracer/analyze/rows.h"

#include "tracer/analyze/preview.h"

#include "tracer/analyze/label.h"

#include <stdlib.h>

static const struct mt_column lineno_columns[] = {
	{"file", MT_COLUMN_TEXT},     {"line", MT_COLUMN_NUMBER},
	{"function", MT_COLUMN_TEXT}, {"module", MT_COLUMN_TEXT},
	{"offset", MT_COLUMN_NUMBER},
};
static const struct mt_column filename_columns[] = {{"file", MT_COLUMN_TEXT}};
static const struct mt_column function_columns[] = {
	{"function", MT_COLUMN_TEXT},
	{"module", MT_COLUMN_TEXT},
};
static const struct mt_column module_columns[] = {{"module", MT_COLUMN_TEXT}};
static const struct mt_column class_columns[] = {{"class_bytes", MT_COLUMN_NUMBER}};
static const struct mt_column thread_columns[] = {
	{"tid", MT_COLUMN_NUMBER},
	{"name", MT_COLUMN_TEXT},
};
static const struct mt_column domain_columns[] = {{"domain", MT_COLUMN_NUMBER}};
static const struct mt_column type_columns[] = {{"type", MT_COLUMN_TEXT}};
static const struct mt_column traceback_columns[] = {{"traceback", MT_COLUMN_FRAMES}};

static const struct key_columns {
	const struct mt_column *list;
	size_t count;
} key_columns[] = {
	[MT_BY_LINENO] = {lineno_columns, sizeof lineno_columns / sizeof *lineno_columns},
	[MT_BY_FILENAME] = {filename_columns, 1},
	[MT_BY_FUNCTION] = {function_columns, 2},
	[MT_BY_TRACEBACK] = {traceback_columns, 1},
	[MT_BY_MODULE] = {module_columns, 1},
	[MT_BY_SIZE_CLASS] = {class_columns, 1},
	[MT_BY_THREAD] = {thread_columns, 2},
	[MT_BY_DOMAIN] = {domain_columns, 1},
	[MT_BY_TYPE] = {type_columns, 1},
};

static void fill_lineno(struct mt_value *values, const struct mt_location *location)
{
	values[0] = mt_value_text(location->file);
	values[1] = mt_value_number(location->line);
	values[2] = mt_value_text(location->function);
	values[3] = mt_value_text(location->module);
	values[4] = mt_value_number((int64_t)location->offset);
	if (location->file)
		values[4].state = MT_VALUE_ABSENT;
}

static const struct mt_frame_list *frame_list(struct mt_report *report,
					      const struct mt_groups *groups,
					      uint32_t path, struct mt_error *err)
{
	const struct mt_path *paths = groups->paths.list;
	size_t count = paths[path].depth;
	struct mt_frame_list *frames =
		malloc(sizeof *frames + count * sizeof *frames->list);
	if (mt_report_own(report, (char *)frames, err) < 0)
		return NULL;
	frames->count = count;
	for (; count-- > 0; path = paths[path].parent)
		frames->list[count] = &groups->locations->list[paths[path].location];
	return frames;
}

static int fill_traceback(struct mt_report *report, struct mt_value *value,
			  const struct mt_groups *groups, const struct mt_group *group,
			  struct mt_error *err)
{
	value->frames = frame_list(report, groups, group->path, err);
	value->state = MT_VALUE_SET;
	return value->frames ? 0 : MT_ERR_NO_MEMORY;
}

/* Null where the class or the thread is not known. */
static struct mt_value number_of(const struct mt_group *group)
{
	if (group->kind != MT_GROUP_KEYED)
		return (struct mt_value){.state = MT_VALUE_NULL};
	return mt_value_number((int64_t)group->number);
}

int mt_rows_fill_key(struct mt_report *report, struct mt_value *values,
		     const struct mt_groups *groups, const struct mt_group *group,
		     struct mt_error *err)
{
	const struct mt_location *location = &groups->locations->list[group->location];
	switch (groups->by) {
	case MT_BY_LINENO:
		fill_lineno(values, location);
		break;
	case MT_BY_FILENAME:
		values[0] = mt_value_text(location->file);
		break;
	case MT_BY_FUNCTION:
		values[0] = mt_value_text(location->function);
		values[1] = mt_value_text(location->module);
		break;
	case MT_BY_TRACEBACK:
		return fill_traceback(report, values, groups, group, err);
	case MT_BY_MODULE:
		values[0] = mt_value_text(location->module);
		break;
	case MT_BY_THREAD:
		values[0] = number_of(group);
		values[1] = mt_value_text(group->name);
		break;
	case MT_BY_SIZE_CLASS:
	case MT_BY_DOMAIN:
		values[0] = number_of(group);
		break;
	case MT_BY_TYPE:
		values[0] = mt_value_text(group->name);
		break;
	}
	return 0;
}

const struct mt_column *mt_rows_key_columns(enum mt_by by, size_t *count)
{
	*count = key_columns[by].count;
	return key_columns[by].list;
}

int mt_rows_add(struct mt_report *report, const struct mt_groups *groups,
		const struct mt_statistics *statistics, bool is_diff,
		const char *directory, struct mt_error *err)
{
	const struct key_columns *columns = &key_columns[groups->by];
	struct mt_table *table =
		mt_report_add_table(report, "rows", columns->list, columns->count, err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	table->is_statistics = true;
	table->is_diff = is_diff;
	table->omitted_rows = statistics->omitted_count;
	table->omitted = (struct mt_sums){.now = statistics->omitted.now,
					  .diff = statistics->omitted.diff};
	for (size_t i = 0; i < statistics->count; i++) {
		const struct mt_statistic *s = &statistics->list[i];
		struct mt_value *values = mt_table_add_statistic(
			table, mt_label_group(groups, s->group, directory),
			(struct mt_sums){s->now, s->diff, s->spread}, err);
		int rc = values ? mt_rows_fill_key(report, values, groups, s->group, err)
				: MT_ERR_NO_MEMORY;
		if (rc < 0)
			return rc;
	}
	return 0;
}

const struct mt_frame_list *mt_rows_frames(struct mt_report *report,
					   const struct mt_frame_locations *frames,
					   uint32_t node, struct mt_error *err)
{
	size_t count = 0;
	struct mt_walk walk = mt_walk_begin(frames, node);
	for (mt_location_id id; mt_walk_next(&walk, &id);)
		count++;
	struct mt_frame_list *list = malloc(sizeof *list + count * sizeof *list->list);
	if (mt_report_own(report, (char *)list, err) < 0)
		return NULL;
	list->count = count;
	walk = mt_walk_begin(frames, node);
	for (mt_location_id id; mt_walk_next(&walk, &id);)
		list->list[--count] = &frames->locations->list[id];
	return list;
}

int mt_rows_fill_contents(struct mt_report *report, struct mt_value *value,
			  struct mt_bytes contents, struct mt_error *err)
{
	*value = (struct mt_value){.state = MT_VALUE_ABSENT};
	if (!contents.data)
		return 0;
	char *text = mt_preview_text(contents);
	*value = mt_value_text(text);
	return text ? mt_report_own(report, text, err)
		    : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}
