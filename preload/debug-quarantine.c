/*
 * debug-quarantine.c - see debug-quarantine.h.
 * Inside the traced process.
 */
#include "preload/debug-quarantine.h"

#include "preload/debug-blocks.h"
#include "preload/debug-layout.h"
#include "tracer/record/lock.h"
#include "tracer/record/pages.h"

static struct {
	struct mt_lock lock;
	void **ring;
	size_t capacity, first, count;
	size_t bytes, limit;
} quarantine;

bool debug_quarantine_start(size_t bytes)
{
	quarantine.limit = bytes;
	quarantine.capacity = bytes / DEBUG_LEAST_DISTANCE + 1;
	quarantine.ring = mt_pages_map_sparse(
		mt_pages_round(quarantine.capacity * sizeof *quarantine.ring));
	return quarantine.ring;
}

bool debug_quarantine_put(void *p, size_t bytes)
{
	if (bytes > quarantine.limit || bytes > DEBUG_FILL_LIMIT)
		return false;
	mt_lock_take(&quarantine.lock);
	bool has_room = quarantine.count < quarantine.capacity;
	if (has_room) {
		size_t at = quarantine.first + quarantine.count++;
		quarantine.ring[at % quarantine.capacity] = p;
		quarantine.bytes += bytes;
	}
	mt_lock_give(&quarantine.lock);
	return has_room;
}

void *debug_quarantine_take(size_t (*bytes)(const void *p))
{
	void *p = NULL;
	mt_lock_take(&quarantine.lock);
	bool is_full = quarantine.bytes > quarantine.limit ||
		       quarantine.count == quarantine.capacity;
	if (is_full && quarantine.count) {
		p = quarantine.ring[quarantine.first];
		quarantine.first = (quarantine.first + 1) % quarantine.capacity;
		quarantine.count--;
		quarantine.bytes -= bytes(p);
	}
	mt_lock_give(&quarantine.lock);
	return p;
}

void debug_quarantine_each(void (*visit)(void *context, void *p), void *context)
{
	mt_lock_take(&quarantine.lock);
	for (size_t i = 0; i < quarantine.count; i++)
		visit(context,
		      quarantine.ring[(quarantine.first + i) % quarantine.capacity]);
	mt_lock_give(&quarantine.lock);
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
