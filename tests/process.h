/*
 * process.h - a traced process inside a test: the doors of the malloc family are linked
 * into the test itself, recording is on, and there is no collector.
 *
 * GEOMETRY=classic, MODE=malloc, CHECK=debug and CHECK=guard in the environment choose;
 * tests that want them start themselves again.
 */
#ifndef MT_TESTS_PROCESS_H
#define MT_TESTS_PROCESS_H

#include "preload/aside.h"
#include "preload/config.h"
#include "preload/fence.h"
#include "preload/heaps.h"
#include "preload/process.h"
#include "preload/thread.h"
#include "tracer/record/counters.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/state.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t test_never_forked = 1;
volatile uint32_t *process_fork_word = &test_never_forked;

bool aside_for_valgrind;

static inline bool test_has(const char *setting)
{
	for (char **variable = environ; variable && *variable; variable++)
		if (!strcmp(*variable, setting))
			return true;
	return false;
}

static void test_make_fork_word(void)
{
	uint32_t *word = mt_pages_map(MT_PAGE_BYTES);
	if (!word || mt_syscall3(SYS_madvise, (long)word, MT_PAGE_BYTES, MADV_WIPEONFORK))
		abort();
	*word = 1;
	process_fork_word = word;
}

void process_give_up(const char *why)
{
	(void)why;
	abort();
}

bool process_start(void)
{
	static bool is_begun;
	if (is_begun)
		return true;
	is_begun = true;
	struct mt_state_options options = {
		.malloc_mode =
			test_has("MODE=malloc") ? MT_MALLOC_LIBC : MT_MALLOC_PYMALLOC,
		.check_mode = test_has("CHECK=debug")   ? MT_CHECK_DEBUG
			      : test_has("CHECK=guard") ? MT_CHECK_GUARD
							: MT_CHECK_NONE,
		.geometry = test_has("GEOMETRY=classic") ? MT_GEOMETRY_CLASSIC
							 : MT_GEOMETRY_MODERN,
	};
	test_make_fork_word();
	config_read();
	if (!mt_state_open(&options) || !mt_recorder_start_process() || !heaps_start())
		abort();
	if (test_has("CHECK=guard") && !fence_start(config.guard_budget_bytes, 1))
		abort();
	atomic_store(&mt_state.header->totals.tracing, 1);
	return true;
}

__attribute__((constructor(101))) static void test_construct(void)
{
	process_start();
	mt_modules_scan();
	thread_start();
}

void process_enter_child(struct thread *thread)
{
	*process_fork_word = 1;
	uint32_t from = thread->recorder.slot;
	if (!mt_state_reopen_after_fork())
		abort();
	uint32_t to = mt_state_slot_open((uint32_t)gettid());
	if (!mt_recorder_reopen_after_fork(&thread->recorder, to))
		abort();
	heaps_after_fork(thread, from, to);
	atomic_store(&mt_state.header->totals.tracing, 1);
}

/* What the counters of all threads say is live, inherited blocks left out. */
__attribute__((unused)) static int64_t test_live_bytes(int64_t *count)
{
	int64_t bytes = 0;
	*count = 0;
	uint32_t chunks = atomic_load(&mt_state.header->used.chunks);
	for (uint32_t i = MT_COUNTERS_PER_CHUNK; i < chunks * MT_COUNTERS_PER_CHUNK;
	     i++) {
		const struct mt_state_counter *counter = &mt_state.counters[i];
		bytes += (int64_t)(counter->alloc_bytes - counter->free_bytes);
		*count += (int32_t)(counter->alloc_count - counter->free_count);
	}
	return bytes;
}

#endif
