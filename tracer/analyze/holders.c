/*
 * holders.c - see holders.h. Outside.
 */
#include "tracer/analyze/holders.h"

#include "tracer/analyze/vector.h"

#include <string.h>

struct work {
	struct mt_holders *holders;
	const struct mt_heap *heap;
	const struct mt_roots *roots;
	const struct mt_callsites *callsites;
	uint32_t *way; /* blocks whose path is not known yet, the nearest last */
};

static bool is_holder(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_holder *a = &((const struct mt_holders *)owner)->list.list[id];
	const struct mt_holder *b = wanted;
	return a->parent == b->parent && a->site == b->site && a->root == b->root &&
	       a->kind == b->kind && a->is_in_cycle == b->is_in_cycle;
}

static int intern(struct mt_holders *holders, const struct mt_holder *wanted,
		  uint32_t *holder, struct mt_error *err)
{
	uint64_t hash = mt_hash_word(mt_hash_word(wanted->parent, wanted->site),
				     (uintptr_t)wanted->root);
	hash = mt_hash_word(hash, wanted->kind | (uint64_t)wanted->is_in_cycle << 8);
	*holder = mt_index_find(&holders->index, hash, is_holder, holders, wanted);
	if (*holder != MT_INDEX_NONE) {
		struct mt_holder *found = &holders->list.list[*holder];
		found->has_offsets |= found->offset != wanted->offset;
		found->has_threads |= found->tid != wanted->tid;
		return 0;
	}
	struct mt_holder *grown =
		mt_vector_reserve(holders->list.list, &holders->list.capacity,
				  holders->list.count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	holders->list.list = grown;
	*holder = (uint32_t)holders->list.count++;
	grown[*holder] = *wanted;
	return mt_index_add(&holders->index, hash, *holder, err);
}

/* The step on the path up to parent that has this site and kind, or MT_NO_HOLDER. */
static uint32_t find_passed(const struct mt_holders *holders, uint32_t parent,
			    mt_location_id site, uint8_t kind)
{
	const struct mt_holder *list = holders->list.list;
	while (parent != MT_NO_HOLDER &&
	       (list[parent].site != site || list[parent].kind != kind))
		parent = list[parent].parent;
	return parent;
}

/* Its label takes the place of an offset: equal ones are one string. */
static void add_root(const struct work *work, uint32_t root, struct mt_holder *wanted)
{
	wanted->root = work->roots->names[root];
	wanted->offset = (uintptr_t)work->roots->labels[root];
	wanted->tid = work->heap->roots.list[root].tid;
}

static void come_again(struct mt_holder *step, uint64_t offset, bool is_direct)
{
	bool differs = step->is_repeated && step->next_offset != offset;
	step->has_next_offsets |= differs || !is_direct;
	step->next_offset = offset;
	step->is_repeated = true;
}

static int add_step(struct work *work, uint32_t block, uint32_t parent,
		    struct mt_error *err)
{
	struct mt_holders *holders = work->holders;
	const struct mt_heap_block *b = &work->heap->blocks.list[block];
	mt_location_id site = mt_callsites_get(work->callsites, b->node);
	uint32_t passed = find_passed(holders, parent, site, b->kind);
	struct mt_holder wanted = {.parent = parent,
				   .site = site,
				   .kind = b->kind,
				   .is_in_cycle = b->kind == MT_LEAK_DEFINITE && b->cycle,
				   .block = block,
				   .offset = b->offset};
	bool is_direct = passed == parent;
	if (passed == MT_NO_HOLDER && parent != MT_NO_HOLDER &&
	    holders->list.list[parent].depth >= MT_MAX_HOLDERS)
		passed = parent;
	if (passed != MT_NO_HOLDER) {
		come_again(&holders->list.list[passed], b->offset, is_direct);
		holders->of_block[block] = passed;
		return 0;
	}
	if (parent == MT_NO_HOLDER && b->root != MT_NO_ROOT)
		add_root(work, b->root, &wanted);
	wanted.depth = parent == MT_NO_HOLDER ? 1 : holders->list.list[parent].depth + 1;
	return intern(holders, &wanted, &holders->of_block[block], err);
}

/* First the blocks on the way, the one next to the root first; chains end. */
static int find_path(struct work *work, uint32_t block, struct mt_error *err)
{
	uint32_t *of_block = work->holders->of_block;
	size_t count = 0;
	uint32_t at = block;
	for (; at != MT_NO_BLOCK && of_block[at] == MT_NO_HOLDER;
	     at = work->heap->blocks.list[at].holder)
		work->way[count++] = at;
	uint32_t parent = at == MT_NO_BLOCK ? (uint32_t)MT_NO_HOLDER : of_block[at];
	int rc = 0;
	while (rc >= 0 && count--) {
		rc = add_step(work, work->way[count], parent, err);
		parent = of_block[work->way[count]];
	}
	return rc;
}

int mt_holders_init(struct mt_holders *holders, const struct mt_heap *heap,
		    const struct mt_roots *roots, const struct mt_callsites *callsites,
		    struct mt_error *err)
{
	*holders = (struct mt_holders){0};
	struct work work = {holders, heap, roots, callsites, NULL};
	size_t bytes = (heap->blocks.count + 1) * sizeof(uint32_t);
	holders->of_block = malloc(bytes);
	work.way = malloc(bytes);
	int rc = holders->of_block && work.way
			 ? 0
			 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (rc >= 0)
		memset(holders->of_block, 0xff, bytes);
	for (uint32_t i = 0; rc >= 0 && i < heap->blocks.count; i++)
		rc = find_path(&work, i, err);
	free(work.way);
	return rc;
}

void mt_holders_deinit(struct mt_holders *holders)
{
	free(holders->list.list);
	free(holders->of_block);
	mt_index_deinit(&holders->index);
	*holders = (struct mt_holders){0};
}

uint32_t mt_holders_steps(const struct mt_holders *holders, uint32_t last,
			  uint32_t steps[MT_MAX_HOLDERS])
{
	uint32_t count = last == MT_NO_HOLDER ? 0 : holders->list.list[last].depth;
	for (uint32_t i = count; i-- > 0; last = holders->list.list[last].parent)
		steps[i] = last;
	return count;
}
