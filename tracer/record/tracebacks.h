/*
 * tracebacks.h - (parent, frame) -> small id, append only, lock-free.
 * Inside the traced process. Nodes live in the shared state; the index that finds them is
 * private memory and grows with use. The same frame beneath the same parent normally gets the
 * same node; when threads race it may get two, which analysis merges.
 */
#ifndef MT_TRACER_RECORD_TRACEBACKS_H
#define MT_TRACER_RECORD_TRACEBACKS_H

#include "formats/state.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	MT_PC_BITS = 48,
};

/* A frame's address and module in one word, as in struct mt_state_node. */
typedef uint64_t mt_frame_key;

static inline mt_frame_key mt_frame_key_make(uintptr_t pc, uint32_t module)
{
	return ((uint64_t)pc & ((UINT64_C(1) << MT_PC_BITS) - 1)) | (uint64_t)module
									    << MT_PC_BITS;
}

/* False: no memory for the index. Again in a forked child, whose nodes are fresh. */
bool mt_tracebacks_start(void);

/*
 * The node of a frame beneath parent. kind: enum mt_frame_kind | MT_NODE_EXACT_PC.
 * 0: the table is full (counted).
 */
mt_node_id mt_tracebacks_intern(mt_node_id parent, mt_frame_key key, uint32_t kind);

/* The id under which blocks of this traceback are counted. 0: out of ids (counted). */
mt_traceback_id mt_tracebacks_own(mt_node_id node);

#endif
