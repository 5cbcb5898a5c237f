// inside: preload/pymalloc.c preload/config.c preload/setting.c preload/arenas.c
/*
 * test-pymalloc.c - the small-object allocator against CPython's published tables and
 * against a plain model of its algorithm: the same requests give the same addresses.
 */
#include "preload/arenas.h"
#include "preload/debug-blocks.h"
#include "preload/heaps.h"
#include "preload/pymalloc.h"
#include "tests/tap.h"

#include <sys/mman.h>

enum {
	ARENAS = 256,
	POOLS = ARENAS * PYMALLOC_POOLS_PER_ARENA,
	MOST_BLOCKS = 1021, /* of a pool */
};

struct mt_state mt_state;
static struct mt_state_header header;

/* Other threads' frees have their own test. */
void heaps_drain(struct heap *heap)
{
	(void)heap;
}

void heaps_drain_ended(void)
{
}

/* Nor is any mode on that records more of a block. */
void debug_blocks_populate(const void *heap_pages, size_t heap_bytes)
{
	(void)heap_pages;
	(void)heap_bytes;
	abort();
}

static struct heap heap;

static void *map(size_t bytes, int protection)
{
	void *pages = mmap(NULL, bytes, protection,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		abort();
	return pages;
}

static void begin(enum mt_geometry_kind kind)
{
	bool is_classic = kind == MT_GEOMETRY_CLASSIC;
	size_t arena_bytes = is_classic ? 256 << 10 : 1 << 20;
	header.geometry_kind = kind;
	header.geometry.alignment = is_classic ? 8 : 16;
	mt_state.header = &header;
	mt_state.max_arenas = ARENAS;
	mt_state.heap_bytes = ARENAS * arena_bytes;
	unsigned char *heap_pages = map((ARENAS + 1) * arena_bytes, PROT_NONE);
	mt_state.heap = (unsigned char *)(((uintptr_t)heap_pages + arena_bytes - 1) &
					  ~(arena_bytes - 1));
	mt_state.pools = map(POOLS * sizeof *mt_state.pools, PROT_READ | PROT_WRITE);
	mt_state.arenas = map(ARENAS, PROT_READ | PROT_WRITE);
	ok(pymalloc_start());
	pymalloc_heap_init(&heap, 5);
}

static void *allocate(size_t size)
{
	return pymalloc_alloc(&heap, pymalloc_class(pymalloc.geometry, size));
}

static struct pool *pool_of(void *p)
{
	return &pymalloc.pools[pymalloc_pool_index(pymalloc.geometry, p)];
}

static void release(void *p)
{
	pymalloc_free(&heap, pool_of(p), p);
}

static size_t offset_in_pool(const void *p)
{
	size_t pool_bytes = (size_t)1 << pymalloc.geometry.pool_shift;
	return (size_t)((const unsigned char *)p - mt_state.heap) % pool_bytes;
}

static uint32_t pool_number(const void *p)
{
	return pymalloc_pool_index(pymalloc.geometry, p);
}

static void fill_one_pool(uint32_t size, uint32_t expected_blocks)
{
	void *first = allocate(size);
	uint32_t blocks = 1;
	while (pool_number(allocate(size)) == pool_number(first))
		blocks++;
	is_int(blocks, expected_blocks);
	is_int(offset_in_pool(first), 48);
	is_int(mt_state.pools[pool_number(first)].state, MT_POOL_FULL);
	is_int(mt_state.pools[pool_number(first)].class_index,
	       pymalloc_class(pymalloc.geometry, size));
	is_int(mt_state.pools[pool_number(first)].slot, 5);
}

TEST(modern_pools_hold_as_many_blocks_as_cpython_says)
{
	static const uint16_t blocks[] = {1021, 510, 340, 255, 204, 170, 145, 127,
					  113,  102, 92,  85,  78,  72,  68,  63,
					  60,   56,  53,  51,  48,  46,  44,  42,
					  40,   39,  37,  36,  35,  34,  32,  31};
	begin(MT_GEOMETRY_MODERN);
	for (uint32_t i = 0; i < 32; i++)
		fill_one_pool((i + 1) * 16, blocks[i]);
}

TEST(classic_pools_hold_as_many_blocks_as_cpython_says)
{
	static const uint16_t blocks[] = {
		506, 253, 168, 126, 101, 84, 72, 63, 56, 50, 46, 42, 38, 36, 33, 31,
		29,  28,  26,  25,  24,  23, 22, 21, 20, 19, 18, 18, 17, 16, 16, 15,
		15,  14,  14,  14,  13,  13, 12, 12, 12, 12, 11, 11, 11, 11, 10, 10,
		10,  10,  9,   9,   9,   9,  9,  9,  8,  8,  8,  8,  8,  8,  8,  7};
	begin(MT_GEOMETRY_CLASSIC);
	for (uint32_t i = 0; i < 64; i++)
		fill_one_pool((i + 1) * 8, blocks[i]);
}

TEST(blocks_are_carved_in_ascending_order_when_they_are_needed)
{
	static const size_t offsets[] = {48, 480, 912, 1344, 1776};
	begin(MT_GEOMETRY_MODERN);
	for (int i = 0; i < 5; i++)
		is_int(offset_in_pool(allocate(432)), offsets[i]);
}

TEST(freed_blocks_come_back_newest_first)
{
	begin(MT_GEOMETRY_MODERN);
	void *x = allocate(100);
	void *y = allocate(100);
	allocate(100);
	release(x);
	release(y);
	ok(allocate(112) == y);
	ok(allocate(97) == x);
}

TEST(a_block_freed_into_a_full_pool_is_the_next_one)
{
	begin(MT_GEOMETRY_MODERN);
	void *blocks[40];
	for (int i = 0; i < 40; i++)
		blocks[i] = allocate(512);
	ok(pool_number(blocks[3]) != pool_number(blocks[39]));
	release(blocks[3]);
	is_int(mt_state.pools[pool_number(blocks[3])].state, MT_POOL_USED);
	ok(allocate(512) == blocks[3]);
	is_int(mt_state.pools[pool_number(blocks[3])].state, MT_POOL_FULL);
}

TEST(one_wholly_free_arena_is_kept_if_it_is_the_last)
{
	begin(MT_GEOMETRY_MODERN);
	enum {
		COUNT = 31 * 64 * 3,
	};
	static void *blocks[COUNT];
	for (int i = 0; i < COUNT; i++)
		blocks[i] = allocate(512);
	is_int(header.arenas.current, 3);
	is_int(header.arenas.highwater, 3);
	for (int i = 0; i < COUNT; i++)
		release(blocks[i]);
	pymalloc_heap_settle(&heap);
	is_int(header.arenas.current, 1);
	is_int(header.arenas.allocated_total, 3);
	is_int(header.arenas.reclaimed, 2);
	is_int(mt_state.arenas[0] + mt_state.arenas[1] + mt_state.arenas[2], 1);
}

/* As a child finds them whose parent was forked while another thread changed arenas. */
TEST(arenas_that_were_being_changed_at_a_fork_take_blocks_back)
{
	begin(MT_GEOMETRY_MODERN);
	enum {
		ARENAS_FILLED = 24,
		COUNT = 31 * 64 * ARENAS_FILLED,
		GONE = 31 * 64 * 10, /* these arenas went back and are warm */
	};
	static void *blocks[COUNT];
	for (int i = 0; i < COUNT; i++)
		blocks[i] = allocate(512);
	for (int i = 0; i < GONE; i++)
		release(blocks[i]);
	/* The others are partly free. */
	for (int i = GONE; i < COUNT; i++) {
		if (i / 31 % 2 == 0)
			continue;
		release(blocks[i]);
		blocks[i] = NULL;
	}
	arenas_before_fork();
	arenas_reopen_after_fork();
	for (int i = GONE; i < COUNT; i++)
		if (blocks[i])
			release(blocks[i]);
	for (int i = 0; i < COUNT; i++)
		blocks[i] = allocate(512);
	for (int i = 0; i < COUNT; i++)
		release(blocks[i]);
	pymalloc_heap_settle(&heap);
	ok(header.arenas.current <= 1 + ARENAS_FILLED);
}

/*
 * The model: CPython's algorithm with plain searches in arrays. Addresses are counted in
 * bytes from the heap's start.
 */
struct model_pool {
	int class_index; /* -1: none yet */
	uint32_t used, fresh;
	uint32_t free[MOST_BLOCKS]; /* newest last */
	uint32_t free_count;
};

struct model_arena {
	uint32_t free_pools, carved;
	uint32_t empty[PYMALLOC_POOLS_PER_ARENA]; /* newest last */
	uint32_t empty_count;
};

static struct {
	struct model_pool pools[POOLS];
	struct model_arena arenas[ARENAS];
	uint32_t usable[ARENAS], usable_count;
	uint32_t unused[ARENAS], unused_count;      /* newest last */
	uint32_t used_pools[MT_MAX_CLASSES][POOLS]; /* front last */
	uint32_t used_count[MT_MAX_CLASSES];
	uint64_t allocated, reclaimed;
} model;

static void model_remove(uint32_t *list, uint32_t *count, uint32_t value)
{
	uint32_t i = 0;
	while (list[i] != value)
		i++;
	memmove(&list[i], &list[i + 1], (--*count - i) * sizeof *list);
}

static void model_insert(uint32_t *list, uint32_t *count, uint32_t at, uint32_t value)
{
	memmove(&list[at + 1], &list[at], ((*count)++ - at) * sizeof *list);
	list[at] = value;
}

static uint32_t model_take_pool(void)
{
	if (!model.usable_count) {
		uint32_t arena = model.unused[--model.unused_count];
		model.arenas[arena] = (struct model_arena){.free_pools = 64};
		model.usable[model.usable_count++] = arena;
		model.allocated++;
	}
	uint32_t index = model.usable[0];
	struct model_arena *arena = &model.arenas[index];
	uint32_t pool;
	if (arena->empty_count) {
		pool = arena->empty[--arena->empty_count];
	} else {
		pool = index * PYMALLOC_POOLS_PER_ARENA + arena->carved++;
		model.pools[pool].class_index = -1;
	}
	if (--arena->free_pools == 0)
		model_remove(model.usable, &model.usable_count, index);
	return pool;
}

/* Behind the last arena that has as few free pools as it had before. */
static void model_put_pool(uint32_t pool)
{
	uint32_t index = pool / PYMALLOC_POOLS_PER_ARENA;
	struct model_arena *arena = &model.arenas[index];
	arena->empty[arena->empty_count++] = pool;
	uint32_t before = arena->free_pools++;
	if (before == 0) {
		model_insert(model.usable, &model.usable_count, 0, index);
		return;
	}
	bool is_last = model.usable[model.usable_count - 1] == index;
	if (arena->free_pools == PYMALLOC_POOLS_PER_ARENA && !is_last) {
		model_remove(model.usable, &model.usable_count, index);
		model.unused[model.unused_count++] = index;
		model.reclaimed++;
		return;
	}
	uint32_t place = 0;
	while (model.usable[place] != index)
		place++;
	model_remove(model.usable, &model.usable_count, index);
	while (place < model.usable_count &&
	       model.arenas[model.usable[place]].free_pools == before)
		place++;
	model_insert(model.usable, &model.usable_count, place, index);
}

static uint32_t pool_bytes(void)
{
	return UINT32_C(1) << pymalloc.geometry.pool_shift;
}

static size_t model_alloc(uint32_t class_index)
{
	uint32_t size = (class_index + 1) << pymalloc.geometry.class_shift;
	uint32_t *list = model.used_pools[class_index];
	uint32_t *count = &model.used_count[class_index];
	if (!*count) {
		uint32_t taken = model_take_pool();
		struct model_pool *fresh = &model.pools[taken];
		if (fresh->class_index != (int)class_index)
			*fresh = (struct model_pool){.class_index = (int)class_index,
						     .fresh = 48};
		list[(*count)++] = taken;
	}
	uint32_t index = list[*count - 1];
	struct model_pool *pool = &model.pools[index];
	uint32_t offset;
	if (pool->free_count) {
		offset = pool->free[--pool->free_count];
	} else {
		offset = pool->fresh;
		pool->fresh += size;
	}
	pool->used++;
	if (!pool->free_count && pool->fresh + size > pool_bytes())
		--*count;
	return (size_t)index * pool_bytes() + offset;
}

static void model_free(size_t address)
{
	uint32_t index = (uint32_t)(address / pool_bytes());
	struct model_pool *pool = &model.pools[index];
	uint32_t size = (uint32_t)(pool->class_index + 1)
			<< pymalloc.geometry.class_shift;
	uint32_t *list = model.used_pools[pool->class_index];
	uint32_t *count = &model.used_count[pool->class_index];
	if (!pool->free_count && pool->fresh + size > pool_bytes())
		list[(*count)++] = index;
	pool->free[pool->free_count++] = (uint32_t)(address % pool_bytes());
	if (--pool->used == 0) {
		model_remove(list, count, index);
		model_put_pool(index);
	}
}

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

enum {
	MOST_LIVE = 40000,
};

static void *live[MOST_LIVE];
static uint32_t live_count;

/* Sizes crowd around a few classes that change with the phase. */
static size_t random_size(uint32_t phase)
{
	uint64_t value = next_random();
	if (value % 4)
		return 1 + (phase * 97 + value / 4 % 3 * 16) % PYMALLOC_THRESHOLD;
	return 1 + value / 4 % PYMALLOC_THRESHOLD;
}

static bool step(uint32_t phase, uint32_t wanted)
{
	bool grows = next_random() % 100 < (live_count < wanted ? 60 : 30);
	if (live_count == 0 || (grows && live_count < MOST_LIVE)) {
		size_t size = random_size(phase);
		unsigned char *p = allocate(size);
		live[live_count++] = p;
		return (size_t)(p - mt_state.heap) ==
		       model_alloc(pymalloc_class(pymalloc.geometry, size));
	}
	uint32_t i = (uint32_t)(next_random() % live_count);
	if (next_random() % 3 == 0)
		i = live_count - 1;
	unsigned char *p = live[i];
	live[i] = live[--live_count];
	model_free((size_t)(p - mt_state.heap));
	release(p);
	return true;
}

static void compare_with_model(enum mt_geometry_kind kind, uint64_t seed)
{
	begin(kind);
	random_state = seed;
	for (uint32_t i = ARENAS; i > 0; i--)
		model.unused[model.unused_count++] = i - 1;
	for (uint32_t n = 0; n < 400000; n++) {
		uint32_t phase = n / 50000;
		if (!step(phase, phase % 2 ? 0 : 30000)) {
			printf("# seed %" PRIu64 ": another address at step %" PRIu32
			       "\n",
			       seed, n);
			ok(false);
			return;
		}
	}
	is_int(header.arenas.allocated_total, model.allocated);
	is_int(header.arenas.reclaimed, model.reclaimed);
	ok(model.reclaimed > 0);
}

TEST(modern_geometry_chooses_the_model_s_addresses)
{
	compare_with_model(MT_GEOMETRY_MODERN, 20231105);
}

TEST(modern_geometry_chooses_them_for_another_seed)
{
	compare_with_model(MT_GEOMETRY_MODERN, 77);
}

TEST(classic_geometry_chooses_the_model_s_addresses)
{
	compare_with_model(MT_GEOMETRY_CLASSIC, 4711);
}

TAP_MAIN()
