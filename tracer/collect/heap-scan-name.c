/*
 * heap-scan-name.c - see heap-scan-name.h. Outside.
 */
#include "tracer/collect/heap-scan-name.h"

#include "tracer/collect/frames.h"
#include "tracer/collect/kernel.h"

#include <stdlib.h>

/* The frames of the thread that was asked for last. */
struct naming {
	struct mt_heap_scan *scan;
	struct mt_frames *frames;
	size_t walked; /* index + 1 of the thread; 0: none */
	/* Whose callers are the last in the scan's list: its place; SIZE_MAX: nobody's. */
	size_t listed, callers;
};

static bool find_thread(const struct mt_heap_scan *scan, uint32_t tid, size_t *index)
{
	for (*index = 0; *index < scan->stop.count; ++*index)
		if (scan->stop.threads[*index].tid == tid)
			return true;
	return false;
}

static void add_frame(struct mt_heap_scan *scan, struct mt_heap_scan_frame frame)
{
	if (scan->frame_count == scan->frame_capacity) {
		size_t capacity = scan->frame_capacity * 2 + 64;
		void *frames = reallocarray(scan->frames, capacity, sizeof frame);
		if (!frames)
			return;
		scan->frames = frames;
		scan->frame_capacity = capacity;
	}
	scan->frames[scan->frame_count++] = frame;
}

static void add_caller(struct mt_heap_scan *scan, uint64_t pc)
{
	if (scan->caller_count == scan->caller_capacity) {
		size_t capacity = scan->caller_capacity * 2 + 64;
		void *callers = reallocarray(scan->callers, capacity, sizeof pc);
		if (!callers)
			return;
		scan->callers = callers;
		scan->caller_capacity = capacity;
	}
	scan->callers[scan->caller_count++] = pc;
}

/* Those of the thread's frame at this place, once for all that it holds. */
static void list_callers(struct naming *naming, size_t place)
{
	const struct mt_frames *frames = naming->frames;
	if (naming->listed == place)
		return;
	naming->listed = place;
	naming->callers = naming->scan->caller_count;
	for (size_t i = place + 1; i < frames->count && i - place <= MT_SCAN_CALLERS_MAX;
	     i++)
		add_caller(naming->scan, frames->list[i].pc);
}

/* place: NULL for a register, which the innermost frame uses. */
static void name_place(struct naming *naming, uint32_t root, size_t thread,
		       const uint64_t *place)
{
	struct mt_heap_scan *scan = naming->scan;
	if (naming->walked != thread + 1) {
		mt_frames_walk(&scan->memory, &scan->stop.threads[thread],
			       naming->frames);
		naming->listed = SIZE_MAX;
	}
	naming->walked = thread + 1;
	const struct mt_frames *frames = naming->frames;
	bool is_in_call = scan->stop.threads[thread].is_in_call;
	size_t i = 0;
	while (place && i < frames->count && *place >= frames->list[i].end)
		i++;
	if (i == frames->count ||
	    (place && *place + MT_ROOTS_RED_ZONE < frames->list[i].start))
		return;
	list_callers(naming, i);
	add_frame(scan, (struct mt_heap_scan_frame){
				.root = root,
				.is_innermost = i == 0 && !is_in_call,
				.pc = frames->list[i].pc,
				.offset = place ? *place - frames->list[i].start : 0,
				.callers = naming->callers,
				.caller_count = (uint32_t)(scan->caller_count -
							   naming->callers)});
}

static void name_thread_local(struct naming *naming, uint32_t root,
			      const struct mt_root_range *range, uint64_t place)
{
	struct mt_heap_scan *scan = naming->scan;
	struct mt_heap_scan_frame frame = {.root = root};
	if (mt_thread_locals_find(&scan->locals, &scan->memory, range->thread_pointer,
				  place, &frame.module, &frame.offset))
		add_frame(scan, frame);
}

static void name_root(struct naming *naming, uint32_t root)
{
	const struct mt_heap_scan *scan = naming->scan;
	const struct mt_heap_scan_root *place = &scan->root_places[root];
	size_t thread;
	bool is_idle = !place->is_register && !place->address;
	if (place->is_in_block)
		return;
	if (place->thread) {
		if (!is_idle)
			name_place(naming, root, place->thread - 1, NULL);
		return;
	}
	const struct mt_root_range *range = mt_root_set_at(&scan->roots, place->address);
	if (range && range->kind == MT_HELD_THREAD_LOCAL)
		name_thread_local(naming, root, range, place->address);
	if (range && (range->kind == MT_HELD_STACK || range->kind == MT_HELD_ALTSTACK) &&
	    find_thread(scan, range->tid, &thread))
		name_place(naming, root, thread, &place->address);
}

/* By what the kernel calls them: those without a heap of ours have no other name. */
static void name_threads(struct mt_heap_scan *scan)
{
	for (size_t i = 0; i < scan->stop.count; i++) {
		struct mt_stop_thread *thread = &scan->stop.threads[i];
		mt_kernel_thread_name(scan->pid, thread->tid, thread->name);
	}
}

/* In the order of the roots, so that each thread is walked once or a few times. */
void mt_heap_scan_name(struct mt_heap_scan *scan)
{
	struct naming naming = {.scan = scan, .frames = malloc(sizeof *naming.frames)};
	uint8_t *is_holding = calloc(scan->root_count + 1, 1);
	for (uint32_t i = 0; is_holding && i < scan->live.count; i++) {
		uint32_t holder = scan->reach.holders[i];
		if (holder != MT_HOLDER_NONE && holder & MT_HOLDER_ROOT)
			is_holding[holder & ~MT_HOLDER_ROOT] = 1;
	}
	for (uint32_t i = 0; is_holding && naming.frames && i < scan->root_count; i++)
		if (is_holding[i])
			name_root(&naming, i);
	free(is_holding);
	free(naming.frames);
	name_threads(scan);
}
