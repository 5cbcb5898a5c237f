/*
 * heap-profile.c - see heap-profile.h. Outside.
 */
#include "tracer/analyze/heap-profile.h"

#include "tracer/analyze/vector.h"

#include <string.h>

static bool is_wanted(const struct mt_heap_block *block, unsigned kinds)
{
	return block->kind < MT_LEAK_KINDS && (kinds >> block->kind & 1);
}

static struct mt_counts counts_of(const struct mt_heap_block *block)
{
	return (struct mt_counts){(int64_t)block->size, 1};
}

static int add_row(struct mt_profile *profile, size_t *capacity, uint32_t node,
		   struct mt_error *err)
{
	struct mt_profile_row *grown = mt_vector_reserve(
		profile->rows, capacity, profile->row_count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	profile->rows = grown;
	grown[profile->row_count++] = (struct mt_profile_row){.node = node};
	return 0;
}

int mt_heap_set_rows(struct mt_profile *profile, const struct mt_heap *heap,
		     unsigned kinds, struct mt_error *err)
{
	uint32_t *row_of = calloc(heap->trace->nodes.count + 1, sizeof *row_of);
	size_t capacity = 0;
	int rc = row_of ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	free(profile->rows);
	profile->rows = NULL;
	profile->row_count = 0;
	for (size_t i = 0; rc >= 0 && i < heap->blocks.count; i++) {
		const struct mt_heap_block *block = &heap->blocks.list[i];
		if (!is_wanted(block, kinds))
			continue;
		if (!row_of[block->node]) {
			rc = add_row(profile, &capacity, block->node, err);
			row_of[block->node] = (uint32_t)profile->row_count;
		}
		if (rc >= 0)
			mt_counts_add(&profile->rows[row_of[block->node] - 1].live,
				      counts_of(block));
	}
	free(row_of);
	return rc;
}

/* Cells by traceback and type. */

static uint64_t hash_cell(uint32_t node, uint32_t type)
{
	return mt_hash_word(mt_hash_word(0, node), type);
}

static bool is_cell(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_profile_cell *a = &((const struct mt_profile *)owner)->cells[id];
	const struct mt_heap_block *block = wanted;
	return a->node == block->node && a->slot == block->type;
}

static uint32_t find_cell(const struct mt_profile *profile, const struct mt_index *index,
			  const struct mt_heap_block *block)
{
	return mt_index_find(index, hash_cell(block->node, block->type), is_cell, profile,
			     block);
}

static int add_cell(struct mt_profile *profile, size_t *capacity, struct mt_index *index,
		    const struct mt_heap_block *block, struct mt_error *err)
{
	struct mt_profile_cell *grown = mt_vector_reserve(
		profile->cells, capacity, profile->cell_count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	profile->cells = grown;
	grown[profile->cell_count] =
		(struct mt_profile_cell){.node = block->node, .slot = block->type};
	return mt_index_add(index, hash_cell(block->node, block->type),
			    (uint32_t)profile->cell_count++, err);
}

int mt_heap_set_cells(struct mt_profile *profile, const struct mt_heap *heap,
		      unsigned kinds, const struct mt_types *types, struct mt_error *err)
{
	struct mt_index index = {0};
	size_t capacity = 0;
	int rc = 0;
	free(profile->cells);
	profile->cells = NULL;
	profile->cell_count = 0;
	profile->types = types->names;
	for (size_t i = 0; rc >= 0 && i < heap->blocks.count; i++) {
		const struct mt_heap_block *block = &heap->blocks.list[i];
		if (!is_wanted(block, kinds))
			continue;
		uint32_t cell = find_cell(profile, &index, block);
		if (cell == MT_INDEX_NONE) {
			cell = (uint32_t)profile->cell_count;
			rc = add_cell(profile, &capacity, &index, block, err);
		}
		if (rc >= 0)
			mt_counts_add(&profile->cells[cell].live, counts_of(block));
	}
	mt_index_deinit(&index);
	return rc;
}

/* From blocks to groups. */

static int locate_by_cell(const struct mt_heap *heap, const struct mt_profile *profile,
			  const uint32_t *groups, uint32_t *group_of_block,
			  struct mt_error *err)
{
	struct mt_index index = {0};
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < profile->cell_count; i++) {
		const struct mt_profile_cell *cell = &profile->cells[i];
		rc = mt_index_add(&index, hash_cell(cell->node, cell->slot), (uint32_t)i,
				  err);
	}
	for (size_t i = 0; rc >= 0 && i < heap->blocks.count; i++) {
		uint32_t cell = find_cell(profile, &index, &heap->blocks.list[i]);
		group_of_block[i] = cell == MT_INDEX_NONE ? cell : groups[cell];
	}
	mt_index_deinit(&index);
	return rc;
}

static int locate_by_row(const struct mt_heap *heap, const struct mt_profile *profile,
			 const uint32_t *groups, uint32_t *group_of_block,
			 struct mt_error *err)
{
	size_t nodes = heap->trace->nodes.count;
	uint32_t *group_of_node = malloc((nodes + 1) * sizeof *group_of_node);
	if (!group_of_node)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	memset(group_of_node, 0xff, nodes * sizeof *group_of_node);
	for (size_t i = 0; i < profile->row_count; i++)
		group_of_node[profile->rows[i].node] = groups[i];
	for (size_t i = 0; i < heap->blocks.count; i++)
		group_of_block[i] = group_of_node[heap->blocks.list[i].node];
	free(group_of_node);
	return 0;
}

int mt_heap_locate(const struct mt_heap *heap, struct mt_groups *groups,
		   const struct mt_profile *profile, const struct mt_callsites *callsites,
		   uint32_t *group_of_block, struct mt_error *err)
{
	bool by_cell = groups->by == MT_BY_TYPE;
	size_t count = by_cell ? profile->cell_count : profile->row_count;
	uint32_t *ids = malloc((count + 1) * sizeof *ids);
	if (!ids)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = mt_groups_locate(groups, profile, callsites, ids, err);
	if (rc >= 0)
		rc = (by_cell ? locate_by_cell : locate_by_row)(heap, profile, ids,
								group_of_block, err);
	free(ids);
	return rc;
}
