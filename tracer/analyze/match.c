/*
 * match.c - see match.h. Outside.
 */
#include "tracer/analyze/match.h"

#include <stdlib.h>
#include <string.h>

/* One side of a group: a line of a function with what it holds. */
struct line {
	const struct mt_location *location;
	mt_location_id id;
	struct mt_counts counts, spread;
};

struct lines {
	struct line *list;
	size_t count;
};

/* Two builds often lie in two directories: the file's name says which module it is. */
static const char *module_name(const struct mt_location *location)
{
	if (!location->module)
		return "";
	const char *slash = strrchr(location->module, '/');
	return slash ? slash + 1 : location->module;
}

static int compare_functions(const struct mt_location *a, const struct mt_location *b)
{
	int order = strcmp(a->function, b->function);
	return order ? order : strcmp(module_name(a), module_name(b));
}

static int compare_lines(const void *left, const void *right)
{
	const struct line *a = left, *b = right;
	int order = compare_functions(a->location, b->location);
	return order ? order : mt_location_compare(a->location, b->location);
}

static void take_side(struct lines *lines, const struct mt_groups *groups,
		      const struct mt_group *group, enum mt_side side, mt_location_id id)
{
	struct mt_counts counts = group->sides[side], spread = group->spread[side];
	if (!counts.bytes && !counts.count && !spread.bytes && !spread.count)
		return;
	lines->list[lines->count++] =
		(struct line){&groups->locations->list[id], id, counts, spread};
}

static struct mt_group group_of(const struct line *new, const struct line *old)
{
	struct mt_group group = {.location = (new ? new : old)->id};
	if (new) {
		group.sides[MT_SIDE_NEW] = new->counts;
		group.spread[MT_SIDE_NEW] = new->spread;
	}
	if (old) {
		group.sides[MT_SIDE_OLD] = old->counts;
		group.spread[MT_SIDE_OLD] = old->spread;
	}
	return group;
}

/* Both lists are sorted: lines that have no partner in their function stay alone. */
static size_t pair(struct mt_group *out, const struct lines *new, const struct lines *old)
{
	size_t count = 0, i = 0, k = 0;
	while (i < new->count || k < old->count) {
		const struct line *a = i < new->count ? &new->list[i] : NULL;
		const struct line *b = k < old->count ? &old->list[k] : NULL;
		int order = !a   ? 1
			    : !b ? -1
				 : compare_functions(a->location, b->location);
		out[count++] = group_of(order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		i += order <= 0;
		k += order >= 0;
	}
	return count;
}

/*
 * The lists of both sides. Groups that have no function, and so keep their pair, go to
 * the front of the groups; returns how many.
 */
static size_t split(struct mt_groups *groups, struct lines *new, struct lines *old)
{
	size_t kept = 0;
	for (size_t i = 0; i < groups->count; i++) {
		struct mt_group group = groups->list[i];
		if (!groups->locations->list[group.location].function ||
		    !groups->locations->list[group.old_location].function) {
			groups->list[kept++] = group;
			continue;
		}
		take_side(new, groups, &group, MT_SIDE_NEW, group.location);
		take_side(old, groups, &group, MT_SIDE_OLD, group.old_location);
	}
	return kept;
}

int mt_match_functions(struct mt_groups *groups, struct mt_error *err)
{
	if (!groups->count)
		return 0;
	size_t count = groups->count + 1;
	struct lines new = {.list = calloc(count, sizeof *new.list)};
	struct lines old = {.list = calloc(count, sizeof *old.list)};
	struct mt_group *paired = calloc(count, 2 * sizeof *paired);
	int rc = new.list &&old.list &&paired
			 ? 0
			 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (rc >= 0) {
		size_t kept = split(groups, &new, &old);
		qsort(new.list, new.count, sizeof *new.list, compare_lines);
		qsort(old.list, old.count, sizeof *old.list, compare_lines);
		memcpy(paired, groups->list, kept * sizeof *paired);
		groups->count = kept + pair(paired + kept, &new, &old);
		free(groups->list);
		groups->list = paired;
		groups->capacity = 2 * count;
		mt_index_deinit(&groups->index); /* keys are no longer distinct */
		paired = NULL;
	}
	free(new.list);
	free(old.list);
	free(paired);
	return rc;
}
