/*
 * alternate-stack.c - see alternate-stack.h. Outside.
 *
 * The kernel tells nobody where a thread's alternate stack is; but where it has put a
 * signal on one, it has written down which: in the context that the handler is given,
 * above the handler's frames.
 */
#include "tracer/collect/alternate-stack.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEARCHED_BYTES = 1 << 20,
	STACK_BYTES_MIN = 2048, /* that the kernel takes */
};

/* Whether the words at place can be a stack_t that tells of the stack sp is in. */
static bool is_told(const stack_t *told, uint64_t place, uint64_t sp, uint64_t start,
		    uint64_t end)
{
	uint64_t first = (uintptr_t)told->ss_sp;
	int flags = told->ss_flags & ~(1 << 31); /* SS_AUTODISARM */
	return first >= start && first <= sp && told->ss_size >= STACK_BYTES_MIN &&
	       told->ss_size <= end - first &&
	       place + sizeof *told <= first + told->ss_size &&
	       (flags == 0 || flags == SS_ONSTACK);
}

bool mt_alternate_stack_find(struct mt_memory *memory, uint64_t sp, uint64_t start,
			     uint64_t end, struct mt_alternate_stack *stack)
{
	uint64_t from = (sp + 7) & ~UINT64_C(7);
	if (sp < start || from >= end)
		return false;
	size_t size = end - from < SEARCHED_BYTES ? (size_t)(end - from) : SEARCHED_BYTES;
	uint8_t *data = malloc(size);
	bool is_found = false;
	size = data ? mt_memory_read_some(memory, from, data, size) : 0;
	for (size_t i = 0; !is_found && i + sizeof(stack_t) <= size; i += 8) {
		stack_t told;
		memcpy(&told, data + i, sizeof told);
		is_found = is_told(&told, from + i, sp, start, end);
		if (is_found)
			*stack = (struct mt_alternate_stack){
				.start = (uintptr_t)told.ss_sp,
				.end = (uintptr_t)told.ss_sp + told.ss_size};
	}
	free(data);
	return is_found;
}
