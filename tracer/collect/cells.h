/*
 * cells.h - live blocks of a snapshot, summed by traceback, thread slot and class. Outside.
 */
#ifndef MT_TRACER_COLLECT_CELLS_H
#define MT_TRACER_COLLECT_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_cell {
	uint64_t key; /* mt_cell_key */
	uint64_t count;
	uint64_t bytes;
};

/* Zeroed is empty. */
struct mt_cells {
	struct mt_cell *list; /* a hash until sorted, then dense and in order of keys */
	size_t capacity, count;
	bool is_sorted;
};

static inline uint64_t mt_cell_key(uint32_t traceback, uint32_t slot, uint8_t class)
{
	return (uint64_t)traceback << 32 | (uint64_t)(slot & 0xffffff) << 8 | class;
}

static inline uint32_t mt_cell_traceback(const struct mt_cell *cell)
{
	return (uint32_t)(cell->key >> 32);
}

/* False: no memory. Not after sorting. */
bool mt_cells_add(struct mt_cells *cells, uint64_t key, uint64_t bytes);

void mt_cells_sort(struct mt_cells *cells);
void mt_cells_deinit(struct mt_cells *cells);

#endif
