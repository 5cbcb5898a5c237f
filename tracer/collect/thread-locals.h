/*
 * thread-locals.h - which module's thread-local a place is. Outside.
 */
#ifndef MT_TRACER_COLLECT_THREAD_LOCALS_H
#define MT_TRACER_COLLECT_THREAD_LOCALS_H

#include "tracer/collect/memory.h"
#include "tracer/collect/objects.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	MT_THREAD_LOCALS_MAX = 256, /* modules with thread-locals that are told apart */
};

/* The modules that have thread-locals. Zeroed is empty. */
struct mt_thread_locals {
	struct {
		uint32_t index;  /* in the state's table */
		uint32_t number; /* the loader's; of its block in a thread's dtv */
		uint64_t bytes;
	} modules[MT_THREAD_LOCALS_MAX];
	uint32_t count;
};

void mt_thread_locals_load(struct mt_thread_locals *locals, struct mt_memory *memory,
			   const struct mt_objects *objects);

/* Where a thread has its block of locals->modules[i]; 0: it has none (yet). */
uint64_t mt_thread_locals_block(const struct mt_thread_locals *locals, uint32_t i,
				struct mt_memory *memory, uint64_t thread_pointer);

/* The module of the place and the offset in its block. False: not known. */
bool mt_thread_locals_find(const struct mt_thread_locals *locals,
			   struct mt_memory *memory, uint64_t thread_pointer,
			   uint64_t address, uint32_t *index, uint64_t *offset);

#endif
