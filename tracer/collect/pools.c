/*
 * pools.c - see pools.h. Outside.
 */
#include "tracer/collect/pools.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* Distinct tracebacks beyond which nobody would free what pins a pool. */
	MAX_PINS_OF_POOL = 64,
	BORDER_SHARE = 4, /* of the alignment */
};

/* Room for one more; false: no memory. */
static bool reserve(void *list, size_t *capacity, size_t count, size_t entry_bytes)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity + *capacity / 2 + 256;
	void *old;
	memcpy(&old, list, sizeof old);
	void *grown = reallocarray(old, wanted, entry_bytes);
	if (!grown)
		return false;
	memcpy(list, &grown, sizeof grown);
	*capacity = wanted;
	return true;
}

#define RESERVE(member)                                                                  \
	reserve(&(member).list, &(member).capacity, (member).count, sizeof *(member).list)

void mt_pools_begin(struct mt_pools *pools, const struct mt_geometry *geometry,
		    bool has_borders)
{
	mt_pools_deinit(pools);
	pools->geometry = *geometry;
	pools->has_borders = has_borders;
	pools->stamp = 1;
}

void mt_pools_deinit(struct mt_pools *pools)
{
	free(pools->pools.list);
	free(pools->pins.list);
	free(pools->arenas.list);
	free(pools->holders.list);
	free(pools->numbers.list);
	free(pools->arena_pins.list);
	mt_cells_deinit(&pools->borders);
	mt_cells_deinit(&pools->waiting);
	*pools = (struct mt_pools){0};
}

struct mt_pools_holder *mt_pools_holder(const struct mt_pools *pools, size_t traceback)
{
	uint32_t number =
		traceback < pools->numbers.count ? pools->numbers.list[traceback] : 0;
	return number ? &pools->holders.list[number - 1] : NULL;
}

/* Numbers up to traceback's exist. */
static bool reserve_number(struct mt_pools *pools, uint32_t traceback)
{
	while (pools->numbers.count <= traceback) {
		size_t from = pools->numbers.count;
		if (!RESERVE(pools->numbers))
			return false;
		pools->numbers.count = pools->numbers.capacity;
		memset(pools->numbers.list + from, 0,
		       (pools->numbers.count - from) * sizeof *pools->numbers.list);
	}
	return true;
}

/* NULL: no memory. */
static struct mt_pools_holder *holder_of(struct mt_pools *pools, uint32_t traceback)
{
	struct mt_pools_holder *holder = mt_pools_holder(pools, traceback);
	if (holder)
		return holder;
	if (!reserve_number(pools, traceback) || !RESERVE(pools->holders))
		return NULL;
	holder = &pools->holders.list[pools->holders.count++];
	*holder = (struct mt_pools_holder){.hold.traceback = traceback};
	pools->numbers.list[traceback] = (uint32_t)pools->holders.count;
	return holder;
}

bool mt_pools_add_block(struct mt_pools *pools, uint32_t traceback, uint32_t count,
			uint32_t rounding_bytes)
{
	struct mt_pools_holder *holder = holder_of(pools, traceback);
	if (!holder)
		return false;
	holder->hold.rounding_bytes += rounding_bytes;
	if (holder->stamp == pools->stamp) {
		pools->arena_pins.list[holder->place].count += count;
		return true;
	}
	if (!RESERVE(pools->arena_pins))
		return false;
	holder->stamp = pools->stamp;
	holder->place = (uint32_t)pools->arena_pins.count++;
	pools->arena_pins.list[holder->place] =
		(struct mt_record_pin){.traceback = traceback, .count = count};
	return true;
}

/* With the C library: in no pool. */
bool mt_pools_add_waiting(struct mt_pools *pools, uint32_t traceback, uint8_t class_index,
			  uint64_t block_bytes)
{
	if (!mt_cells_add(&pools->waiting, mt_cell_key(traceback, 0, class_index),
			  block_bytes))
		return false;
	if (class_index == MT_CLASS_LARGE)
		return true;
	pools->has_waiting = true;
	return mt_pools_add_block(pools, traceback, 1, 0);
}

/* bytes in proportion to the blocks; what has been given adds up at every step. */
static void share_out(struct mt_pools *pools, const struct mt_pools_used *used,
		      uint64_t free_bytes, uint64_t empty_bytes)
{
	uint64_t sum = 0, free_given = 0, empty_given = 0;
	for (uint32_t i = 0; i < used->count; i++) {
		const struct mt_record_pin *pin =
			&pools->arena_pins.list[used->first + i];
		struct mt_record_hold *hold =
			&mt_pools_holder(pools, pin->traceback)->hold;
		sum += pin->count;
		uint64_t free_now = free_bytes * sum / used->blocks;
		uint64_t empty_now = empty_bytes * sum / used->blocks;
		hold->free_bytes += free_now - free_given;
		hold->empty_bytes += empty_now - empty_given;
		free_given = free_now;
		empty_given = empty_now;
	}
}

/*
 * Those of pools that few hold, and all of them live. An arena with other pools has no short
 * list of holders.
 */
static bool keep_pins(struct mt_pools *pools)
{
	struct mt_pools_arena arena = {.index = pools->arena - 1,
				       .first_pin = (uint32_t)pools->pins.count};
	for (uint32_t i = 0; i < pools->used_count; i++) {
		const struct mt_pools_used *used = &pools->used[i];
		arena.blocks += used->blocks;
		bool is_wanted = used->count <= MAX_PINS_OF_POOL && !used->has_waiting;
		for (uint32_t k = 0; is_wanted && k < used->count; k++) {
			if (!RESERVE(pools->pins))
				return false;
			pools->pins.list[pools->pins.count++] =
				pools->arena_pins.list[used->first + k];
		}
	}
	arena.pin_count = (uint32_t)pools->pins.count - arena.first_pin;
	if (!arena.pin_count)
		return true;
	if (!RESERVE(pools->arenas))
		return false;
	pools->arenas.list[pools->arenas.count++] = arena;
	return true;
}

/* Empty pools are kept by each used one alike. */
static bool end_arena(struct mt_pools *pools)
{
	if (!pools->arena)
		return true;
	uint64_t empty = (uint64_t)(MT_POOLS_PER_ARENA - pools->used_count) *
			 pools->geometry.pool_bytes;
	if (!pools->used_count) {
		struct mt_pools_holder *nobody = holder_of(pools, 0);
		if (!nobody)
			return false;
		nobody->hold.empty_bytes += empty;
	}
	for (uint32_t i = 0; i < pools->used_count; i++) {
		uint64_t before = empty * i / pools->used_count;
		uint64_t after = empty * (i + 1) / pools->used_count;
		share_out(pools, &pools->used[i], pools->used[i].free_bytes,
			  after - before);
	}
	bool is_kept = keep_pins(pools);
	pools->arena = 0;
	pools->used_count = 0;
	pools->arena_pins.count = 0;
	return is_kept;
}

static uint32_t capacity_of(const struct mt_pools *pools, uint32_t class_index)
{
	const struct mt_geometry *geometry = &pools->geometry;
	return (geometry->pool_bytes - geometry->pool_header_bytes) /
	       ((class_index + 1) * geometry->alignment);
}

bool mt_pools_begin_pool(struct mt_pools *pools, uint32_t index)
{
	uint32_t arena = index / MT_POOLS_PER_ARENA + 1;
	if (pools->arena != arena && !end_arena(pools))
		return false;
	pools->arena = arena;
	pools->pool = index;
	pools->first_pin = (uint32_t)pools->arena_pins.count;
	pools->has_waiting = false;
	pools->stamp++;
	return true;
}

static void add_used(struct mt_pools *pools, uint32_t class_index, uint32_t blocks)
{
	uint32_t capacity = capacity_of(pools, class_index);
	uint32_t free_blocks = blocks < capacity ? capacity - blocks : 0;
	uint32_t first = pools->first_pin;
	struct mt_pools_used used = {.first = first,
				     .count = (uint32_t)pools->arena_pins.count - first,
				     .blocks = blocks,
				     .has_waiting = pools->has_waiting,
				     .free_bytes = (uint64_t)free_blocks *
						   (class_index + 1) *
						   pools->geometry.alignment};
	for (uint32_t i = 0; i < used.count; i++)
		pools->arena_pins.list[first + i].pool = pools->pool;
	pools->used[pools->used_count++] = used;
}

bool mt_pools_end_pool(struct mt_pools *pools, const struct mt_state_pool *pool,
		       uint32_t used)
{
	if (!RESERVE(pools->pools))
		return false;
	bool is_empty = pool->state == MT_POOL_EMPTY;
	pools->pools.list[pools->pools.count++] =
		(struct mt_record_pool){.index = pools->pool,
					.state = pool->state,
					.class_index = is_empty ? 0 : pool->class_index,
					.used = is_empty ? 0 : used};
	if (used)
		add_used(pools, pool->class_index, used);
	return true;
}

static int compare_arenas(const void *a, const void *b)
{
	const struct mt_pools_arena *x = a, *y = b;
	if (x->blocks != y->blocks)
		return x->blocks < y->blocks ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

bool mt_pools_end_heap(struct mt_pools *pools)
{
	if (!end_arena(pools))
		return false;
	if (pools->arenas.count)
		qsort(pools->arenas.list, pools->arenas.count, sizeof *pools->arenas.list,
		      compare_arenas);
	return true;
}

bool mt_pools_add_border(struct mt_pools *pools, uint32_t traceback, uint8_t class_index,
			 uint64_t size)
{
	const struct mt_geometry *geometry = &pools->geometry;
	bool is_large = class_index == MT_CLASS_LARGE;
	uint64_t border = is_large ? geometry->threshold
				   : (uint64_t)class_index * geometry->alignment;
	uint64_t most = geometry->alignment / (is_large ? 1 : BORDER_SHARE);
	if (!pools->has_borders || !border || size <= border || size - border > most)
		return true;
	uint64_t key = mt_cell_key(traceback, (uint32_t)(size - border), class_index);
	return mt_cells_add(&pools->borders, key, size - border);
}

bool mt_pools_add_large(struct mt_pools *pools, uint32_t traceback, uint64_t size,
			uint64_t block_bytes)
{
	struct mt_pools_holder *holder = holder_of(pools, traceback);
	if (!holder)
		return false;
	if (block_bytes > size)
		holder->hold.rounding_bytes += block_bytes - size;
	return true;
}

bool mt_pools_add_beneath(struct mt_pools *pools, uint32_t traceback, uint64_t bytes)
{
	struct mt_pools_holder *holder = holder_of(pools, traceback);
	if (!holder)
		return false;
	holder->hold.beneath_bytes += bytes;
	return true;
}
