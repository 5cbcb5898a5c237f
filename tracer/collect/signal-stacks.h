/*
 * signal-stacks.h - the stacks that threads have named by sigaltstack(2), as the shared state
 * has them. Outside.
 */
#ifndef MT_TRACER_COLLECT_SIGNAL_STACKS_H
#define MT_TRACER_COLLECT_SIGNAL_STACKS_H

#include "tracer/collect/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_signal_stack {
	uint32_t tid;
	uint64_t start, end;
};

/* Zeroed is empty. */
struct mt_signal_stacks {
	struct mt_signal_stack *list; /* by tid */
	size_t count;
};

/* Of the threads that live. False: no memory. */
bool mt_signal_stacks_read(struct mt_signal_stacks *stacks, const struct mt_image *image);
void mt_signal_stacks_deinit(struct mt_signal_stacks *stacks);

/* NULL: the thread has none. */
const struct mt_signal_stack *mt_signal_stacks_of(const struct mt_signal_stacks *stacks,
						  uint32_t tid);

#endif
