/*
 * why-report.c - see why.h: what was found as tables. Outside.
 */
#include "tracer/analyze/rows.h"
#include "tracer/analyze/why.h"

#include <stdlib.h>

static struct mt_value number(uint64_t value)
{
	return mt_value_number((int64_t)value);
}

static struct mt_value absent(void)
{
	return (struct mt_value){.state = MT_VALUE_ABSENT};
}

static void fill_site(const struct mt_why *why, mt_location_id site,
		      struct mt_value *values)
{
	const struct mt_location *location = &why->answer.locations.list[site];
	values[0] = mt_value_text(location->file);
	values[1] = mt_value_number(location->line);
	values[2] = mt_value_text(location->function);
	values[3] = mt_value_text(location->module);
}

static int report_sites(struct mt_why *why, size_t limit, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"file", MT_COLUMN_TEXT},     {"line", MT_COLUMN_NUMBER},
		{"function", MT_COLUMN_TEXT}, {"module", MT_COLUMN_TEXT},
		{"size", MT_COLUMN_SIZE},     {"count", MT_COLUMN_NUMBER},
		{"leaked", MT_COLUMN_COUNTS}, {"paths", MT_COLUMN_NUMBER},
	};
	struct mt_table *table =
		mt_report_add_table(&why->answer.report, "rows", columns,
				    sizeof columns / sizeof *columns, err);
	for (size_t i = 0; table && i < mt_shown(why->sites.count, limit); i++) {
		const struct mt_why_site *site = &why->sites.list[i];
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		fill_site(why, why->answer.groups.list[site->group].location, row);
		row[4] = mt_value_number(site->counts.bytes);
		row[5] = mt_value_number(site->counts.count);
		row[6] = mt_value_counts(site->leaked);
		row[7] = number(site->path_count);
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

/* Of a path; those from PATH_ROOT on are facts where one block is asked for. */
enum {
	PATH_ROW,
	PATH_SIZE,
	PATH_COUNT,
	PATH_KIND,
	PATH_ROOT,
	PATH_COLUMNS = PATH_ROOT + 5
};

/* From PATH_ROOT on. */
enum {
	ROOT_LABEL,
	ROOT_KIND,
	ROOT_TID, /* of the thread whose it is; absent: of none, or of several */
	ROOT_THREAD,
	ROOT_FRAMES, /* of a stack or register: of the function, and of who called a wrapper */
	ROOT_COLUMNS,
};

static const struct mt_column path_columns[PATH_COLUMNS] = {
	[PATH_ROW] = {"row", MT_COLUMN_NUMBER},
	[PATH_SIZE] = {"size", MT_COLUMN_SIZE},
	[PATH_COUNT] = {"count", MT_COLUMN_NUMBER},
	[PATH_KIND] = {"kind", MT_COLUMN_TEXT},
	[PATH_ROOT + ROOT_LABEL] = {"root", MT_COLUMN_TEXT},
	[PATH_ROOT + ROOT_KIND] = {"root_kind", MT_COLUMN_TEXT},
	[PATH_ROOT + ROOT_TID] = {"root_tid", MT_COLUMN_NUMBER},
	[PATH_ROOT + ROOT_THREAD] = {"root_thread", MT_COLUMN_TEXT},
	[PATH_ROOT + ROOT_FRAMES] = {"root_frames", MT_COLUMN_FRAMES},
};

static void fill_thread(const struct mt_why *why, uint32_t tid, struct mt_value *values)
{
	values[ROOT_TID] = tid ? mt_value_number(tid) : absent();
	values[ROOT_THREAD] = tid ? mt_value_text(mt_why_thread(why, tid)) : absent();
}

/* Oldest first. */
static int fill_root_frames(struct mt_why *why, uint32_t root, struct mt_value *value,
			    struct mt_error *err)
{
	const struct mt_root_place *place = &why->roots.places[root];
	const struct mt_location *locations = why->answer.locations.list;
	*value = absent();
	if (place->function == MT_NO_LOCATION)
		return 0;
	struct mt_frame_list *frames = malloc(sizeof *frames + 2 * sizeof *frames->list);
	if (mt_report_own(&why->answer.report, (char *)frames, err) < 0)
		return MT_ERR_NO_MEMORY;
	frames->count = 0;
	if (place->caller != MT_NO_LOCATION)
		frames->list[frames->count++] = &locations[place->caller];
	frames->list[frames->count++] = &locations[place->function];
	*value = (struct mt_value){.frames = frames, .state = MT_VALUE_SET};
	return 0;
}

static int fill_root(struct mt_why *why, uint32_t root, const char *label, uint32_t tid,
		     struct mt_value *values, struct mt_error *err)
{
	const struct mt_heap *heap = mt_why_heap(why);
	fill_thread(why, root == MT_NO_ROOT ? 0 : tid, values);
	values[ROOT_FRAMES] = absent();
	if (root == MT_NO_ROOT)
		return 0;
	values[ROOT_LABEL] = mt_value_text(label);
	values[ROOT_KIND] = mt_value_text(mt_root_kind_name(heap->roots.list[root].kind));
	return fill_root_frames(why, root, &values[ROOT_FRAMES], err);
}

/* What holds the first step of a path. */
static int fill_path_root(struct mt_why *why, uint32_t first, struct mt_value *values,
			  struct mt_error *err)
{
	const struct mt_holder *holder = &why->holders.list.list[first];
	return fill_root(why, mt_why_heap(why)->blocks.list[holder->block].root,
			 mt_why_root(why, first), holder->has_threads ? 0 : holder->tid,
			 values, err);
}

/* The same of one block. */
static int fill_block_root(struct mt_why *why, uint32_t block, struct mt_value *values,
			   struct mt_error *err)
{
	const struct mt_heap *heap = mt_why_heap(why);
	uint32_t root = heap->blocks.list[block].root;
	if (root == MT_NO_ROOT)
		return fill_root(why, root, NULL, 0, values, err);
	return fill_root(why, root, why->roots.labels[root], heap->roots.list[root].tid,
			 values, err);
}

static struct mt_value *add_path(struct mt_why *why, struct mt_table *table,
				 const struct mt_why_path *path, struct mt_error *err)
{
	uint32_t steps[MT_MAX_HOLDERS];
	struct mt_value *row = mt_table_add_row(table, err);
	if (!row)
		return NULL;
	mt_holders_steps(&why->holders, path->last, steps);
	row[PATH_SIZE] = mt_value_number(path->counts.bytes);
	row[PATH_COUNT] = mt_value_number(path->counts.count);
	row[PATH_KIND] =
		mt_value_text(mt_leak_kind_name(why->holders.list.list[path->last].kind));
	return fill_path_root(why, steps[0], &row[PATH_ROOT], err) < 0 ? NULL : row;
}

static int report_paths(struct mt_why *why, size_t limit, struct mt_error *err)
{
	struct mt_table *table = mt_report_add_table(&why->answer.report, "paths",
						     path_columns, PATH_COLUMNS, err);
	for (size_t i = 0; table && i < mt_shown(why->sites.count, limit); i++) {
		const struct mt_why_site *site = &why->sites.list[i];
		for (size_t k = 0; k < mt_shown(site->path_count, limit); k++) {
			struct mt_value *row = add_path(
				why, table, &why->paths.list[site->first_path + k], err);
			if (!row)
				return MT_ERR_NO_MEMORY;
			row[PATH_ROW] = number(i);
		}
	}
	return table ? 0 : MT_ERR_NO_MEMORY;
}

static int add_steps(struct mt_why *why, struct mt_table *table, size_t path_number,
		     uint32_t last, struct mt_error *err)
{
	uint32_t steps[MT_MAX_HOLDERS];
	uint32_t count = mt_holders_steps(&why->holders, last, steps);
	for (uint32_t i = 0; i < count; i++) {
		const struct mt_holder *step = &why->holders.list.list[steps[i]];
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		row[0] = number(path_number);
		fill_site(why, step->site, &row[1]);
		row[5] = i && !step->has_offsets ? number(step->offset) : absent();
		row[6] = mt_value_number(step->is_repeated);
		row[7] = step->is_repeated && !step->has_next_offsets
				 ? number(step->next_offset)
				 : absent();
	}
	return 0;
}

static int report_steps(struct mt_why *why, size_t limit, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"path", MT_COLUMN_NUMBER},   {"file", MT_COLUMN_TEXT},
		{"line", MT_COLUMN_NUMBER},   {"function", MT_COLUMN_TEXT},
		{"module", MT_COLUMN_TEXT},   {"pointer_offset", MT_COLUMN_NUMBER},
		{"repeated", MT_COLUMN_FLAG}, {"repeat_offset", MT_COLUMN_NUMBER},
	};
	struct mt_table *table =
		mt_report_add_table(&why->answer.report, "steps", columns,
				    sizeof columns / sizeof *columns, err);
	int rc = table ? 0 : MT_ERR_NO_MEMORY;
	size_t number_of_path = 0;
	for (size_t i = 0; rc >= 0 && i < mt_shown(why->sites.count, limit); i++) {
		const struct mt_why_site *site = &why->sites.list[i];
		for (size_t k = 0; rc >= 0 && k < mt_shown(site->path_count, limit); k++)
			rc = add_steps(why, table, number_of_path++,
				       why->paths.list[site->first_path + k].last, err);
	}
	return rc;
}

/* One block: every block on its path. */

static int fill_frames(struct mt_why *why, uint32_t node, struct mt_value *value,
		       struct mt_error *err)
{
	value->frames = mt_rows_frames(&why->answer.report,
				       why->answer.subjects[0].frames, node, err);
	value->state = MT_VALUE_SET;
	return value->frames ? 0 : MT_ERR_NO_MEMORY;
}

static int add_block(struct mt_why *why, struct mt_table *table, uint32_t block,
		     bool is_first, struct mt_error *err)
{
	const struct mt_heap_block *b = &mt_why_heap(why)->blocks.list[block];
	struct mt_value *row = mt_table_add_row(table, err);
	if (!row)
		return MT_ERR_NO_MEMORY;
	row[0] = number(b->address);
	row[1] = number(b->size);
	row[2] = mt_value_text(why->answer.subjects[0].types.names[b->type]);
	row[3] = mt_value_text(mt_leak_kind_name(b->kind));
	row[4] = is_first ? absent() : number(b->offset);
	row[5] = mt_value_number(b->is_interior);
	row[6] = number(b->references);
	row[7] = mt_value_counts((struct mt_counts){(int64_t)b->retained_bytes,
						    (int64_t)b->retained_count});
	int rc = mt_rows_fill_contents(&why->answer.report, &row[8],
				       mt_heap_contents(mt_why_heap(why), block), err);
	return rc < 0 ? rc : fill_frames(why, b->node, &row[9], err);
}

static int report_chain(struct mt_why *why, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"address", MT_COLUMN_NUMBER},
		{"size", MT_COLUMN_SIZE},
		{"type", MT_COLUMN_TEXT},
		{"kind", MT_COLUMN_TEXT},
		{"pointer_offset", MT_COLUMN_NUMBER},
		{"interior", MT_COLUMN_FLAG},
		{"references", MT_COLUMN_NUMBER},
		{"retained", MT_COLUMN_COUNTS},
		{"contents", MT_COLUMN_TEXT},
		{"traceback", MT_COLUMN_FRAMES},
	};
	if (why->block == MT_NO_BLOCK)
		return 0;
	struct mt_value root[ROOT_COLUMNS] = {{.state = MT_VALUE_NULL},
					      {.state = MT_VALUE_NULL}};
	size_t count = mt_why_chain(why, why->block, NULL, 0);
	uint32_t *chain = malloc(count * sizeof *chain);
	if (!chain)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	mt_why_chain(why, why->block, chain, count);
	int rc = fill_block_root(why, chain[0], root, err);
	for (int i = 0; rc >= 0 && i < ROOT_COLUMNS; i++) {
		struct mt_fact fact = {.name = path_columns[PATH_ROOT + i].name,
				       .kind = path_columns[PATH_ROOT + i].kind,
				       .value = root[i]};
		rc = mt_report_add_fact(&why->answer.report, fact, err);
	}
	struct mt_table *table = NULL;
	if (rc >= 0)
		table = mt_report_add_table(&why->answer.report, "chain", columns,
					    sizeof columns / sizeof *columns, err);
	if (!table)
		rc = MT_ERR_NO_MEMORY;
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = add_block(why, table, chain[i], !i, err);
	free(chain);
	return rc;
}

static int report_pointers_of(struct mt_why *why, struct mt_table *table, uint32_t block,
			      struct mt_error *err)
{
	const struct mt_subject *subject = &why->answer.subjects[0];
	const struct mt_heap_block *blocks = subject->heap.blocks.list;
	size_t count;
	const struct mt_heap_edge *edges = mt_heap_edges(&subject->heap, block, &count);
	for (size_t i = 0; i < count; i++) {
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		row[0] = number(blocks[block].address);
		row[1] = number(blocks[block].size);
		fill_site(why, mt_callsites_get(&subject->callsites, blocks[block].node),
			  &row[2]);
		row[6] = number(edges[i].offset);
		row[7] = number(blocks[edges[i].to].address);
	}
	return 0;
}

static int report_cycle(struct mt_why *why, size_t limit, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"address", MT_COLUMN_NUMBER},
		{"size", MT_COLUMN_SIZE},
		{"file", MT_COLUMN_TEXT},
		{"line", MT_COLUMN_NUMBER},
		{"function", MT_COLUMN_TEXT},
		{"module", MT_COLUMN_TEXT},
		{"pointer_offset", MT_COLUMN_NUMBER},
		{"to_address", MT_COLUMN_NUMBER},
	};
	if (!why->cycle.count)
		return 0;
	struct mt_fact fact = {.name = "cycle",
			       .kind = MT_COLUMN_COUNTS,
			       .value = mt_value_counts(why->cycle)};
	int rc = mt_report_add_fact(&why->answer.report, fact, err);
	if (rc < 0)
		return rc;
	struct mt_table *table =
		mt_report_add_table(&why->answer.report, "cycle_pointers", columns,
				    sizeof columns / sizeof *columns, err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	for (size_t i = 0; rc >= 0 && i < mt_shown(why->cycle_blocks.count, limit); i++)
		rc = report_pointers_of(why, table, why->cycle_blocks.list[i], err);
	return rc;
}

int mt_why_report(struct mt_why *why, size_t limit, struct mt_error *err)
{
	int rc = 0;
	if (why->block != MT_NO_BLOCK) {
		rc = report_chain(why, err);
		return rc < 0 ? rc : report_cycle(why, limit, err);
	}
	rc = report_sites(why, limit, err);
	if (rc >= 0)
		rc = report_paths(why, limit, err);
	return rc < 0 ? rc : report_steps(why, limit, err);
}
