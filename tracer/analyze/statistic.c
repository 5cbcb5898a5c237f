/*
 * statistic.c - see statistic.h. Outside.
 */
#include "tracer/analyze/statistic.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What decides between two statistics, for qsort_r and the heap. */
struct order {
	const struct mt_groups *groups;
	bool is_diff;
	bool has_spread;
	enum mt_sort sort;
};

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

/* Negative: a comes first. */
static int by_magnitude(int64_t a, int64_t b)
{
	return magnitude(a) > magnitude(b) ? -1 : magnitude(a) < magnitude(b);
}

static int by_number(int64_t a, int64_t b)
{
	return a > b ? -1 : a < b;
}

static double average(struct mt_counts counts)
{
	return counts.count ? (double)counts.bytes / (double)counts.count : 0;
}

static int by_sort(const struct order *order, const struct mt_statistic *a,
		   const struct mt_statistic *b)
{
	if (order->sort == MT_SORT_SIZE)
		return 0;
	if (order->sort == MT_SORT_AVERAGE) {
		double x = average(a->now), y = average(b->now);
		return x > y ? -1 : x < y;
	}
	int first = order->is_diff ? by_magnitude(a->diff.count, b->diff.count) : 0;
	return first ? first : by_number(a->now.count, b->now.count);
}

enum mt_change mt_change_of(struct mt_counts now, struct mt_counts diff,
			    struct mt_counts spread)
{
	bool is_size = magnitude(diff.bytes) > magnitude(spread.bytes);
	bool is_count = magnitude(diff.count) > magnitude(spread.count);
	if (!is_size && !is_count)
		return MT_CHANGE_NONE;
	if (!now.bytes && !now.count)
		return MT_CHANGE_VANISHED;
	if (now.bytes == diff.bytes && now.count == diff.count)
		return MT_CHANGE_INSERTED;
	int64_t change = is_size ? diff.bytes : diff.count;
	return change > 0 ? MT_CHANGE_GROWN : MT_CHANGE_SHRUNK;
}

static int is_noise(const struct mt_statistic *s)
{
	return mt_change_of(s->now, s->diff, s->spread) == MT_CHANGE_NONE;
}

static int compare(const void *left, const void *right, void *context)
{
	const struct mt_statistic *a = left, *b = right;
	const struct order *order = context;
	int first = order->has_spread ? is_noise(a) - is_noise(b) : 0;
	if (!first)
		first = by_sort(order, a, b);
	if (!first && order->is_diff)
		first = by_magnitude(a->diff.bytes, b->diff.bytes);
	if (!first)
		first = by_number(a->now.bytes, b->now.bytes);
	if (!first && order->is_diff)
		first = by_magnitude(a->diff.count, b->diff.count);
	if (!first)
		first = by_number(a->now.count, b->now.count);
	return first ? first : mt_groups_compare_keys(order->groups, b->group, a->group);
}

/* A heap with the last of the order on top: restore it from the top downwards. */
static void sift(struct mt_statistic *heap, size_t count, size_t at, struct order *order)
{
	for (;;) {
		size_t last = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < count &&
			    compare(&heap[child], &heap[last], order) > 0)
				last = child;
		if (last == at)
			return;
		struct mt_statistic moved = heap[at];
		heap[at] = heap[last];
		heap[last] = moved;
		at = last;
	}
}

/* Move the first limit of the order to the front, in any order. */
static void select_first(struct mt_statistic *list, size_t count, size_t limit,
			 struct order *order)
{
	for (size_t i = limit / 2; i-- > 0;)
		sift(list, limit, i, order);
	for (size_t i = limit; i < count; i++) {
		if (compare(&list[i], &list[0], order) >= 0)
			continue;
		struct mt_statistic moved = list[0];
		list[0] = list[i];
		list[i] = moved;
		sift(list, limit, 0, order);
	}
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct mt_counts larger_spread(const struct mt_group *group)
{
	const struct mt_counts *a = &group->spread[MT_SIDE_NEW];
	const struct mt_counts *b = &group->spread[MT_SIDE_OLD];
	return (struct mt_counts){larger(a->bytes, b->bytes), larger(a->count, b->count)};
}

static struct mt_statistic statistic_of(const struct mt_group *group, bool is_diff)
{
	struct mt_statistic s = {.group = group, .now = group->sides[MT_SIDE_NEW]};
	const struct mt_counts *old = &group->sides[MT_SIDE_OLD];
	if (is_diff) {
		s.diff.bytes = mt_wrapping_subtract(s.now.bytes, old->bytes);
		s.diff.count = mt_wrapping_subtract(s.now.count, old->count);
		s.spread = larger_spread(group);
	}
	return s;
}

int mt_statistics_init(struct mt_statistics *statistics, const struct mt_groups *groups,
		       bool is_diff, enum mt_sort sort, size_t limit,
		       struct mt_error *err)
{
	*statistics = (struct mt_statistics){0};
	struct order order = {.groups = groups, .is_diff = is_diff, .sort = sort};
	struct mt_statistic *list = calloc(groups->count + 1, sizeof *list);
	if (!list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < groups->count; i++) {
		list[i] = statistic_of(&groups->list[i], is_diff);
		order.has_spread |= list[i].spread.bytes || list[i].spread.count;
	}
	size_t count = groups->count;
	if (limit && limit < count) {
		select_first(list, count, limit, &order);
		for (size_t i = limit; i < count; i++) {
			mt_counts_add(&statistics->omitted.now, list[i].now);
			mt_counts_add(&statistics->omitted.diff, list[i].diff);
		}
		statistics->omitted_count = count - limit;
		count = limit;
	}
	qsort_r(list, count, sizeof *list, compare, &order);
	statistics->list = list;
	statistics->count = count;
	return 0;
}

void mt_statistics_deinit(struct mt_statistics *statistics)
{
	free(statistics->list);
	*statistics = (struct mt_statistics){0};
}

void mt_size_text(char text[MT_SIZE_TEXT_BYTES], double bytes, bool is_signed)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	enum {
		LAST = sizeof units / sizeof *units - 1
	};
	int unit = 0;
	while (!(unit > 0 && fabs(bytes) < 100) && fabs(bytes) >= 10240 && unit < LAST) {
		bytes /= 1024;
		unit++;
	}
	int decimals = unit > 0 && fabs(bytes) < 100;
	if (is_signed)
		snprintf(text, MT_SIZE_TEXT_BYTES, "%+.*f %s", decimals, bytes,
			 units[unit]);
	else
		snprintf(text, MT_SIZE_TEXT_BYTES, "%.*f %s", decimals, bytes,
			 units[unit]);
}

void mt_statistic_text(char text[MT_STATISTIC_TEXT_BYTES], struct mt_counts now,
		       const struct mt_counts *diff)
{
	char size[MT_SIZE_TEXT_BYTES], change[MT_SIZE_TEXT_BYTES];
	char changes[2][MT_SIZE_TEXT_BYTES + 4] = {"", ""};
	char part[MT_SIZE_TEXT_BYTES + 16] = "";
	mt_size_text(size, (double)now.bytes, false);
	if (diff) {
		mt_size_text(change, (double)diff->bytes, true);
		snprintf(changes[0], sizeof changes[0], " (%s)", change);
		snprintf(changes[1], sizeof changes[1], " (%+" PRId64 ")", diff->count);
	}
	if (now.count) {
		mt_size_text(change, average(now), false);
		snprintf(part, sizeof part, ", average=%s", change);
	}
	snprintf(text, MT_STATISTIC_TEXT_BYTES, "size=%s%s, count=%" PRId64 "%s%s", size,
		 changes[0], now.count, changes[1], part);
}
