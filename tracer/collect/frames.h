/*
 * frames.h - the frames on a stopped thread's stack, by libunwind. Outside.
 *
 * Needs no ptrace: registers are known, memory is read. What a thread's stack held when
 * it stood still is kept, so that it can be walked when it has gone on.
 */
#ifndef MT_TRACER_COLLECT_FRAMES_H
#define MT_TRACER_COLLECT_FRAMES_H

#include "tracer/collect/memory.h"
#include "tracer/collect/objects.h"
#include "tracer/collect/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_FRAMES_MAX = 1024, /* of one thread */
};

struct mt_frame {
	uint64_t pc;
	uint64_t start, end; /* its part of the stack */
};

struct mt_frames {
	struct mt_frame list[MT_FRAMES_MAX];
	size_t count;
};

/*
 * Put the thread's registers where they are in the innermost frame that is none of ours;
 * all: nor of the C library's and the loader's, where these come next. Where that cannot
 * be found out they stay as they are.
 */
void mt_frames_skip(struct mt_memory *memory, const struct mt_objects *objects,
		    struct mt_stop_thread *thread, bool all);

/* Keep what is on the stack, now. No memory: then it will be unknown. */
void mt_frames_keep(struct mt_memory *memory, struct mt_stop_thread *thread,
		    uint64_t stack_end);

/* Innermost first. */
void mt_frames_walk(struct mt_memory *memory, const struct mt_stop_thread *thread,
		    struct mt_frames *frames);

#endif
