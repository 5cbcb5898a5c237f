/*
 * heap-scan.c - see heap-scan.h. Outside.
 */
#include "tracer/collect/heap-scan.h"

#include "tracer/collect/frames.h"
#include "tracer/collect/heap-scan-again.h"
#include "tracer/collect/heap-scan-name.h"
#include "tracer/collect/heap-scan-read.h"
#include "tracer/collect/kernel.h"
#include "tracer/collect/room.h"
#include "tracer/collect/trace.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

/* The thread that asks waits, and nobody else is there: nothing needs to be stopped. */
static int add_waiting(struct mt_heap_scan *scan,
		       const struct mt_heap_scan_request *request, struct mt_error *err)
{
	struct mt_stop_thread *thread = mt_stop_add(&scan->stop, request->pid);
	if (!thread)
		return no_memory(err);
	thread->is_known = true;
	thread->thread_pointer = request->thread_pointer;
	scan->sums.method = MT_SCAN_WAITING;
	return 0;
}

static int stop_threads(struct mt_heap_scan *scan,
			const struct mt_heap_scan_request *request, struct mt_error *err)
{
	if (request->registers && mt_stop_count_threads(request->pid) == 1)
		return add_waiting(scan, request, err);
	struct mt_error why = {0};
	if (!mt_stop_by_ptrace(&scan->stop, request->pid, &why))
		return 0;
	scan->sums.method = MT_SCAN_FORK;
	struct mt_error why_not = {0};
	int rc = mt_stop_by_signal(&scan->stop, request->pid, request->control,
				   &scan->copy, &why_not);
	if (rc < 0)
		return mt_fail(err, MT_ERR_SYSTEM, "%s; %s", why.message,
			       why_not.message);
	if (!mt_kernel_maps(scan->copy, request->image->inode, "memtrace"))
		return mt_fail(err, MT_ERR_DAMAGED, "what is said to be a copy is none");
	return mt_memory_move(&scan->memory, scan->copy, err);
}

/* From now on nobody needs the process itself, if there is a copy of it. */
static void let_go(struct mt_heap_scan *scan, const struct mt_heap_scan_request *request,
		   uint64_t began)
{
	if (scan->sums.pause_ns)
		return;
	mt_stop_release(&scan->stop);
	if (scan->copy)
		mt_stop_end_round(request->control);
	scan->sums.pause_ns = mt_clock_ns() - began;
}

/*
 * Of the thread that asked, what is above its call counts. At the end of a process that
 * is who called exit; what main has left there after its return is nothing.
 */
static void place_asking(struct mt_heap_scan *scan,
			 const struct mt_heap_scan_request *request)
{
	for (size_t i = 0; request->registers && i < scan->stop.count; i++) {
		struct mt_stop_thread *thread = &scan->stop.threads[i];
		if (thread->tid != request->tid)
			continue;
		memcpy(thread->registers, request->registers, sizeof thread->registers);
		mt_frames_skip(&scan->memory, &scan->objects, thread, request->is_at_end);
		thread->stack_from = thread->registers[MT_STOP_SP];
	}
}

/*
 * Below the stack pointer a leaf function may have something. One of the C library that
 * waits in the kernel has not: what it needs is in registers, which the kernel keeps.
 */
static void pass_over_red_zones(struct mt_heap_scan *scan)
{
	static const uint8_t syscall[2] = {0x0f, 0x05};
	for (size_t i = 0; i < scan->stop.count; i++) {
		struct mt_stop_thread *thread = &scan->stop.threads[i];
		uint64_t pc = thread->registers[MT_STOP_PC];
		const struct mt_object *object = mt_objects_at(&scan->objects, pc);
		uint8_t code[sizeof syscall];
		if (thread->is_known && object && object->is_libc &&
		    mt_memory_read(&scan->memory, pc - sizeof code, code, sizeof code) &&
		    !memcmp(code, syscall, sizeof code))
			thread->stack_from = thread->registers[MT_STOP_SP];
	}
}

/* To tell later, and where it is asked for only, whose frames hold what. */
static void keep_stacks(struct mt_heap_scan *scan)
{
	for (size_t i = 0; i < scan->stop.count; i++) {
		struct mt_stop_thread *thread = &scan->stop.threads[i];
		uint64_t sp = thread->registers[MT_STOP_SP];
		const struct mt_root_range *range = mt_root_set_at(&scan->roots, sp);
		if (thread->is_known && range)
			mt_frames_keep(&scan->memory, thread, range->end);
	}
}

static int read_process(struct mt_heap_scan *scan,
			const struct mt_heap_scan_request *request, uint64_t began,
			struct mt_error *err)
{
	if (!mt_image_refresh(request->image))
		return mt_fail(err, MT_ERR_DAMAGED, "state: its header cannot be read");
	int rc = mt_mappings_read(&scan->mappings, scan->memory.pid, err);
	if (rc == 0)
		rc = mt_objects_load(&scan->objects, request->image, err);
	if (rc == 0)
		rc = mt_live_load(&scan->live, request->image, err);
	if (rc < 0)
		return rc;
	/* The state is the process's own: that has been read. */
	if (scan->copy)
		let_go(scan, request, began);
	place_asking(scan, request);
	pass_over_red_zones(scan);
	mt_thread_locals_load(&scan->locals, &scan->memory, &scan->objects);
	struct mt_root_set_question question = {.image = request->image,
						.heap = &scan->live,
						.mappings = &scan->mappings,
						.stop = &scan->stop,
						.locals = &scan->locals,
						.memory = &scan->memory,
						.pid = request->pid};
	rc = mt_root_set_find(&scan->roots, &question, err);
	if (rc == 0)
		keep_stacks(scan);
	return rc < 0 ? rc
		      : mt_heap_scan_read(scan, request->image->header.python,
					  request->wishes, err);
}

/* While it stands still, which began then. */
static int hold_and_read(struct mt_heap_scan *scan,
			 const struct mt_heap_scan_request *request, uint64_t began,
			 struct mt_error *err)
{
	int rc = stop_threads(scan, request, err);
	if (rc == 0)
		rc = read_process(scan, request, began, err);
	scan->sums.threads = scan->stop.count;
	scan->sums.threads_missed = scan->stop.missed;
	let_go(scan, request, began);
	return rc;
}

static int find_lost(struct mt_heap_scan *scan, struct mt_error *err)
{
	return mt_graph_find_lost(&scan->graph, &scan->reach, &scan->lost) &&
			       mt_heap_scan_look_again(scan)
		       ? 0
		       : no_memory(err);
}

static int find_retained(struct mt_heap_scan *scan, struct mt_error *err)
{
	size_t count = scan->live.count;
	struct mt_dominators dominators = {0};
	if (count > MT_SCAN_BLOCKS_MAX)
		return 0;
	if (!mt_graph_dominate(&scan->graph, &scan->reach, &dominators))
		return no_memory(err);
	scan->retained = mt_room_take((count + 1) * sizeof *scan->retained);
	scan->retained_count = mt_room_take((count + 1) * sizeof *scan->retained_count);
	bool has_room = scan->retained && scan->retained_count;
	struct mt_live_cursor cursor = {0};
	for (uint32_t i = 0; has_room && i < count; i++) {
		scan->retained[i] = mt_live_next(&scan->live, &cursor).size;
		scan->retained_count[i] = 1;
	}
	if (has_room) {
		mt_dominators_retain(&dominators, scan->retained, scan->retained_count);
		scan->sums.flags |= MT_SCAN_RETAINED;
	}
	mt_dominators_deinit(&dominators);
	return has_room ? 0 : no_memory(err);
}

static void add_up(struct mt_heap_scan *scan)
{
	struct mt_live_cursor cursor = {0};
	for (uint32_t i = 0; i < scan->live.count; i++) {
		uint8_t kind = scan->reach.kinds[i];
		scan->sums.kinds[kind].count++;
		scan->sums.kinds[kind].bytes += mt_live_next(&scan->live, &cursor).size;
	}
}

static int follow(struct mt_heap_scan *scan, struct mt_error *err)
{
	mt_room_fit(scan->targets, scan->edge_count * sizeof *scan->targets);
	mt_room_fit(scan->offsets, scan->edge_count * sizeof *scan->offsets);
	if (!mt_graph_reach(&scan->graph, &scan->reach))
		return no_memory(err);
	int rc = find_lost(scan, err);
	if (rc == 0)
		rc = find_retained(scan, err);
	if (rc < 0)
		return rc;
	add_up(scan);
	mt_heap_scan_name(scan);
	return 0;
}

/*
 * Memory, as far as can be foreseen. What earlier snapshots have left in the heap is of no
 * use to a scan, and goes back.
 */
static int prepare(struct mt_heap_scan *scan, const struct mt_heap_scan_request *request,
		   struct mt_error *err)
{
	malloc_trim(0);
	if (!mt_image_refresh(request->image))
		return mt_fail(err, MT_ERR_DAMAGED, "state: its header cannot be read");
	struct mt_live_estimate estimate = mt_live_estimate(request->image);
	mt_live_prepare(&scan->live, request->image, &estimate);
	if (request->wishes & MT_SNAPSHOT_WITH_HASHES)
		scan->sums.flags |= MT_SCAN_HASHES;
	if (request->wishes & MT_SNAPSHOT_WITH_CONTENTS)
		scan->sums.flags |= MT_SCAN_CONTENTS;
	return mt_heap_scan_prepare(scan, &estimate, request->wishes) ? 0
								      : no_memory(err);
}

int mt_heap_scan_take(struct mt_heap_scan *scan,
		      const struct mt_heap_scan_request *request, struct mt_error *err)
{
	uint64_t began = mt_clock_ns();
	*scan = (struct mt_heap_scan){.pid = request->pid};
	if (request->is_at_end)
		scan->sums.flags |= MT_SCAN_AT_END;
	/* Who asks, and is alone, stands still from then on. */
	bool waits = request->registers && mt_stop_count_threads(request->pid) == 1;
	int rc = mt_memory_open(&scan->memory, mt_stop_living_thread(request->pid), err);
	if (rc == 0)
		rc = prepare(scan, request, err);
	if (rc == 0)
		rc = hold_and_read(scan, request, waits ? began : mt_clock_ns(), err);
	if (rc == 0)
		rc = follow(scan, err);
	if (scan->copy)
		mt_stop_end_copy(request->control);
	scan->sums.span_ns = mt_clock_ns() - began;
	return rc;
}

void mt_heap_scan_deinit(struct mt_heap_scan *scan)
{
	mt_stop_deinit(&scan->stop);
	mt_memory_close(&scan->memory);
	mt_mappings_deinit(&scan->mappings);
	mt_objects_deinit(&scan->objects);
	mt_live_deinit(&scan->live);
	mt_root_set_deinit(&scan->roots);
	mt_contents_deinit(&scan->contents);
	mt_reach_deinit(&scan->reach);
	mt_lost_deinit(&scan->lost);
	mt_heap_scan_free_tables(scan);
	mt_room_free(scan->targets);
	mt_room_free(scan->offsets);
	mt_room_free(scan->far);
	free(scan->root_targets);
	free(scan->root_places);
	free(scan->frames);
	free(scan->callers);
	mt_room_free(scan->retained);
	mt_room_free(scan->retained_count);
	*scan = (struct mt_heap_scan){
		.memory = {.mem = -1, .pagemap = -1, .shared_pagemap = -1}};
}

uint64_t mt_heap_scan_offset(const struct mt_heap_scan *scan, uint32_t edge)
{
	size_t low = 0, high = scan->far_count;
	if (scan->offsets[edge] != MT_SCAN_FAR)
		return (uint64_t)scan->offsets[edge] * 8;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (scan->far[middle].edge <= edge)
			low = middle;
		else
			high = middle;
	}
	return ((uint64_t)scan->far[low].words + edge - scan->far[low].edge) * 8;
}

uint64_t mt_heap_scan_leaked(const struct mt_heap_scan *scan)
{
	return scan->sums.kinds[MT_LEAK_DEFINITE].count +
	       scan->sums.kinds[MT_LEAK_INDIRECT].count;
}
