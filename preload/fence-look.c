/*
 * fence-look.c - guarded blocks as reports need them: which one an address belongs to, and what
 * was written around it. See fence.h.
 * Inside the traced process, under the guard.
 */
#include "preload/fence.h"

#include "preload/ancestors.h"
#include "preload/fence-range.h"

static const uint64_t filler_word = UINT64_C(0x0101010101010101) * FENCE_FILLER;

unsigned char *fence_start_of(const struct fence_block *block)
{
	return fence_cell_start(fence_cell_of(block)) + block->offset;
}

bool fence_is_live(const struct fence_block *block)
{
	return fence_state_of(block) == FENCE_LIVE;
}

static uint32_t cell_at(const void *address)
{
	return (uint32_t)((size_t)((const unsigned char *)address - fence.start) /
			  FENCE_CELL_BYTES);
}

/* A larger block's first cell may lie far before the address. */
struct fence_block *fence_around(const void *address)
{
	if (!fence_is_inside(address))
		return NULL;
	uint32_t cell = cell_at(address);
	for (uint32_t before = 0; before <= cell; before++) {
		struct fence_block *block = &fence_range.blocks[cell - before];
		if (fence_state_of(block) != FENCE_NONE)
			return block->cells > before ? block : NULL;
	}
	return NULL;
}

mt_traceback_id fence_allocated(const struct fence_block *block)
{
	return ancestors_traceback(block->allocated, block->birth);
}

mt_traceback_id fence_freed(const struct fence_block *block)
{
	return ancestors_traceback(block->freed, block->death);
}

size_t fence_distance(const struct fence_block *block, const void *address)
{
	const unsigned char *p = fence_start_of(block), *at = address;
	if (at < p)
		return (size_t)(p - at);
	return at < p + block->size ? 0 : (size_t)(at - p - block->size) + 1;
}

const struct fence_block *fence_nearest(const void *address)
{
	uint32_t before = cell_at(address), after = before + 1;
	while (before && fence_state_of(&fence_range.blocks[before]) == FENCE_NONE)
		before--;
	while (after < fence_range.cell_count &&
	       fence_state_of(&fence_range.blocks[after]) == FENCE_NONE)
		after++;
	const struct fence_block *lower = before ? &fence_range.blocks[before] : NULL;
	const struct fence_block *upper =
		after < fence_range.cell_count ? &fence_range.blocks[after] : NULL;
	if (!lower || !upper)
		return lower ? lower : upper;
	return fence_distance(lower, address) <= fence_distance(upper, address) ? lower
										: upper;
}

static void put_distance(struct text *text, size_t bytes, const char *where)
{
	text_byte_count(text, bytes);
	text_put(text, where);
}

/* Whether the address is the block that a call was given, not a byte that was touched. */
static bool is_passed(const struct report *report)
{
	return report->kind != MT_ERROR_WRITE_BEYOND &&
	       report->kind != MT_ERROR_ACCESS_OUTSIDE &&
	       report->kind != MT_ERROR_ACCESS_AFTER_FREE;
}

void fence_describe(struct text *text, const struct report *report)
{
	const unsigned char *p = report->block, *address = report->address;
	const unsigned char *end = p + report->block_bytes;
	if (!p) {
		text_put(text, "    in no guarded block\n");
		return;
	}
	text_put(text, "    ");
	if (address < p)
		put_distance(text, (size_t)(p - address), " before");
	else if (address < end || (address == p && is_passed(report)))
		put_distance(text, (size_t)(address - p), " into");
	else
		put_distance(text, (size_t)(address - end), " beyond the end of");
	text_put(text, " a block of ");
	put_distance(text, report->block_bytes, " at ");
	text_hex(text, (uintptr_t)p);
	text_char(text, '\n');
}

struct fence_block *fence_find(const void *p)
{
	struct fence_block *block = fence_around(p);
	bool is_it = block && fence_state_of(block) == FENCE_LIVE &&
		     fence_start_of(block) == p;
	return is_it ? block : NULL;
}

static const unsigned char *first_change(const unsigned char *from,
					 const unsigned char *end)
{
	for (; from < end; from++) {
		uint64_t word;
		if ((uintptr_t)from % sizeof word == 0 && end - from >= 8) {
			__builtin_memcpy(&word, from, sizeof word);
			if (word == filler_word) {
				from += sizeof word - 1;
				continue;
			}
		}
		if (*from != FENCE_FILLER)
			return from;
	}
	return NULL;
}

const unsigned char *fence_damage(const struct fence_block *block)
{
	const unsigned char *first = fence_cell_start(fence_cell_of(block));
	const unsigned char *p = first + block->offset;
	const unsigned char *beyond =
		first_change(p + block->size, first + fence_data_bytes(block));
	return beyond ? beyond : first_change(first, p);
}

struct fence_block *fence_next(struct fence_block *block)
{
	uint32_t cell = block ? fence_cell_of(block) + 1 : FENCE_FIRST_CELL;
	uint32_t top = atomic_load_explicit(&fence_range.top, memory_order_acquire);
	while (cell < top && fence_state_of(&fence_range.blocks[cell]) != FENCE_LIVE)
		cell++;
	return cell < top ? &fence_range.blocks[cell] : NULL;
}

bool fence_pin(struct fence_block *block)
{
	uint32_t live = FENCE_LIVE;
	return atomic_compare_exchange_strong(&block->state, &live, FENCE_PINNED);
}

void fence_unpin(struct fence_block *block)
{
	atomic_store_explicit(&block->state, FENCE_LIVE, memory_order_release);
}

void fence_unpin_all(void)
{
	for (uint32_t i = 0; i < fence_range.top; i++) {
		uint32_t pinned = FENCE_PINNED;
		atomic_compare_exchange_strong(&fence_range.blocks[i].state, &pinned,
					       FENCE_LIVE);
	}
}

mt_traceback_id fence_traceback(const void *p)
{
	const struct fence_block *block = fence_find(p);
	return block && fence_is_own(block) ? block->allocated : 0;
}
