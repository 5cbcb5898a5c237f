/*
 * arenas.c - arenas come from the reserved range and go back to the kernel.
 * Inside the traced process, under the guard and, with more than one thread, under a lock.
 *
 * Arenas with free pools are listed by how many they have, fewest first, so that the
 * fullest ones are filled and the others get a chance to become wholly free. A wholly
 * free arena goes back, unless it is the last of the list. `rightmost` finds the place
 * of an arena whose number grew without a search.
 *
 * Pages are made present in strides that grow with the heap, and the newest of the arenas
 * that went back stay present for a while, half as many as are in use: a program that
 * frees and allocates by turns would spend its time in page faults. A heap that has grown
 * asks for huge pages: arenas become writable by groups that fill one.
 */
#include "preload/arenas.h"

#include "preload/debug-blocks.h"
#include "preload/debug.h"
#include "tracer/record/lock.h"
#include "tracer/record/pages.h"

#include <sys/single_threaded.h>

enum {
	NOWHERE = UINT32_MAX,
	TABLE_STEP = 64,  /* arenas whose pools' tables become writable at once */
	TABLE_STRIDE = 8, /* and present */
	LEAST_STRIDE_BYTES = 64 << 10,
	STRIDE_SHARE = 8, /* a stride is at most this part of the heap: 1/8 */
	LEAST_WARM_BYTES = 8 << 20,
	WARM_SHARE = 2,
	HUGE_FROM_BYTES = 4 << 20, /* in use before: a huge page may be half of waste */
};

struct arena {
	uint32_t free_pools; /* empty ones and those never carved */
	uint32_t carved;
	struct pool *empty; /* newest first */
	struct arena *next, *prev;
	uint32_t next_unused; /* index; only while the arena is not in use */
	uint32_t newer_warm;  /* the one that went back next, while both are warm */
	_Atomic uint32_t
		present; /* pools whose pages were made present, and side words */
	bool is_warm;    /* went back, but its pages are kept: all words are zero */
	bool is_writable;
};

static struct {
	struct mt_lock lock;
	struct arena *table; /* by index */
	uint32_t ever_used;  /* indices below this were in use once */
	uint32_t unused;     /* newest of those that went back */
	uint32_t warm_count; /* of these, at the front of the list */
	uint32_t oldest_warm;
	uint32_t tables_ready; /* arenas whose pools have writable tables */
	size_t reserved;       /* arenas that the tables have address space for */
	struct arena *usable;  /* fewest free pools first */
	struct arena *rightmost[PYMALLOC_POOLS_PER_ARENA + 1]; /* by free pools */
	uint64_t allocated, reclaimed, highwater;
} arenas = {.unused = NOWHERE};

bool arenas_are_shared(void)
{
	return !__libc_single_threaded;
}

bool arenas_lock(void)
{
	if (__builtin_expect(__libc_single_threaded, 1))
		return false;
	mt_lock_take(&arenas.lock);
	return true;
}

void arenas_unlock(bool locked)
{
	if (locked)
		mt_lock_give(&arenas.lock);
}

void arenas_before_fork(void)
{
	mt_lock_take(&arenas.lock);
}

void arenas_after_fork(void)
{
	mt_lock_give(&arenas.lock);
}

static size_t arena_bytes(void)
{
	return (size_t)PYMALLOC_POOLS_PER_ARENA << pymalloc.geometry.pool_shift;
}

static void unreserve(void *pages, size_t bytes)
{
	if (pages)
		mt_pages_unmap(pages, bytes);
}

bool arenas_start(void)
{
	size_t count = mt_state.max_arenas;
	size_t pools = count * PYMALLOC_POOLS_PER_ARENA;
	arenas.table = mt_pages_reserve(count * sizeof *arenas.table);
	pymalloc.pools = mt_pages_reserve(pools * sizeof *pymalloc.pools);
	pymalloc.tags = mt_pages_reserve(pools * sizeof *pymalloc.tags);
	pymalloc.remotes = mt_pages_reserve(pools * sizeof *pymalloc.remotes);
	arenas.reserved = count;
	if (arenas.table && pymalloc.pools && pymalloc.tags && pymalloc.remotes)
		return true;
	unreserve(arenas.table, count * sizeof *arenas.table);
	unreserve(pymalloc.pools, pools * sizeof *pymalloc.pools);
	unreserve(pymalloc.tags, pools * sizeof *pymalloc.tags);
	unreserve(pymalloc.remotes, pools * sizeof *pymalloc.remotes);
	pymalloc.pools = NULL;
	return false;
}

static void cut_table(void *table, size_t entry, size_t kept, size_t count)
{
	size_t from = mt_pages_round(kept * entry), end = mt_pages_round(count * entry);
	if (from < end)
		mt_pages_unmap((char *)table + from, end - from);
}

void arenas_shrink(void)
{
	bool locked = arenas_lock();
	size_t kept = mt_state.max_arenas, count = arenas.reserved;
	if (kept < arenas.tables_ready)
		kept = arenas.tables_ready;
	if (arenas.table && kept < count) {
		const size_t pools = PYMALLOC_POOLS_PER_ARENA;
		cut_table(arenas.table, sizeof *arenas.table, kept, count);
		kept *= pools;
		count *= pools;
		cut_table(pymalloc.pools, sizeof *pymalloc.pools, kept, count);
		cut_table(pymalloc.tags, sizeof *pymalloc.tags, kept, count);
		cut_table(pymalloc.remotes, sizeof *pymalloc.remotes, kept, count);
		arenas.reserved = kept / pools;
	}
	arenas_unlock(locked);
}

uint32_t arenas_pool_limit(void)
{
	return arenas.ever_used * PYMALLOC_POOLS_PER_ARENA;
}

bool arenas_is_carved(uint32_t pool_index)
{
	return pool_index % PYMALLOC_POOLS_PER_ARENA <
	       arenas.table[pool_index / PYMALLOC_POOLS_PER_ARENA].carved;
}

size_t arenas_bytes(void)
{
	return (size_t)(arenas.allocated - arenas.reclaimed) * arena_bytes();
}

static uint32_t index_of(const struct arena *arena)
{
	return (uint32_t)(arena - arenas.table);
}

static unsigned char *address_of(const struct arena *arena)
{
	return mt_state.heap + index_of(arena) * arena_bytes();
}

/* Writable pages of a table for entries from..from + count, page-aligned by the steps. */
static bool back_table(const void *table, size_t entry, size_t from, size_t count)
{
	uintptr_t start = ((uintptr_t)table + from * entry) & ~(uintptr_t)4095;
	uintptr_t end =
		((uintptr_t)table + (from + count) * entry + 4095) & ~(uintptr_t)4095;
	return mt_pages_commit((void *)start, end - start);
}

static bool back_tables(void)
{
	size_t from = arenas.tables_ready;
	size_t count = mt_state.max_arenas - from;
	if (count > TABLE_STEP)
		count = TABLE_STEP;
	size_t pool = from * PYMALLOC_POOLS_PER_ARENA;
	size_t pools = count * PYMALLOC_POOLS_PER_ARENA;
	if (!back_table(arenas.table, sizeof *arenas.table, from, count) ||
	    !back_table(pymalloc.pools, sizeof *pymalloc.pools, pool, pools) ||
	    !back_table(pymalloc.tags, sizeof *pymalloc.tags, pool, pools) ||
	    !back_table(pymalloc.remotes, sizeof *pymalloc.remotes, pool, pools))
		return false;
	arenas.tables_ready += (uint32_t)count;
	return true;
}

/* The place of the next arena: the newest that went back, else the next of the range. */
static struct arena *find_unused(void)
{
	if (arenas.unused != NOWHERE)
		return &arenas.table[arenas.unused];
	if (arenas.ever_used == mt_state.max_arenas)
		return NULL;
	if (arenas.ever_used == arenas.tables_ready && !back_tables())
		return NULL;
	return &arenas.table[arenas.ever_used];
}

static void publish_counts(void)
{
	struct mt_state_header *header = mt_state.header;
	atomic_store_explicit(&header->arenas.allocated_total, arenas.allocated,
			      memory_order_relaxed);
	atomic_store_explicit(&header->arenas.reclaimed, arenas.reclaimed,
			      memory_order_relaxed);
	atomic_store_explicit(&header->arenas.highwater, arenas.highwater,
			      memory_order_relaxed);
	atomic_store_explicit(&header->arenas.current,
			      arenas.allocated - arenas.reclaimed, memory_order_relaxed);
	atomic_store_explicit(&header->used.arenas, arenas.ever_used,
			      memory_order_relaxed);
}

static size_t side_bytes(size_t heap_bytes)
{
	return heap_bytes / mt_state.header->geometry.alignment * sizeof *mt_state.side;
}

static uint32_t *side_of(const struct arena *arena)
{
	return mt_state.side +
	       index_of(arena) * (side_bytes(arena_bytes()) / sizeof(uint32_t));
}

/* The arenas that share a huge page with this one; false: they can't, or some have pages. */
static bool find_group(const struct arena *arena, struct arena **first, uint32_t *count)
{
	*count = MT_PAGES_HUGE_BYTES / arena_bytes();
	uint32_t index = index_of(arena) / *count * *count;
	*first = &arenas.table[index];
	bool is_large =
		(arenas.allocated - arenas.reclaimed) * arena_bytes() >= HUGE_FROM_BYTES;
	if (!is_large || index + *count > arenas.tables_ready ||
	    index + *count > mt_state.max_arenas)
		return false;
	for (uint32_t i = 0; i < *count; i++)
		if ((*first)[i].is_writable)
			return false;
	return true;
}

static bool make_writable(struct arena *arena)
{
	uint32_t count;
	struct arena *first;
	if (arena->is_writable)
		return true;
	if (find_group(arena, &first, &count) &&
	    mt_pages_commit(address_of(first), MT_PAGES_HUGE_BYTES)) {
		mt_pages_want_huge(address_of(first), MT_PAGES_HUGE_BYTES);
		for (uint32_t i = 0; i < count; i++)
			first[i].is_writable = true;
	}
	return arena->is_writable || mt_pages_commit(address_of(arena), arena_bytes());
}

/* Writable, and the tables of its pools present. */
static bool make_usable(struct arena *arena)
{
	if (arena->is_warm) {
		arenas.warm_count--;
		return true;
	}
	if (!make_writable(arena))
		return false;
	size_t index = index_of(arena);
	if (index == arenas.ever_used && index % TABLE_STRIDE == 0 &&
	    index + TABLE_STRIDE <= mt_state.max_arenas)
		mt_pages_populate(pymalloc.pools + index * PYMALLOC_POOLS_PER_ARENA,
				  TABLE_STRIDE * PYMALLOC_POOLS_PER_ARENA *
					  sizeof *pymalloc.pools);
	return true;
}

bool arenas_add(void)
{
	struct arena *arena = find_unused();
	if (!arena || !make_usable(arena))
		return false;
	uint32_t index = index_of(arena);
	if (index == arenas.ever_used)
		arenas.ever_used++;
	else
		arenas.unused = arena->next_unused;
	*arena = (struct arena){.free_pools = PYMALLOC_POOLS_PER_ARENA,
				.present = arena->is_warm ? arena->present : 0,
				.is_writable = true};
	arenas.usable = arena;
	arenas.rightmost[PYMALLOC_POOLS_PER_ARENA] = arena;
	arenas.allocated++;
	if (arenas.highwater < arenas.allocated - arenas.reclaimed)
		arenas.highwater = arenas.allocated - arenas.reclaimed;
	mt_state.arenas[index] = MT_ARENA_USED;
	publish_counts();
	return true;
}

static void unlink_arena(struct arena *arena)
{
	if (arena->prev)
		arena->prev->next = arena->next;
	else
		arenas.usable = arena->next;
	if (arena->next)
		arena->next->prev = arena->prev;
}

/* Fresh, inaccessible pages in the place of the old ones; the side words go as well. */
static void cool(struct arena *arena)
{
	mt_syscall6(SYS_mmap, (long)address_of(arena), (long)arena_bytes(), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (mt_state.side)
		mt_pages_punch(side_of(arena), side_bytes(arena_bytes()));
	arena->is_warm = arena->is_writable = false;
	arenas.warm_count--;
}

/* The arenas that went back longest ago have their pages taken away first. */
static void cool_some(void)
{
	size_t warm = (arenas.allocated - arenas.reclaimed) / WARM_SHARE +
		      LEAST_WARM_BYTES / arena_bytes();
	while (arenas.warm_count > warm) {
		struct arena *oldest = &arenas.table[arenas.oldest_warm];
		arenas.oldest_warm = oldest->newer_warm;
		cool(oldest);
	}
}

static void give_back(struct arena *arena)
{
	uint32_t index = index_of(arena);
	for (uint32_t i = 0; i < PYMALLOC_POOLS_PER_ARENA; i++)
		mt_state.pools[index * PYMALLOC_POOLS_PER_ARENA + i] =
			(struct mt_state_pool){.state = MT_POOL_NONE};
	mt_state.arenas[index] = MT_ARENA_NONE;
	arena->carved = 0;
	arena->next_unused = arenas.unused;
	arena->is_warm = true;
	if (arenas.warm_count)
		arenas.table[arenas.unused].newer_warm = index;
	else
		arenas.oldest_warm = index;
	arenas.unused = index;
	arenas.warm_count++;
	arenas.reclaimed++;
	publish_counts();
	cool_some();
}

static struct pool *carve(struct arena *arena)
{
	uint32_t index = index_of(arena) * PYMALLOC_POOLS_PER_ARENA + arena->carved++;
	_Atomic uint32_t *pools = &mt_state.header->used.pools;
	if (atomic_load_explicit(pools, memory_order_relaxed) <= index)
		atomic_store_explicit(pools, index + 1, memory_order_relaxed);
	struct pool *pool = &pymalloc.pools[index];
	pool->class_index = PYMALLOC_CLASS_NONE;
	return pool;
}

struct pool *arenas_take_pool(void)
{
	struct arena *arena = arenas.usable;
	if (!arena)
		return NULL;
	struct pool *pool = arena->empty;
	if (pool)
		arena->empty = pool->next;
	else
		pool = carve(arena);
	/* It had the fewest free pools before, so its place in the list is still right. */
	uint32_t left = --arena->free_pools;
	if (arenas.rightmost[left + 1] == arena)
		arenas.rightmost[left + 1] = NULL;
	if (left == 0)
		unlink_arena(arena);
	else
		arenas.rightmost[left] = arena;
	return pool;
}

static struct arena *arena_of(const struct pool *pool)
{
	return &arenas.table[(pool - pymalloc.pools) / PYMALLOC_POOLS_PER_ARENA];
}

/* How many pools beyond the first `present` are to be made present at once. */
static uint32_t stride_of(uint32_t present)
{
	size_t pool_bytes = (size_t)1 << pymalloc.geometry.pool_shift;
	size_t bytes = (size_t)(arenas.allocated - arenas.reclaimed) * arena_bytes() /
		       STRIDE_SHARE;
	if (arenas.ever_used == 1 || bytes < LEAST_STRIDE_BYTES)
		bytes = LEAST_STRIDE_BYTES;
	uint32_t rest = PYMALLOC_POOLS_PER_ARENA - present;
	return bytes / pool_bytes < rest ? (uint32_t)(bytes / pool_bytes) : rest;
}

void arenas_make_present(const struct pool *pool)
{
	struct arena *arena = arena_of(pool);
	uint32_t place = (uint32_t)(pool - pymalloc.pools) % PYMALLOC_POOLS_PER_ARENA;
	uint32_t present = atomic_load_explicit(&arena->present, memory_order_relaxed);
	if (place < present)
		return;
	uint32_t stride = stride_of(present);
	if (!atomic_compare_exchange_strong(&arena->present, &present, present + stride))
		return;
	size_t from = (size_t)present << pymalloc.geometry.pool_shift;
	size_t bytes = (size_t)stride << pymalloc.geometry.pool_shift;
	mt_pages_populate(address_of(arena) + from, bytes);
	if (mt_state.side)
		mt_pages_populate((char *)side_of(arena) + side_bytes(from),
				  side_bytes(bytes));
	if (debug_is_on())
		debug_blocks_populate(address_of(arena) + from, bytes);
}

bool arenas_would_choose(const struct pool *pool)
{
	const struct arena *arena = arena_of(pool);
	if (arena->free_pools == 0)
		return true;
	if (arenas.usable != arena)
		return false;
	return !arena->next || (arenas.rightmost[arena->free_pools] == arena &&
				arena->free_pools + 1 < PYMALLOC_POOLS_PER_ARENA);
}

static void insert_first(struct arena *arena)
{
	arena->prev = NULL;
	arena->next = arenas.usable;
	if (arena->next)
		arena->next->prev = arena;
	arenas.usable = arena;
}

static void move_behind(struct arena *arena, struct arena *before)
{
	unlink_arena(arena);
	arena->prev = before;
	arena->next = before->next;
	if (arena->next)
		arena->next->prev = arena;
	before->next = arena;
}

void arenas_put_pool(struct pool *pool)
{
	struct arena *arena = arena_of(pool);
	uint32_t before = arena->free_pools++;
	uint32_t now = before + 1;
	struct arena *last = arenas.rightmost[before];
	pool->next = arena->empty;
	arena->empty = pool;
	if (before == 0) {
		insert_first(arena);
	} else {
		if (last == arena) {
			bool is_left_alike =
				arena->prev && arena->prev->free_pools == before;
			arenas.rightmost[before] = is_left_alike ? arena->prev : NULL;
		}
		if (now == PYMALLOC_POOLS_PER_ARENA && arena->next) {
			unlink_arena(arena);
			give_back(arena);
			return;
		}
		if (last != arena)
			move_behind(arena, last);
	}
	if (!arenas.rightmost[now])
		arenas.rightmost[now] = arena;
}

/*
 * Whatever was being changed by a thread that is gone stays as it is, unused: of the arenas only
 * pools that come back from now on.
 */
static void abandon_all(void)
{
	arenas.usable = NULL;
	arenas.unused = NOWHERE;
	arenas.warm_count = 0;
	for (uint32_t i = 0; i < arenas.ever_used; i++) {
		struct arena *arena = &arenas.table[i];
		arena->free_pools = 0;
		arena->empty = NULL;
		arena->next = arena->prev = NULL;
	}
	for (unsigned i = 0; i <= PYMALLOC_POOLS_PER_ARENA; i++)
		arenas.rightmost[i] = NULL;
	arenas.lock = (struct mt_lock){MT_LOCK_FREE};
}

void arenas_reopen_after_fork(void)
{
	if (mt_lock_is_held(&arenas.lock))
		abandon_all();
	for (uint32_t i = 0; i < arenas.ever_used; i++)
		mt_state.arenas[i] =
			arenas.table[i].carved ? MT_ARENA_USED : MT_ARENA_NONE;
	atomic_store_explicit(&mt_state.header->used.pools, arenas_pool_limit(),
			      memory_order_relaxed);
	publish_counts();
}
