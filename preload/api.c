/*
 * api.c - what memtrace.h offers to the program.
 * Inside the traced process.
 */
#define MEMTRACE_NO_MACROS
#include "preload/memtrace.h"

#include "formats/control.h"
#include "preload/config.h"
#include "preload/control.h"
#include "preload/debug.h"
#include "preload/door.h"
#include "preload/fence.h"
#include "preload/heaps.h"
#include "preload/large.h"
#include "preload/look.h"
#include "preload/pause.h"
#include "preload/probe.h"
#include "preload/pymalloc.h"
#include "preload/thread.h"
#include "tracer/record/blocks.h"
#include "tracer/record/counters.h"
#include "tracer/record/sidetable.h"
#include "tracer/record/syscall.h"

#include <errno.h>

enum {
	INTERNED_BYTES = 64, /* of a frame: its node and its place in the table */
};

/* A forked child's first event may be a call of ours. */
static void be_in_own_process(void)
{
	struct thread *thread = thread_enter();
	if (thread)
		thread_leave(thread);
}

static bool is_tracing(void)
{
	be_in_own_process();
	return mt_state_is_handed_over() &&
	       atomic_load_explicit(&mt_state.header->totals.tracing,
				    memory_order_relaxed);
}

/* In the modes that search for errors; the caller is memtrace_snapshot's. */
static void look_at_blocks(struct mt_caller caller)
{
	struct thread *thread =
		mt_state.header->check_mode != MT_CHECK_NONE ? thread_enter() : NULL;
	if (!thread)
		return;
	look_at_all("memtrace_snapshot", thread_traceback(thread, caller));
	thread_leave(thread);
}

DOOR int memtrace_snapshot(const char *label)
{
	size_t size = 0;
	while (label && label[size] && size < MT_LABEL_BYTES)
		size++;
	if (!mt_control_is_label(label, size) || !is_tracing())
		return -1;
	look_at_blocks(MT_CALLER());
	return control_request_snapshot(label);
}

DOOR int memtrace_start(int nframe)
{
	if (nframe < 1 || nframe > MT_MAX_NFRAME) {
		errno = EINVAL;
		return -1;
	}
	if (is_tracing())
		return 0;
	if (!mt_state_is_handed_over() || atomic_load(&mt_state.control->collector_gone))
		return -1;
	mt_state.header->nframe = (uint32_t)nframe;
	mt_recorder_set_tracing(true);
	return 0;
}

DOOR void memtrace_stop(void)
{
	if (is_tracing())
		pause_and_forget(false);
}

DOOR int memtrace_is_tracing(void)
{
	return is_tracing();
}

static size_t not_negative(int64_t bytes)
{
	return bytes > 0 ? (size_t)bytes : 0;
}

DOOR void memtrace_get_traced_memory(size_t *current, size_t *peak)
{
	struct mt_totals totals = {0};
	if (is_tracing())
		totals = mt_counters_totals();
	if (current)
		*current = not_negative(totals.live_bytes);
	if (peak)
		*peak = not_negative(totals.peak_bytes);
}

DOOR void memtrace_reset_peak(void)
{
	if (is_tracing())
		mt_counters_reset_peak();
}

DOOR void memtrace_clear_traces(void)
{
	if (is_tracing())
		pause_and_forget(true);
}

DOOR size_t memtrace_get_memtrace_memory(void)
{
	const struct mt_state_header *header = mt_state.header;
	const struct mt_geometry *geometry = &header->geometry;
	size_t words =
		geometry->alignment ? geometry->pool_bytes / geometry->alignment : 0;
	be_in_own_process();
	return sizeof *header + header->used.nodes * (size_t)INTERNED_BYTES +
	       header->used.tracebacks * sizeof(mt_node_id) +
	       header->used.chunks * (size_t)MT_COUNTERS_PER_CHUNK *
		       (sizeof(struct mt_state_counter) + sizeof(struct mt_state_peak)) +
	       header->used.pools *
		       (sizeof(struct mt_state_pool) + words * sizeof(uint32_t)) +
	       header->used.blocks * sizeof(struct mt_state_block) +
	       header->used.modules * sizeof(struct mt_state_module) +
	       header->used.slots * sizeof(struct thread);
}

static mt_traceback_id traceback_of_entry(uint32_t entry, uintptr_t address)
{
	const struct mt_state_block *block = &mt_state.blocks[entry];
	return entry && entry < mt_state.max_blocks && block->address == address
		       ? block->traceback
		       : 0;
}

static mt_traceback_id traceback_of(const void *p)
{
	uint32_t alignment = mt_state.header->geometry.alignment;
	struct mt_block block;
	if (!p || !alignment || (uintptr_t)p % alignment)
		return 0;
	if (debug_is_on())
		return debug_traceback(p);
	if (fence_is_inside(p))
		return fence_traceback(p);
	if ((uintptr_t)p - (uintptr_t)mt_state.heap < mt_state.heap_bytes)
		return mt_side_word_id(mt_sidetable_get(p));
	if (mt_blocks_find((uintptr_t)p, 0, &block))
		return traceback_of_entry(block.index, (uintptr_t)p);
	/* Whether p has a header of ours cannot be asked by a plain load. */
	if (!probe_is_readable(large_header(p)) ||
	    !probe_is_readable(&large_header(p)->tag) || large_kind(p) != LARGE_HEADED)
		return 0;
	return traceback_of_entry(large_tag(p).entry, (uintptr_t)p);
}

DOOR int memtrace_get_object_traceback(const void *p, void **frames, int n)
{
	if (!frames || n <= 0 || !is_tracing())
		return 0;
	int count = mt_recorder_frames(traceback_of(p), (uintptr_t *)frames, n);
	count = count < n ? count : n;
	for (int i = 0; i < count / 2; i++) {
		void *swapped = frames[i];
		frames[i] = frames[count - 1 - i];
		frames[count - 1 - i] = swapped;
	}
	return count;
}

/* In the table of addresses domain 0 is the C library's; theirs come after it. */
static uint32_t table_domain(unsigned domain)
{
	return domain + 1;
}

DOOR int memtrace_check_leaks(void)
{
	return is_tracing() ? control_request_leaks(false, config.leaks_wishes) : -1;
}

static void untrack(struct thread *thread, unsigned domain, uintptr_t p)
{
	struct mt_block block;
	if (!mt_blocks_take(p, table_domain(domain), &block))
		return;
	mt_traceback_id id = mt_blocks_remove(&thread->recorder, block.index);
	mt_counters_free(&thread->recorder, id, block.size);
}

static bool track(struct thread *thread, struct mt_caller caller, unsigned domain,
		  uintptr_t p, size_t size)
{
	struct mt_recorder *recorder = &thread->recorder;
	untrack(thread, domain, p);
	mt_traceback_id id = mt_recorder_traceback_in_domain(recorder, caller, domain);
	uint32_t index =
		mt_blocks_add(recorder, (const void *)p, size, id, MT_BLOCK_TRACKED);
	const struct mt_block block = {.address = p,
				       .size = size,
				       .domain = table_domain(domain),
				       .index = index};
	if (index && mt_blocks_note(&block)) {
		mt_counters_alloc(recorder, id, size);
		return true;
	}
	mt_blocks_remove(recorder, index);
	return false;
}

DOOR int memtrace_track(unsigned domain, uintptr_t p, size_t size)
{
	struct mt_caller caller = MT_CALLER();
	struct thread *thread = domain < UINT32_MAX ? thread_enter() : NULL;
	if (!thread)
		return -1;
	bool is_tracked =
		thread_is_traced(thread) && track(thread, caller, domain, p, size);
	thread_leave(thread);
	return is_tracked ? 0 : -1;
}

DOOR int memtrace_untrack(unsigned domain, uintptr_t p)
{
	struct thread *thread = domain < UINT32_MAX ? thread_enter() : NULL;
	if (!thread)
		return -1;
	bool is_traced = thread_is_traced(thread);
	if (is_traced)
		untrack(thread, domain, p);
	thread_leave(thread);
	return is_traced ? 0 : -1;
}
