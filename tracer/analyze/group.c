/*
 * group.c - see group.h. Outside.
 */
#include "tracer/analyze/group.h"

#include "tracer/analyze/vector.h"

#include <string.h>

const char *mt_by_name(enum mt_by by)
{
	static const char *const by_names[] = {
		[MT_BY_LINENO] = "lineno",     [MT_BY_FILENAME] = "filename",
		[MT_BY_FUNCTION] = "function", [MT_BY_TRACEBACK] = "traceback",
		[MT_BY_MODULE] = "module",     [MT_BY_SIZE_CLASS] = "size-class",
		[MT_BY_THREAD] = "thread",     [MT_BY_DOMAIN] = "domain",
		[MT_BY_TYPE] = "type",
	};
	return by_names[by];
}

int mt_groups_init(struct mt_groups *groups, enum mt_by by,
		   struct mt_locations *locations, struct mt_error *err)
{
	*groups = (struct mt_groups){.by = by, .locations = locations};
	return mt_paths_init(&groups->paths, err);
}

void mt_groups_deinit(struct mt_groups *groups)
{
	mt_paths_deinit(&groups->paths);
	free(groups->list);
	free(groups->group_of_path);
	mt_index_deinit(&groups->index);
	*groups = (struct mt_groups){0};
}

/* Keys. */

static uint64_t hash_key(const struct mt_groups *groups, const struct mt_group *key)
{
	const struct mt_location *l = &groups->locations->list[key->location];
	uint64_t hash = key->kind;
	switch (groups->by) {
	case MT_BY_LINENO:
		return l->file ? mt_hash_word((uintptr_t)l->file, l->line)
			       : mt_hash_word((uintptr_t)l->module, l->offset);
	case MT_BY_FILENAME:
		return mt_hash_word(hash, (uintptr_t)l->file);
	case MT_BY_FUNCTION:
		return mt_hash_word((uintptr_t)l->function, (uintptr_t)l->module);
	case MT_BY_MODULE:
		return mt_hash_word(hash, (uintptr_t)l->module);
	case MT_BY_TRACEBACK:
		break; /* found by its path */
	case MT_BY_SIZE_CLASS:
	case MT_BY_THREAD:
	case MT_BY_DOMAIN:
	case MT_BY_TYPE:
		break;
	}
	hash = mt_hash_word(hash, key->number);
	return mt_hash_word(hash, (uintptr_t)key->name);
}

static bool same_line(const struct mt_location *a, const struct mt_location *b)
{
	if (a->file || b->file)
		return a->file == b->file && a->line == b->line;
	return a->module == b->module && a->offset == b->offset &&
	       (a->module || a->function == b->function);
}

static bool key_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_groups *groups = owner;
	const struct mt_group *a = &groups->list[id];
	const struct mt_group *b = wanted;
	const struct mt_location *la = &groups->locations->list[a->location];
	const struct mt_location *lb = &groups->locations->list[b->location];
	switch (groups->by) {
	case MT_BY_LINENO:
		return same_line(la, lb);
	case MT_BY_FILENAME:
		return la->file == lb->file;
	case MT_BY_FUNCTION:
		return la->function == lb->function && la->module == lb->module;
	case MT_BY_MODULE:
		return la->module == lb->module;
	case MT_BY_TRACEBACK:
	case MT_BY_SIZE_CLASS:
	case MT_BY_THREAD:
	case MT_BY_DOMAIN:
	case MT_BY_TYPE:
		break;
	}
	return a->kind == b->kind && a->number == b->number && a->name == b->name;
}

/* Of the locations with one key, the one with the largest share speaks for the group. */
static void note_share(struct mt_groups *groups, struct mt_group *group,
		       enum mt_side side, const struct mt_group *key)
{
	struct mt_counts share = key->sides[side];
	bool is_better = side < group->share_side;
	if (side == group->share_side) {
		is_better = share.bytes > group->share.bytes ||
			    (share.bytes == group->share.bytes &&
			     share.count > group->share.count);
		if (share.bytes == group->share.bytes &&
		    share.count == group->share.count)
			is_better =
				mt_location_compare(
					&groups->locations->list[key->location],
					&groups->locations->list[group->location]) < 0;
	}
	if (!is_better)
		return;
	group->location = key->location;
	group->share = share;
	group->share_side = (uint8_t)side;
	if (side == MT_SIDE_OLD)
		group->old_location = key->location;
}

/* Paths have small numbers: a table of them takes the place of an index. */
static int reserve_path(struct mt_groups *groups, uint32_t path, struct mt_error *err)
{
	size_t old = groups->path_capacity;
	if (path < old)
		return 0;
	uint32_t *grown = mt_vector_reserve(groups->group_of_path, &groups->path_capacity,
					    path + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	memset(grown + old, 0, (groups->path_capacity - old) * sizeof *grown);
	groups->group_of_path = grown;
	return 0;
}

static uint32_t find_group(const struct mt_groups *groups, uint64_t hash,
			   const struct mt_group *key)
{
	if (groups->by != MT_BY_TRACEBACK)
		return mt_index_find(&groups->index, hash, key_equals, groups, key);
	return groups->group_of_path[key->path] ? groups->group_of_path[key->path] - 1
						: MT_INDEX_NONE;
}

static int enter_group(struct mt_groups *groups, uint64_t hash, uint32_t id,
		       struct mt_error *err)
{
	if (groups->by != MT_BY_TRACEBACK)
		return mt_index_add(&groups->index, hash, id, err);
	groups->group_of_path[groups->list[id].path] = id + 1;
	return 0;
}

/* Add key's counts of one side to the group of that key, old or new. */
static int add_key(struct mt_groups *groups, enum mt_side side,
		   const struct mt_group *key, struct mt_error *err)
{
	uint64_t hash = hash_key(groups, key);
	if (groups->by == MT_BY_TRACEBACK && reserve_path(groups, key->path, err) < 0)
		return MT_ERR_NO_MEMORY;
	uint32_t id = find_group(groups, hash, key);
	if (id != MT_INDEX_NONE) {
		struct mt_group *group = &groups->list[id];
		mt_counts_add(&group->sides[side], key->sides[side]);
		if (mt_by_is_location(groups->by))
			note_share(groups, group, side, key);
		return 0;
	}
	struct mt_group *grown = mt_vector_reserve(groups->list, &groups->capacity,
						   groups->count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	groups->list = grown;
	struct mt_group *group = &grown[groups->count];
	*group = *key;
	group->old_location = key->location;
	group->share = key->sides[side];
	group->share_side = (uint8_t)side;
	return enter_group(groups, hash, (uint32_t)groups->count++, err);
}

static bool is_empty(struct mt_counts counts)
{
	return !counts.bytes && !counts.count;
}

static struct mt_counts counts_of(const struct mt_profile_row *row, enum mt_metric metric)
{
	if (metric == MT_METRIC_TOTAL)
		return row->total;
	return metric == MT_METRIC_PEAK ? row->peak : row->live;
}

/* One profile on its way into one side. */
struct addition {
	struct mt_groups *groups;
	enum mt_side side;
	const struct mt_profile *profile;
	const struct mt_callsites *callsites;
	enum mt_metric metric;
	bool is_cumulative;
};

/* By location: first by location id, then the locations of equal key together. */

static void sum_by_location(const struct addition *a, struct mt_counts *sums)
{
	for (size_t i = 0; i < a->profile->row_count; i++) {
		const struct mt_profile_row *row = &a->profile->rows[i];
		struct mt_counts counts = counts_of(row, a->metric);
		if (!a->is_cumulative) {
			mt_counts_add(&sums[mt_callsites_get(a->callsites, row->node)],
				      counts);
			continue;
		}
		struct mt_walk walk = mt_walk_begin(a->callsites->frames, row->node);
		for (mt_location_id id; mt_walk_next(&walk, &id);)
			mt_counts_add(&sums[id], counts);
	}
}

static int add_by_location(const struct addition *a, struct mt_error *err)
{
	size_t count = a->groups->locations->count;
	struct mt_counts *sums = calloc(count, sizeof *sums);
	if (!sums)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	sum_by_location(a, sums);
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct mt_group key = {.location = (mt_location_id)i};
		key.sides[a->side] = sums[i];
		if (!is_empty(sums[i]))
			rc = add_key(a->groups, a->side, &key, err);
	}
	free(sums);
	return rc;
}

static int add_by_traceback(const struct addition *a, struct mt_error *err)
{
	uint32_t *path_of_node =
		calloc(a->profile->trace->nodes.count, sizeof *path_of_node);
	if (!path_of_node)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < a->profile->row_count; i++) {
		const struct mt_profile_row *row = &a->profile->rows[i];
		struct mt_group key = {.location =
					       mt_callsites_get(a->callsites, row->node)};
		key.sides[a->side] = counts_of(row, a->metric);
		if (is_empty(key.sides[a->side]))
			continue;
		rc = mt_paths_intern(&a->groups->paths, a->callsites->frames, row->node,
				     path_of_node, &key.path, err);
		if (rc >= 0)
			rc = add_key(a->groups, a->side, &key, err);
	}
	free(path_of_node);
	return rc;
}

static int add_by_domain(const struct addition *a, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < a->profile->row_count; i++) {
		const struct mt_profile_row *row = &a->profile->rows[i];
		struct mt_group key = {
			.number = a->profile->trace->nodes.list[row->node].domain};
		key.sides[a->side] = counts_of(row, a->metric);
		if (!is_empty(key.sides[a->side]))
			rc = add_key(a->groups, a->side, &key, err);
	}
	return rc;
}

/* By thread, size class and type: from the cells, and what they leave over. */

static int thread_key(const struct addition *a, uint32_t slot, struct mt_group *key,
		      struct mt_error *err)
{
	const struct mt_trace_thread *thread =
		mt_trace_thread(a->profile->trace, slot, a->profile->moment.rows);
	if (!thread) {
		key->kind = MT_GROUP_UNKNOWN;
		return 0;
	}
	key->number = thread->tid;
	key->name = mt_locations_string(a->groups->locations, thread->name, err);
	return key->name ? 0 : MT_ERR_NO_MEMORY;
}

static void class_key(const struct addition *a, uint32_t class_index,
		      struct mt_group *key)
{
	uint64_t alignment = mt_trace_number(a->profile->trace, "alignment", 16);
	if (class_index != MT_CLASS_LARGE)
		key->number = (class_index + UINT64_C(1)) * alignment;
}

/* The cells of one slot, class or type. */
struct cell_sum {
	uint32_t number;
	struct mt_counts counts;
};

struct cell_sums {
	struct cell_sum *list;
	size_t count, capacity;
	struct mt_index index;
};

static bool sum_has_number(const void *owner, uint32_t id, const void *wanted)
{
	const struct cell_sums *sums = owner;
	return sums->list[id].number == *(const uint32_t *)wanted;
}

static int add_cell(struct cell_sums *sums, uint32_t number, struct mt_counts counts,
		    struct mt_error *err)
{
	uint64_t hash = mt_hash_word(0, number);
	uint32_t id = mt_index_find(&sums->index, hash, sum_has_number, sums, &number);
	if (id != MT_INDEX_NONE) {
		mt_counts_add(&sums->list[id].counts, counts);
		return 0;
	}
	struct cell_sum *grown = mt_vector_reserve(sums->list, &sums->capacity,
						   sums->count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	sums->list = grown;
	grown[sums->count] = (struct cell_sum){number, counts};
	return mt_index_add(&sums->index, hash, (uint32_t)sums->count++, err);
}

/* Live blocks that no cell speaks of, so that every view of a snapshot has its total. */
static int add_left_over(const struct addition *a, struct mt_error *err)
{
	const struct mt_trace_node *nodes = a->profile->trace->nodes.list;
	struct mt_group left[2] = {{.kind = MT_GROUP_UNKNOWN},
				   {.kind = MT_GROUP_INHERITED}};
	struct mt_counts *inherited = &left[1].sides[a->side];
	struct mt_counts *unknown = &left[0].sides[a->side];
	for (size_t i = 0; i < a->profile->row_count; i++) {
		const struct mt_profile_row *row = &a->profile->rows[i];
		bool is_inherited = nodes[row->node].root == MT_TRACEBACK_INHERITED;
		mt_counts_add(is_inherited ? inherited : unknown, row->live);
	}
	for (size_t i = 0; i < a->profile->cell_count; i++) {
		const struct mt_profile_cell *cell = &a->profile->cells[i];
		bool is_inherited = nodes[cell->node].root == MT_TRACEBACK_INHERITED;
		struct mt_counts *sum = is_inherited ? inherited : unknown;
		sum->bytes = mt_wrapping_subtract(sum->bytes, cell->live.bytes);
		sum->count = mt_wrapping_subtract(sum->count, cell->live.count);
	}
	int rc = 0;
	for (int i = 0; rc >= 0 && i < 2; i++)
		if (!is_empty(left[i].sides[a->side]))
			rc = add_key(a->groups, a->side, &left[i], err);
	return rc;
}

static int add_sums(const struct addition *a, const struct cell_sums *sums,
		    struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sums->count; i++) {
		struct mt_group key = {0};
		key.sides[a->side] = sums->list[i].counts;
		if (a->groups->by == MT_BY_TYPE)
			key.name = a->profile->types[sums->list[i].number];
		else if (a->groups->by == MT_BY_THREAD)
			rc = thread_key(a, sums->list[i].number, &key, err);
		else
			class_key(a, sums->list[i].number, &key);
		if (rc >= 0 && !is_empty(key.sides[a->side]))
			rc = add_key(a->groups, a->side, &key, err);
	}
	return rc;
}

static int add_by_cell(const struct addition *a, struct mt_error *err)
{
	struct cell_sums sums = {0};
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < a->profile->cell_count; i++) {
		const struct mt_profile_cell *cell = &a->profile->cells[i];
		rc = add_cell(&sums,
			      a->groups->by == MT_BY_SIZE_CLASS ? cell->class_index
								: cell->slot,
			      cell->live, err);
	}
	if (rc >= 0)
		rc = add_sums(a, &sums, err);
	free(sums.list);
	mt_index_deinit(&sums.index);
	return rc < 0 ? rc : add_left_over(a, err);
}

int mt_groups_add(struct mt_groups *groups, enum mt_side side,
		  const struct mt_profile *profile, const struct mt_callsites *callsites,
		  enum mt_metric metric, bool is_cumulative, struct mt_error *err)
{
	struct addition a = {groups, side, profile, callsites, metric, is_cumulative};
	for (size_t i = 0; i < profile->row_count; i++)
		mt_counts_add(&groups->totals[side],
			      counts_of(&profile->rows[i], metric));
	if (mt_by_is_location(groups->by))
		return add_by_location(&a, err);
	if (groups->by == MT_BY_TRACEBACK)
		return add_by_traceback(&a, err);
	return groups->by == MT_BY_DOMAIN ? add_by_domain(&a, err) : add_by_cell(&a, err);
}

/* Back from the groups to what went into them. */

static int locate_path(struct mt_groups *groups, const struct mt_callsites *callsites,
		       uint32_t node, uint32_t *path_of_node, struct mt_group *key,
		       struct mt_error *err)
{
	if (groups->by != MT_BY_TRACEBACK)
		return 0;
	return mt_paths_intern(&groups->paths, callsites->frames, node, path_of_node,
			       &key->path, err);
}

/* A path that came into being since is in no group. */
static uint32_t locate_key(const struct mt_groups *groups, const struct mt_group *key)
{
	if (groups->by == MT_BY_TRACEBACK && key->path >= groups->path_capacity)
		return MT_INDEX_NONE;
	return find_group(groups, hash_key(groups, key), key);
}

int mt_groups_locate(struct mt_groups *groups, const struct mt_profile *profile,
		     const struct mt_callsites *callsites, uint32_t *ids,
		     struct mt_error *err)
{
	bool has_sites = mt_by_is_location(groups->by);
	for (size_t i = 0; groups->by == MT_BY_TYPE && i < profile->cell_count; i++) {
		struct mt_group key = {.name = profile->types[profile->cells[i].slot]};
		ids[i] = locate_key(groups, &key);
	}
	if (groups->by == MT_BY_TYPE)
		return 0;
	size_t nodes = groups->by == MT_BY_TRACEBACK ? profile->trace->nodes.count : 0;
	uint32_t *path_of_node = calloc(nodes + 1, sizeof *path_of_node);
	if (!path_of_node)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < profile->row_count; i++) {
		uint32_t node = profile->rows[i].node;
		struct mt_group key = {0};
		if (has_sites)
			key.location = mt_callsites_get(callsites, node);
		if (groups->by == MT_BY_DOMAIN)
			key.number = profile->trace->nodes.list[node].domain;
		rc = locate_path(groups, callsites, node, path_of_node, &key, err);
		ids[i] = locate_key(groups, &key);
	}
	free(path_of_node);
	return rc;
}

/* Order. */

static int compare_strings(const char *a, const char *b)
{
	return strcmp(a ? a : "<unknown>", b ? b : "<unknown>");
}

static int compare_numbers(const struct mt_group *a, const struct mt_group *b)
{
	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return compare_strings(a->name, b->name);
}

int mt_groups_compare_keys(const struct mt_groups *groups, const struct mt_group *a,
			   const struct mt_group *b)
{
	const struct mt_location *la = &groups->locations->list[a->location];
	const struct mt_location *lb = &groups->locations->list[b->location];
	int order = 0;
	switch (groups->by) {
	case MT_BY_LINENO:
		return mt_location_compare(la, lb);
	case MT_BY_FILENAME:
		return compare_strings(la->file, lb->file);
	case MT_BY_FUNCTION:
		order = compare_strings(la->function, lb->function);
		return order ? order : compare_strings(la->module, lb->module);
	case MT_BY_MODULE:
		return compare_strings(la->module, lb->module);
	case MT_BY_TRACEBACK:
		return mt_paths_compare(&groups->paths, groups->locations, a->path,
					b->path);
	case MT_BY_SIZE_CLASS:
	case MT_BY_THREAD:
	case MT_BY_DOMAIN:
	case MT_BY_TYPE:
		break;
	}
	return compare_numbers(a, b);
}
