/*
 * samples.c - see samples.h. Outside.
 */
#include "tracer/analyze/samples.h"

#include "tracer/analyze/vector.h"

#include <stdlib.h>

void mt_samples_deinit(struct mt_samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		free(samples->list[i].sums);
	free(samples->list);
	*samples = (struct mt_samples){0};
}

int mt_samples_note(struct mt_samples *samples, struct mt_error *err)
{
	const struct mt_groups *groups = samples->groups;
	struct mt_sample *grown =
		mt_vector_reserve(samples->list, &samples->capacity, samples->count + 1,
				  sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	samples->list = grown;
	struct mt_sample sample = {.group_count = groups->count,
				   .total = groups->totals[samples->side]};
	sample.sums = calloc(groups->count + 1, sizeof *sample.sums);
	if (!sample.sums)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < groups->count; i++)
		sample.sums[i] = groups->list[i].sides[samples->side];
	grown[samples->count++] = sample;
	return 0;
}

static struct mt_counts sum_after(const struct mt_samples *samples, size_t index,
				  size_t group)
{
	const struct mt_sample *sample = &samples->list[index];
	return group < sample->group_count ? sample->sums[group] : (struct mt_counts){0};
}

static struct mt_counts less(struct mt_counts a, struct mt_counts b)
{
	return (struct mt_counts){mt_wrapping_subtract(a.bytes, b.bytes),
				  mt_wrapping_subtract(a.count, b.count)};
}

struct mt_counts mt_samples_get(const struct mt_samples *samples, size_t index,
				size_t group)
{
	struct mt_counts after = sum_after(samples, index, group);
	return index ? less(after, sum_after(samples, index - 1, group)) : after;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return a < b ? -1 : a > b;
}

/* Sorts the numbers. Of an even count: the mean of the two in the middle, halves up. */
static int64_t median(int64_t *numbers, size_t count)
{
	qsort(numbers, count, sizeof *numbers, compare);
	int64_t low = numbers[(count - 1) / 2], high = numbers[count / 2];
	uint64_t apart = (uint64_t)high - (uint64_t)low;
	return (int64_t)((uint64_t)low + apart / 2 + apart % 2);
}

/* The numbers of one group, to be sorted. */
struct scratch {
	int64_t *bytes, *counts;
};

static void settle_group(const struct mt_samples *samples, size_t group,
			 struct scratch scratch)
{
	struct mt_group *g = &samples->groups->list[group];
	for (size_t i = 0; i < samples->count; i++) {
		struct mt_counts counts = mt_samples_get(samples, i, group);
		scratch.bytes[i] = counts.bytes;
		scratch.counts[i] = counts.count;
	}
	g->sides[samples->side] =
		(struct mt_counts){median(scratch.bytes, samples->count),
				   median(scratch.counts, samples->count)};
	size_t last = samples->count - 1;
	g->spread[samples->side] = (struct mt_counts){
		mt_wrapping_subtract(scratch.bytes[last], scratch.bytes[0]),
		mt_wrapping_subtract(scratch.counts[last], scratch.counts[0])};
}

static struct mt_counts median_total(const struct mt_samples *samples,
				     struct scratch scratch)
{
	for (size_t i = 0; i < samples->count; i++) {
		struct mt_counts total = samples->list[i].total;
		if (i)
			total = less(total, samples->list[i - 1].total);
		scratch.bytes[i] = total.bytes;
		scratch.counts[i] = total.count;
	}
	return (struct mt_counts){median(scratch.bytes, samples->count),
				  median(scratch.counts, samples->count)};
}

int mt_samples_settle(struct mt_samples *samples, bool rows_overlap, struct mt_error *err)
{
	struct mt_groups *groups = samples->groups;
	struct scratch scratch = {calloc(samples->count + 1, sizeof *scratch.bytes),
				  calloc(samples->count + 1, sizeof *scratch.counts)};
	bool has_memory = scratch.bytes && scratch.counts;
	if (has_memory && samples->count) {
		struct mt_counts total = {0};
		for (size_t i = 0; i < groups->count; i++) {
			settle_group(samples, i, scratch);
			mt_counts_add(&total, groups->list[i].sides[samples->side]);
		}
		groups->totals[samples->side] =
			rows_overlap ? median_total(samples, scratch) : total;
	}
	free(scratch.bytes);
	free(scratch.counts);
	return has_memory ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}
