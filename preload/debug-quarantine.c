/*
 * debug-quarantine.c - see debug-quarantine.h.
 * Inside the traced process.
 */
#include "preload/debug-quarantine.h"

#include "preload/arenas.h"
#include "preload/debug-blocks.h"
#include "preload/debug-layout.h"
#include "tracer/record/lock.h"
#include "tracer/record/pages.h"

enum {
	UNIT_SHIFT = 4, /* sizes are counted in steps of 16 bytes */
	UNIT_BITS = 21, /* of an entry; the rest is the address without its last 4 bits */
	ADDRESS_SHIFT = UNIT_BITS - 4,
	/* Blocks at the end of the queue are fetched that far before they are looked at. */
	AHEAD = 16,
	LEAVING_SHARE = 1024, /* of the limit goes when one has to */
};
static_assert(DEBUG_FILL_LIMIT >> UNIT_SHIFT < 1 << UNIT_BITS,
	      "every size has its units");

/* A block and its units, in one word. */
typedef uint64_t entry;

static struct {
	struct mt_lock lock;
	entry *ring;
	size_t capacity, first, count;
	size_t units, limit_bytes;
	bool is_leaving; /* until there is room for some time */
} quarantine;

static entry entry_of(const void *p, size_t units)
{
	return (uintptr_t)p << ADDRESS_SHIFT | units;
}

static void *block_of(entry word)
{
	return (void *)(word >> UNIT_BITS << (UNIT_BITS - ADDRESS_SHIFT));
}

static size_t units_of(entry word)
{
	return word & ((1 << UNIT_BITS) - 1);
}

bool debug_quarantine_start(size_t bytes)
{
	quarantine.limit_bytes = bytes;
	quarantine.capacity = bytes / DEBUG_LEAST_DISTANCE + 1;
	quarantine.ring = mt_pages_map_sparse(
		mt_pages_round(quarantine.capacity * sizeof *quarantine.ring));
	return quarantine.ring;
}

static size_t place_of(size_t number)
{
	size_t place = quarantine.first + number;
	return place < quarantine.capacity ? place : place - quarantine.capacity;
}

/* With a single thread there is nobody to keep out; only the caller can change that. */
static bool lock(void)
{
	bool is_shared = arenas_are_shared();
	if (is_shared)
		mt_lock_take(&quarantine.lock);
	return is_shared;
}

static void unlock(bool is_locked)
{
	if (is_locked)
		mt_lock_give(&quarantine.lock);
}

/* Everything in the queue is cold: without this each look at it waits for memory. */
static void fetch_ahead(void)
{
	if (quarantine.count <= AHEAD)
		return;
	const char *p = block_of(quarantine.ring[place_of(AHEAD)]);
	__builtin_prefetch(debug_base(p));
	__builtin_prefetch(p + DEBUG_LEAST_DISTANCE);
	__builtin_prefetch(debug_blocks_find(p), 1);
}

static size_t limit_units(void)
{
	size_t limit = quarantine.limit_bytes >> UNIT_SHIFT;
	return quarantine.is_leaving ? limit - limit / LEAVING_SHARE : limit;
}

static bool is_too_full(void)
{
	return quarantine.units > limit_units() ||
	       quarantine.count == quarantine.capacity;
}

bool debug_quarantine_put(void *p, size_t bytes)
{
	if (bytes > quarantine.limit_bytes || bytes > DEBUG_FILL_LIMIT)
		return false;
	size_t units = (bytes + (1 << UNIT_SHIFT) - 1) >> UNIT_SHIFT;
	bool is_locked = lock();
	bool has_room = quarantine.count < quarantine.capacity;
	if (has_room) {
		quarantine.ring[place_of(quarantine.count++)] = entry_of(p, units);
		quarantine.units += units;
	}
	unlock(is_locked);
	return has_room;
}

static void *take_oldest(void)
{
	entry oldest = quarantine.ring[quarantine.first];
	quarantine.first = place_of(1);
	quarantine.count--;
	quarantine.units -= units_of(oldest);
	fetch_ahead();
	return block_of(oldest);
}

size_t debug_quarantine_take(void *out[DEBUG_QUARANTINE_BATCH])
{
	if (!is_too_full())
		return 0;
	size_t count = 0;
	bool is_locked = lock();
	quarantine.is_leaving = true;
	while (is_too_full() && count < DEBUG_QUARANTINE_BATCH)
		out[count++] = take_oldest();
	quarantine.is_leaving = is_too_full();
	unlock(is_locked);
	return count;
}

size_t debug_quarantine_give_up(void *out[DEBUG_QUARANTINE_BATCH])
{
	size_t count = 0;
	bool is_locked = lock();
	while (quarantine.count && count < DEBUG_QUARANTINE_BATCH)
		out[count++] = take_oldest();
	unlock(is_locked);
	return count;
}

void debug_quarantine_each(void (*visit)(void *context, void *p), void *context)
{
	bool is_locked = lock();
	for (size_t i = 0; i < quarantine.count; i++)
		visit(context, block_of(quarantine.ring[place_of(i)]));
	unlock(is_locked);
}

void debug_quarantine_before_fork(void)
{
	mt_lock_take(&quarantine.lock);
}

void debug_quarantine_after_fork(void)
{
	mt_lock_give(&quarantine.lock);
}

void debug_quarantine_reopen_after_fork(void)
{
	quarantine.lock = (struct mt_lock){MT_LOCK_FREE};
}
