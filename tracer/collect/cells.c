/*
 * cells.c - sums by key. Outside.
 */
#include "tracer/collect/cells.h"

#include "tracer/collect/table.h"

#include <stdlib.h>

enum {
	FIRST_CAPACITY = 1024,
};

static struct mt_cell *find(const struct mt_cells *cells, uint64_t key)
{
	size_t mask = cells->capacity - 1;
	size_t i = (size_t)mt_key_mix(key) & mask;
	while (cells->list[i].count && cells->list[i].key != key)
		i = (i + 1) & mask;
	return &cells->list[i];
}

static bool grow(struct mt_cells *cells)
{
	struct mt_cells larger = {.capacity = cells->capacity ? cells->capacity * 2
							      : FIRST_CAPACITY,
				  .count = cells->count};
	larger.list = calloc(larger.capacity, sizeof *larger.list);
	if (!larger.list)
		return false;
	for (size_t i = 0; i < cells->capacity; i++)
		if (cells->list[i].count)
			*find(&larger, cells->list[i].key) = cells->list[i];
	free(cells->list);
	*cells = larger;
	return true;
}

bool mt_cells_add(struct mt_cells *cells, uint64_t key, uint64_t bytes)
{
	if (cells->count >= cells->capacity / 2 && !grow(cells))
		return false;
	struct mt_cell *cell = find(cells, key);
	if (!cell->count) {
		cell->key = key;
		cells->count++;
	}
	cell->count++;
	cell->bytes += bytes;
	return true;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct mt_cell *)a)->key,
		 y = ((const struct mt_cell *)b)->key;
	return (x > y) - (x < y);
}

void mt_cells_sort(struct mt_cells *cells)
{
	size_t to = 0;
	for (size_t i = 0; i < cells->capacity; i++)
		if (cells->list[i].count)
			cells->list[to++] = cells->list[i];
	if (to)
		qsort(cells->list, to, sizeof *cells->list, compare);
	cells->is_sorted = true;
}

void mt_cells_deinit(struct mt_cells *cells)
{
	free(cells->list);
	*cells = (struct mt_cells){0};
}
