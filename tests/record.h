/*
 * record.h - a state of plain memory for tests of the recorder's objects, and a door to
 * enter them by.
 */
#ifndef MT_TESTS_RECORD_H
#define MT_TESTS_RECORD_H

#include "tracer/record/counters.h"
#include "tracer/record/pages.h"
#include "tracer/record/recorder.h"
#include "tracer/record/state.h"
#include "tracer/record/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mt_state mt_state;

__attribute__((unused)) static void *test_region(size_t entries, size_t bytes)
{
	void *memory = mt_pages_map_sparse(entries * bytes);
	if (!memory)
		abort();
	return memory;
}

uint32_t mt_state_add_string(const char *text)
{
	_Atomic uint32_t *used = &mt_state.header->used.strings_bytes;
	size_t size = strlen(text) + 1;
	uint32_t at = atomic_fetch_add(used, (uint32_t)size);
	if (at + size > mt_state.max_strings_bytes)
		return 0;
	memcpy(mt_state.strings + at, text, size);
	return at;
}

/* Tables of these sizes; one thread slot is in use. */
__attribute__((unused)) static void test_state_open(uint32_t nodes, uint32_t tracebacks,
						    uint32_t chunks)
{
	mt_state = (struct mt_state){
		.header = test_region(1, sizeof(struct mt_state_header)),
		.threads = test_region(256, sizeof(struct mt_state_thread)),
		.modules = test_region(1024, sizeof(struct mt_state_module)),
		.strings = test_region(1 << 20, 1),
		.nodes = test_region(nodes, sizeof(struct mt_state_node)),
		.tracebacks = test_region(tracebacks, sizeof(mt_node_id)),
		.chunks = test_region(chunks, sizeof(struct mt_state_chunk)),
		.counters = test_region((size_t)chunks * MT_COUNTERS_PER_CHUNK,
					sizeof(struct mt_state_counter)),
		.peaks = test_region((size_t)chunks * MT_COUNTERS_PER_CHUNK,
				     sizeof(struct mt_state_peak)),
		.max_threads = 256,
		.max_modules = 1024,
		.max_strings_bytes = 1 << 20,
		.max_nodes = nodes,
		.max_tracebacks = tracebacks,
		.max_chunks = chunks,
	};
	mt_state.header->geometry.alignment = 16;
	atomic_store(&mt_state.header->totals.tracing, 1);
	atomic_store(&mt_state.header->used.strings_bytes, 1);
	if (!mt_recorder_start_process())
		abort();
}

/* A recorder in the next slot, for the calling thread. */
__attribute__((unused)) static void test_recorder_open(struct mt_recorder *recorder)
{
	uint32_t slot = atomic_fetch_add(&mt_state.header->used.slots, 1);
	atomic_fetch_add(&mt_state.header->totals.threads_ever, 1);
	*recorder = (struct mt_recorder){0};
	if (!mt_recorder_open(recorder, slot))
		abort();
}

/* The calling thread takes over a recorder that another one has closed. */
__attribute__((unused)) static void test_recorder_adopt(struct mt_recorder *recorder)
{
	atomic_fetch_add(&mt_state.header->totals.threads_ever, 1);
	if (!mt_recorder_open(recorder, recorder->slot))
		abort();
}

#endif
