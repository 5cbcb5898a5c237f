/*
 * alternate-stack.h - the stack of sigaltstack(2) that a stopped thread runs on. Outside.
 */
#ifndef MT_TRACER_COLLECT_ALTERNATE_STACK_H
#define MT_TRACER_COLLECT_ALTERNATE_STACK_H

#include "tracer/collect/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct mt_alternate_stack {
	uint64_t start, end;
};

/*
 * The one that sp is in, within memory that begins and ends there. False: it runs on no
 * such stack, or what tells of it could not be found.
 */
bool mt_alternate_stack_find(struct mt_memory *memory, uint64_t sp, uint64_t start,
			     uint64_t end, struct mt_alternate_stack *stack);

#endif
