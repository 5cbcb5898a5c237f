/*
 * blocks.h - the blocks outside the small-object heap.
 * Inside the traced process, under the guard.
 *
 * Each has an entry in MT_REGION_BLOCKS, where the collector finds its traceback and size.
 * A block that carries a header of ours notes the entry's index there; for those that
 * cannot (the C library's own, and what memtrace_track registers) a table in private
 * memory leads from the address to the entry.
 */
#ifndef MT_TRACER_RECORD_BLOCKS_H
#define MT_TRACER_RECORD_BLOCKS_H

#include "tracer/record/recorder.h"
#include "tracer/record/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_BLOCKS_BUNCH = 64, /* free entries that change hands together */
};

/* The slow sides of the two below: no free entry at hand (false: nor elsewhere, counted),
 * or a bunch of them. */
bool mt_blocks_fetch(struct mt_recorder *recorder);
void mt_blocks_bring(struct mt_recorder *recorder);

/* The traceback comes last and goes first: the collector takes it for a valid entry. */
static inline void mt_blocks_fill(struct mt_recorder *recorder, uint32_t index,
				  const void *address, size_t size, mt_traceback_id id)
{
	struct mt_state_block *entry = &mt_state.blocks[index];
	entry->address = (uintptr_t)address;
	entry->size = size;
	entry->slot = recorder->slot & 0xffffff;
	__atomic_store_n(&entry->traceback, id, __ATOMIC_RELEASE);
}

static inline mt_traceback_id mt_blocks_empty(uint32_t index)
{
	mt_traceback_id *place = &mt_state.blocks[index].traceback;
	mt_traceback_id id = __atomic_load_n(place, __ATOMIC_RELAXED);
	__atomic_store_n(place, 0, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_release);
	return id;
}

/*
 * A new entry: its index, 0 when there is none left (counted) or id is 0. An index may be
 * removed by any thread, but once only.
 */
static inline uint32_t mt_blocks_add(struct mt_recorder *recorder, const void *address,
				     size_t size, mt_traceback_id id,
				     enum mt_block_kind kind)
{
	struct mt_free_blocks *mine = &recorder->free_blocks;
	if (__builtin_expect(!id, 0))
		return 0;
	if (__builtin_expect(!mine->count, 0) && !mt_blocks_fetch(recorder))
		return 0;
	uint32_t index = mine->first;
	mine->first = (uint32_t)mt_state.blocks[index].address;
	mine->count--;
	mt_state.blocks[index].kind = kind;
	mt_blocks_fill(recorder, index, address, size, id);
	return index;
}

/* The block has moved or changed its size, and has a new traceback. Returns the old one. */
mt_traceback_id mt_blocks_change(struct mt_recorder *recorder, uint32_t index,
				 const void *address, size_t size, mt_traceback_id id);

/* Returns the traceback, 0 if it was cleared. Index 0: nothing, returns 0. */
static inline mt_traceback_id mt_blocks_remove(struct mt_recorder *recorder,
					       uint32_t index)
{
	struct mt_free_blocks *mine = &recorder->free_blocks;
	if (__builtin_expect(!index, 0))
		return 0;
	mt_traceback_id id = mt_blocks_empty(index);
	mt_state.blocks[index].address = mine->first;
	mine->first = index;
	if (__builtin_expect(++mine->count == MT_BLOCKS_BUNCH, 0))
		mt_blocks_bring(recorder);
	return id;
}

/* It was freed, but its memory is not: it is live no more, and its entry stays. */
static inline mt_traceback_id mt_blocks_retire(uint32_t index)
{
	if (!index)
		return 0;
	mt_state.blocks[index].kind |= MT_BLOCK_WAITING;
	return mt_state.blocks[index].traceback;
}

/* memtrace_clear_traces: no block has a traceback any more. */
void mt_blocks_clear(void);

/* What the table of addresses knows. */
struct mt_block {
	uintptr_t address;
	uint64_t size;
	uint32_t domain;     /* 0: the C library's blocks */
	uint32_t index;      /* of the entry; 0: live, but without a record */
	uint32_t generation; /* the caller's; tells blocks from before a fork */
};

/* False: no memory. An equal address and domain must not be in the table. */
bool mt_blocks_note(const struct mt_block *block);

/* Find and fill *block; take: remove it as well. False: unknown. */
bool mt_blocks_find(uintptr_t address, uint32_t domain, struct mt_block *block);
bool mt_blocks_take(uintptr_t address, uint32_t domain, struct mt_block *block);

/* Keep the table whole in a forked child. */
void mt_blocks_before_fork(void);
void mt_blocks_after_fork(void);

/* In a forked child at its first event: no entries yet. The table of addresses stays. */
void mt_blocks_reopen_after_fork(void);

#endif
