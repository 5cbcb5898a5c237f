/*
 * pause.c - stop, let the events under way end, forget, go on.
 * Inside the traced process: system calls only.
 */
#include "preload/pause.h"

#include "preload/heaps.h"
#include "preload/inherited.h"
#include "preload/thread.h"
#include "tracer/record/blocks.h"
#include "tracer/record/counters.h"
#include "tracer/record/pages.h"
#include "tracer/record/syscall.h"

#include <linux/membarrier.h>

enum {
	PATIENCE = 100000, /* yields: an event is short, but its thread may not run */
};

static _Atomic bool is_pausing;

/* Every thread has seen that tracing is off, or is inside an event with its guard up. */
static void tell_all_threads(void)
{
	mt_syscall3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	if (mt_syscall3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) < 0)
		mt_syscall3(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void wait_for_events(void)
{
	uint32_t slots = atomic_load(&mt_state.header->used.slots);
	int patience = PATIENCE;
	for (uint32_t i = 0; i < slots; i++) {
		const struct thread *thread = heaps_thread(i);
		if (!thread || thread == thread_self)
			continue;
		while (thread->recorder.guard.up && patience-- > 0)
			mt_syscall3(SYS_sched_yield, 0, 0, 0);
	}
}

static void forget_counts(void)
{
	struct mt_state_header *header = mt_state.header;
	size_t counters = (size_t)header->used.chunks * MT_COUNTERS_PER_CHUNK;
	mt_pages_punch(mt_state.counters,
		       mt_pages_round(counters * sizeof *mt_state.counters));
	mt_pages_punch(mt_state.peaks, mt_pages_round(counters * sizeof *mt_state.peaks));
	for (uint32_t i = 0; i < header->used.slots; i++)
		mt_state.threads[i].delta_bytes = 0;
	atomic_store(&header->totals.live_bytes, 0);
	atomic_store(&header->totals.peak_bytes, 0);
	if (thread_self)
		mt_counters_restart(&thread_self->recorder);
}

static void forget_blocks(void)
{
	const struct mt_geometry *geometry = &mt_state.header->geometry;
	size_t words = (size_t)mt_state.header->used.pools * geometry->pool_bytes /
		       geometry->alignment;
	if (words)
		mt_pages_punch(mt_state.side,
			       mt_pages_round(words * sizeof *mt_state.side));
	mt_blocks_clear();
	inherited_forget();
}

void pause_and_forget(bool resumes)
{
	bool was_pausing = false;
	if (!atomic_compare_exchange_strong(&is_pausing, &was_pausing, true))
		return; /* another thread is about to forget the same */
	mt_recorder_set_tracing(false);
	tell_all_threads();
	wait_for_events();
	forget_blocks();
	forget_counts();
	if (resumes)
		mt_recorder_set_tracing(true);
	atomic_store(&is_pausing, false);
}
