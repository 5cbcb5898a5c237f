/*
 * unfenced.c - see unfenced.h.
 * Inside the traced process, under the guard.
 */
#include "preload/unfenced.h"

#include "preload/arenas.h"
#include "preload/debug-report.h"
#include "preload/fence.h"
#include "preload/inherited.h"
#include "preload/large.h"
#include "preload/probe.h"
#include "tracer/record/sidetable.h"

/* A place in the small heap as its pool divides it. */
struct place {
	const struct pool *pool;
	const unsigned char *block; /* where the one begins whose bytes these are */
	struct pool_tag tag;
};

/* False: no pool, or a part of one that is in no block. */
static bool find_place(const void *p, struct place *place)
{
	uint32_t index = pymalloc_pool_index(pymalloc.geometry, p);
	if (index >= arenas_pool_limit() || !arenas_is_carved(index))
		return false;
	size_t pool_bytes = (size_t)1 << pymalloc.geometry.pool_shift;
	const unsigned char *first =
		mt_state.heap + index * pool_bytes + PYMALLOC_POOL_HEADER_BYTES;
	place->pool = &pymalloc.pools[index];
	place->tag = pymalloc.tags[index];
	size_t block_bytes = place->tag.block_bytes;
	if (!block_bytes || (const unsigned char *)p < first)
		return false;
	size_t offset = (size_t)((const unsigned char *)p - first);
	size_t start = offset / block_bytes * block_bytes;
	place->block = first + start;
	return start + block_bytes + PYMALLOC_POOL_HEADER_BYTES <= pool_bytes;
}

/* Among the free blocks of a pool that no other thread changes. */
static bool is_listed(const struct place *place)
{
	const unsigned char *at = place->pool->free;
	struct place next;
	for (uint32_t n = 0; at && n < UINT16_MAX; n++) {
		if (at == place->block)
			return true;
		if (!pymalloc_is_inside(at) || !find_place(at, &next) ||
		    next.pool != place->pool || next.block != at)
			return false;
		at = *(unsigned char *const *)at;
	}
	return false;
}

/* No record does not mean no block: a signal handler's has none, nor one from before a fork. */
static struct unfenced judge_start(const struct thread *thread, const struct place *place)
{
	struct unfenced found = {.kind = MT_ERROR_NONE};
	if (mt_sidetable_get(place->block) || place->tag.slot != thread->heap.slot)
		return found;
	if (place->block >= place->pool->fresh)
		found.kind = MT_ERROR_WILD_FREE;
	else if (is_listed(place))
		found.kind = MT_ERROR_DOUBLE_FREE;
	return found;
}

static struct unfenced judge_small(const struct thread *thread, const void *p)
{
	struct place place;
	if (!find_place(p, &place))
		return (struct unfenced){.kind = MT_ERROR_WILD_FREE};
	if (place.block == p)
		return judge_start(thread, &place);
	mt_side_word word = mt_sidetable_get(place.block);
	if (!word)
		return (struct unfenced){.kind = MT_ERROR_WILD_FREE};
	return (struct unfenced){.kind = MT_ERROR_INTERIOR_FREE,
				 .block = place.block,
				 .block_bytes =
					 place.tag.block_bytes - mt_side_word_slack(word),
				 .allocated = mt_side_word_id(word)};
}

/* With a header of ours whose entry, if this process made it, leads back to it. */
static bool is_headed(const void *p)
{
	if ((uintptr_t)p % LARGE_ALIGNMENT || !probe_is_readable((const char *)p - 16) ||
	    large_kind(p) != LARGE_HEADED)
		return false;
	struct large_tag tag = large_tag(p);
	bool is_inherited = tag.generation != (uint16_t)inherited_generation;
	return is_inherited || !tag.entry ||
	       (tag.entry < mt_state.max_blocks &&
		mt_state.blocks[tag.entry].address == (uintptr_t)p);
}

/* The block outside the small heap that the pointer leads into. */
static struct unfenced find_large(const void *p)
{
	uint32_t count = atomic_load(&mt_state.header->used.blocks);
	for (uint32_t i = 1; i < count; i++) {
		const struct mt_state_block *block = &mt_state.blocks[i];
		if (block->traceback && block->kind != MT_BLOCK_TRACKED &&
		    (uintptr_t)p - block->address < block->size)
			return (struct unfenced){.kind = MT_ERROR_INTERIOR_FREE,
						 .block = (const void *)block->address,
						 .block_bytes = block->size,
						 .allocated = block->traceback};
	}
	return (struct unfenced){.kind = MT_ERROR_WILD_FREE};
}

struct unfenced unfenced_judge(const struct thread *thread, const void *p)
{
	if (pymalloc_is_inside(p))
		return judge_small(thread, p);
	if (is_headed(p) || debug_is_foreign(p))
		return (struct unfenced){.kind = MT_ERROR_NONE};
	return find_large(p);
}

void unfenced_describe(struct text *text, const struct report *report)
{
	if (report->block)
		fence_describe(text, report);
	else if (report->kind == MT_ERROR_WILD_FREE)
		debug_describe_stray(text, report);
	else
		text_put(text,
			 "    in the small-object heap, not guarded; who freed it is "
			 "not known\n");
}
