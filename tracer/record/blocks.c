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
	BUNCH = 64,
	SHARDS = 256,
	LEAST_CAPACITY = 128, /* of a shard; a power of two */
};

/* Of one thread slot. */
struct free_entries {
	uint32_t first, count; /* being filled or emptied */
	uint32_t full;         /* a bunch in reserve; 0: none */
	uint32_t padding[13];
};
static_assert(sizeof(struct free_entries) == 64, "not shared between threads");

static struct {
	struct mt_lock lock;
	struct free_entries *slots; /* by slot */
	uint32_t bunches;           /* first entry of the first; linked by size */
} entries;

struct shard {
	struct mt_lock lock;
	uint32_t count, capacity;
	struct mt_block *table; /* open addressing; address 0: empty */
};

static struct shard shards[SHARDS];

static struct free_entries *free_entries_of(const struct mt_recorder *recorder)
{
	if (__builtin_expect(!__atomic_load_n(&entries.slots, __ATOMIC_ACQUIRE), 0)) {
		mt_lock_take(&entries.lock);
		if (!entries.slots)
			__atomic_store_n(
				&entries.slots,
				(struct free_entries *)mt_pages_map_sparse(
					mt_state.max_threads * sizeof *entries.slots),
				__ATOMIC_RELEASE);
		mt_lock_give(&entries.lock);
		if (!entries.slots)
			return NULL;
	}
	return &entries.slots[recorder->slot];
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

static uint32_t pop(struct mt_recorder *recorder)
{
	struct free_entries *mine = free_entries_of(recorder);
	if (!mine)
		return first_use();
	if (!mine->count) {
		mine->first = mine->full ? mine->full : take_bunch();
		mine->full = 0;
		mine->count = mine->first ? BUNCH : 0;
		if (!mine->first)
			return first_use();
	}
	uint32_t index = mine->first;
	mine->first = (uint32_t)mt_state.blocks[index].address;
	mine->count--;
	return index;
}

static void push(struct mt_recorder *recorder, uint32_t index)
{
	struct free_entries *mine = free_entries_of(recorder);
	if (!mine)
		return;
	mt_state.blocks[index].address = mine->first;
	mine->first = index;
	if (++mine->count < BUNCH)
		return;
	if (mine->full)
		give_bunch(mine->full);
	mine->full = mine->first;
	mine->first = 0;
	mine->count = 0;
}

/* The traceback comes last and goes first: the collector takes it for a valid entry. */
static void fill(struct mt_recorder *recorder, uint32_t index, const void *address,
		 size_t size, mt_traceback_id id)
{
	struct mt_state_block *entry = &mt_state.blocks[index];
	entry->address = (uintptr_t)address;
	entry->size = size;
	entry->slot = recorder->slot & 0xffffff;
	__atomic_store_n(&entry->traceback, id, __ATOMIC_RELEASE);
}

static mt_traceback_id empty(uint32_t index)
{
	mt_traceback_id *place = &mt_state.blocks[index].traceback;
	mt_traceback_id id = __atomic_load_n(place, __ATOMIC_RELAXED);
	__atomic_store_n(place, 0, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_release);
	return id;
}

uint32_t mt_blocks_add(struct mt_recorder *recorder, const void *address, size_t size,
		       mt_traceback_id id, enum mt_block_kind kind)
{
	if (!id)
		return 0;
	uint32_t index = pop(recorder);
	if (!index) {
		mt_state_lose(MT_LOSS_BLOCKS_FULL);
		return 0;
	}
	mt_state.blocks[index].kind = kind;
	fill(recorder, index, address, size, id);
	return index;
}

mt_traceback_id mt_blocks_change(struct mt_recorder *recorder, uint32_t index,
				 const void *address, size_t size, mt_traceback_id id)
{
	mt_traceback_id old = empty(index);
	fill(recorder, index, address, size, id);
	return old;
}

mt_traceback_id mt_blocks_remove(struct mt_recorder *recorder, uint32_t index)
{
	if (!index)
		return 0;
	mt_traceback_id id = empty(index);
	push(recorder, index);
	return id;
}

void mt_blocks_clear(void)
{
	uint32_t count = atomic_load(&mt_state.header->used.blocks);
	for (uint32_t i = 1; i < count; i++)
		empty(i);
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
	if (entries.slots)
		mt_pages_discard(entries.slots,
				 mt_state.max_threads * sizeof *entries.slots);
	entries.bunches = 0;
	entries.lock = (struct mt_lock){MT_LOCK_FREE};
	for (int i = 0; i < SHARDS; i++)
		shards[i].lock = (struct mt_lock){MT_LOCK_FREE};
}
