/*
 * root-set.h - where pointers count, outside the heap. Outside.
 *
 * Stacks from the stack pointer up, thread-local memory, the writable data of modules,
 * what the program mapped itself, what it told memtrace_track of. Not: memory of ours, of
 * the C library's allocator between the blocks, below stack pointers, of threads that
 * have ended, of other processes' files.
 */
#ifndef MT_TRACER_COLLECT_ROOT_SET_H
#define MT_TRACER_COLLECT_ROOT_SET_H

#include "formats/error.h"
#include "tracer/collect/image.h"
#include "tracer/collect/live-blocks.h"
#include "tracer/collect/mappings.h"
#include "tracer/collect/memory.h"
#include "tracer/collect/stop.h"
#include "tracer/collect/thread-locals.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_ROOTS_RED_ZONE = 128,      /* below the stack pointer, still in use */
	MT_ROOTS_THREAD_BYTES = 2304, /* the C library's struct of a thread */
	MT_ROOTS_KEYS_AT = 784,       /* in it: values of the first keys */
	MT_ROOTS_KEYS = 32,           /* of them; 16 bytes each */
};

struct mt_root_range {
	uint64_t start, end;
	uint8_t kind;              /* enum mt_root_kind */
	uint8_t pages;             /* enum mt_memory_pages */
	uint32_t tid;              /* 0: of no thread */
	mt_traceback_id traceback; /* of memtrace_track */
	uint64_t thread_pointer;   /* thread-local: of the thread */
};

/*
 * A block that is more than a block: a stack that a thread runs on, which holds it; or one
 * whose words are ranges: the stack that a thread was made with, its thread-locals of a
 * module that was loaded later.
 */
struct mt_root_block {
	uint32_t block;
	bool is_stack;
	uint64_t
		from; /* stack: the stack pointer; 0: one for signals that is not in use */
	size_t thread; /* in the stop's list */
};

/* Zeroed is empty. */
struct mt_root_set {
	struct mt_root_range *list; /* in order, apart from each other */
	size_t count;
	struct mt_root_block *blocks; /* in their order */
	size_t block_count;
};

/* What the search goes by; all of it is borrowed. */
struct mt_root_set_question {
	const struct mt_image *image;
	const struct mt_live *heap;
	const struct mt_mappings *mappings;
	const struct mt_stop *stop;
	const struct mt_thread_locals *locals;
	struct mt_memory *memory;
	uint32_t pid;
};

int mt_root_set_find(struct mt_root_set *roots,
		     const struct mt_root_set_question *question, struct mt_error *err);
void mt_root_set_deinit(struct mt_root_set *roots);

/* The range that holds the address; NULL: none. */
const struct mt_root_range *mt_root_set_at(const struct mt_root_set *roots,
					   uint64_t address);

#endif
