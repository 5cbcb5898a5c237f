/*
 * signal-stacks.c - see signal-stacks.h. Outside.
 */
#include "tracer/collect/signal-stacks.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct mt_signal_stack *x = a, *y = b;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

bool mt_signal_stacks_read(struct mt_signal_stacks *stacks, const struct mt_image *image)
{
	struct mt_state_thread thread;
	uint64_t slots = mt_image_clamp(image, MT_REGION_THREADS, sizeof thread,
					image->header.used.slots);
	stacks->count = 0;
	stacks->list = calloc((size_t)slots + 1, sizeof *stacks->list);
	for (uint64_t slot = 0; stacks->list && slot < slots; slot++) {
		if (!mt_image_read(image, MT_REGION_THREADS, sizeof thread, slot, 1,
				   &thread) ||
		    thread.state != MT_THREAD_LIVE || !thread.signal_stack_bytes ||
		    thread.signal_stack > UINT64_MAX - thread.signal_stack_bytes)
			continue;
		stacks->list[stacks->count++] = (struct mt_signal_stack){
			.tid = thread.tid,
			.start = thread.signal_stack,
			.end = thread.signal_stack + thread.signal_stack_bytes};
	}
	if (stacks->count)
		qsort(stacks->list, stacks->count, sizeof *stacks->list, compare);
	return stacks->list != NULL;
}

void mt_signal_stacks_deinit(struct mt_signal_stacks *stacks)
{
	free(stacks->list);
	*stacks = (struct mt_signal_stacks){0};
}

const struct mt_signal_stack *mt_signal_stacks_of(const struct mt_signal_stacks *stacks,
						  uint32_t tid)
{
	const struct mt_signal_stack wanted = {.tid = tid};
	return stacks->count ? bsearch(&wanted, stacks->list, stacks->count,
				       sizeof wanted, compare)
			     : NULL;
}
