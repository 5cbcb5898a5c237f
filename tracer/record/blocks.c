/*
 * blocks.c - entries for blocks outside the small-object heap, and where addresses lead.
 * Inside the traced process, under the guard.
 *
 * Free entries are chained through their address field, 64 to a bunch. A slot has two
 * bunches at most and exchanges full ones with the others under a lock, so that one
 * thread may allocate and another free for ever.
 */
#include "tracer/record/blocks.h"

#include "tracer/record/lock.h"
#include "tracer/record/pages.h"
#include "tracer/record/state.h"

enum {
	SHARDS = 256,
	LEAST_CAPACITY = 128, /* of a shard; a power of two */
	ENTRIES_STRIDE = 512,
};

static struct {
	struct mt_lock lock;
	uint32_t bunches; /* first entry of the first; linked by size */
} entries;

struct shard {
	struct mt_lock lock;
	uint32_t count, capacity;
	struct mt_block *table; /* open addressing; address 0: empty */
};

static struct shard shards[SHARDS];

static void make_present(uint32_t entry)
{
	uint32_t first = entry == 1 ? 0 : entry;
	uint32_t stride = mt_pages_stride(first, ENTRIES_STRIDE);
	if (stride && stride <= mt_state.max_blocks - first)
		mt_pages_populate(&mt_state.blocks[first],
				  stride * sizeof *mt_state.blocks);
}

/* Entry 0 counts as used. */
static uint32_t first_use(void)
{
	_Atomic uint32_t *used = &mt_state.header->used.blocks;
	uint32_t seen = atomic_load_explicit(used, memory_order_relaxed);
	uint32_t index;
	do {
		index = seen ? seen : 1;
		if (index >= mt_state.max_blocks)
			return 0;
	} while (!atomic_compare_exchange_weak(used, &seen, index + 1));
	make_present(index);
	return index;
}

static uint32_t take_bunch(void)
{
	if (!__atomic_load_n(&entries.bunches, __ATOMIC_RELAXED))
		return 0;
	mt_lock_take(&entries.lock);
	uint32_t bunch = entries.bunches;
	if (bunch)
		entries.bunches = (uint32_t)mt_state.blocks[bunch].size;
	mt_lock_give(&entries.lock);
	return bunch;
}

static void give_bunch(uint32_t bunch)
{
	mt_lock_take(&entries.lock);
	mt_state.blocks[bunch].size = entries.bunches;
	entries.bunches = bunch;
	mt_lock_give(&entries.lock);
}

bool mt_blocks_fetch(struct mt_recorder *recorder)
{
	struct mt_free_blocks *mine = &recorder->free_blocks;
	mine->first = mine->full ? mine->full : take_bunch();
	mine->full = 0;
	mine->count = mine->first ? MT_BLOCKS_BUNCH : 0;
	if (mine->first)
		return true;
	mine->first = first_use();
	if (!mine->first) {
		mt_state_lose(MT_LOSS_BLOCKS_FULL);
		return false;
	}
	mt_state.blocks[mine->first].address = 0;
	mine->count = 1;
	return true;
}

void mt_blocks_bring(struct mt_recorder *recorder)
{
	struct mt_free_blocks *mine = &recorder->free_blocks;
	if (mine->full)
		give_bunch(mine->full);
	mine->full = mine->first;
	mine->first = 0;
	mine->count = 0;
}

mt_traceback_id mt_blocks_change(struct mt_recorder *recorder, uint32_t index,
				 const void *address, size_t size, mt_traceback_id id)
{
	mt_traceback_id old = mt_blocks_empty(index);
	mt_blocks_fill(recorder, index, address, size, id);
	return old;
}

void mt_blocks_clear(void)
{
	uint32_t count = atomic_load(&mt_state.header->used.blocks);
	for (uint32_t i = 1; i < count; i++)
		mt_blocks_empty(i);
}

static uint64_t hash_of(uintptr_t address, uint32_t domain)
{
	uint64_t hash = ((uint64_t)address ^ ((uint64_t)domain << 40)) >> 3;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static struct shard *shard_of(uint64_t hash)
{
	return &shards[hash >> 56];
}

/* The place of the block, or the empty one where it would go. */
static uint32_t probe(const struct shard *shard, uint64_t hash, uintptr_t address,
		      uint32_t domain)
{
	uint32_t mask = shard->capacity - 1;
	uint32_t i = (uint32_t)hash & mask;
	while (shard->table[i].address &&
	       (shard->table[i].address != address || shard->table[i].domain != domain))
		i = (i + 1) & mask;
	return i;
}

static bool resize(struct shard *shard, uint32_t capacity)
{
	struct shard wider = {.capacity = capacity,
			      .table = mt_pages_map(capacity * sizeof *wider.table)};
	if (!wider.table)
		return false;
	for (uint32_t i = 0; i < shard->capacity; i++) {
		const struct mt_block *block = &shard->table[i];
		if (block->address)
			wider.table[probe(&wider, hash_of(block->address, block->domain),
					  block->address, block->domain)] = *block;
	}
	if (shard->table)
		mt_pages_unmap(shard->table, shard->capacity * sizeof *shard->table);
	shard->table = wider.table;
	shard->capacity = capacity;
	return true;
}

static bool note_in(struct shard *shard, uint64_t hash, const struct mt_block *block)
{
	if (shard->count * 4 >= shard->capacity * 3 &&
	    !resize(shard, shard->capacity ? shard->capacity * 2 : LEAST_CAPACITY))
		return false;
	shard->table[probe(shard, hash, block->address, block->domain)] = *block;
	shard->count++;
	return true;
}

bool mt_blocks_note(const struct mt_block *block)
{
	uint64_t hash = hash_of(block->address, block->domain);
	struct shard *shard = shard_of(hash);
	mt_lock_take(&shard->lock);
	bool done = note_in(shard, hash, block);
	mt_lock_give(&shard->lock);
	return done;
}

/* Close the gap: no block may stand behind an empty place on its way. */
static void remove_at(struct shard *shard, uint32_t gap)
{
	uint32_t mask = shard->capacity - 1;
	for (uint32_t i = (gap + 1) & mask; shard->table[i].address; i = (i + 1) & mask) {
		const struct mt_block *block = &shard->table[i];
		uint32_t home = (uint32_t)hash_of(block->address, block->domain) & mask;
		if (((i - home) & mask) >= ((i - gap) & mask)) {
			shard->table[gap] = *block;
			gap = i;
		}
	}
	shard->table[gap] = (struct mt_block){0};
	shard->count--;
}

static bool look_up(uintptr_t address, uint32_t domain, struct mt_block *block,
		    bool is_taken)
{
	uint64_t hash = hash_of(address, domain);
	struct shard *shard = shard_of(hash);
	if (!__atomic_load_n(&shard->count, __ATOMIC_RELAXED))
		return false;
	mt_lock_take(&shard->lock);
	uint32_t place = probe(shard, hash, address, domain);
	*block = shard->table[place];
	if (block->address && is_taken)
		remove_at(shard, place);
	mt_lock_give(&shard->lock);
	return block->address;
}

bool mt_blocks_find(uintptr_t address, uint32_t domain, struct mt_block *block)
{
	return look_up(address, domain, block, false);
}

bool mt_blocks_take(uintptr_t address, uint32_t domain, struct mt_block *block)
{
	return look_up(address, domain, block, true);
}

void mt_blocks_before_fork(void)
{
	for (int i = 0; i < SHARDS; i++)
		mt_lock_take(&shards[i].lock);
}

void mt_blocks_after_fork(void)
{
	for (int i = 0; i < SHARDS; i++)
		mt_lock_give(&shards[i].lock);
}

void mt_blocks_reopen_after_fork(void)
{
	entries.bunches = 0;
	entries.lock = (struct mt_lock){MT_LOCK_FREE};
	for (int i = 0; i < SHARDS; i++)
		shards[i].lock = (struct mt_lock){MT_LOCK_FREE};
}
