/*
 * tracebacks.h - (parent, frame) -> small id, append only, lock-free.
 * Inside the traced process. Nodes live in the shared state; what finds them is
 * private memory and grows with use. The same frame beneath the same parent normally gets the
 * same node; when threads race it may get two, which analysis merges.
 *
 * A node's twig repeats what the node says and names its first four children: so a frame
 * beneath a known parent is found by two lines of memory, the parent's and its own. For
 * children beyond those there is an index.
 */
#ifndef MT_TRACER_RECORD_TRACEBACKS_H
#define MT_TRACER_RECORD_TRACEBACKS_H

#include "formats/state.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_PC_BITS = 48,
	MT_NODE_BITS = 26, /* ids are below 1 << 26 */
	MT_TWIG_CHILDREN = 4,
	MT_TWIGS_BITS = 16, /* a segment has so many twigs: 2 MiB */
	MT_TWIGS = 1 << MT_TWIGS_BITS,
	MT_TWIG_SEGMENTS = 1 << (MT_NODE_BITS - MT_TWIGS_BITS),
};

/* A frame's address and module in one word, as in struct mt_state_node. */
typedef uint64_t mt_frame_key;

static inline uint64_t mt_frame_key_pc(mt_frame_key key)
{
	return key & ((UINT64_C(1) << MT_PC_BITS) - 1);
}

static inline mt_frame_key mt_frame_key_make(uintptr_t pc, uint32_t module)
{
	return mt_frame_key_pc(pc) | (uint64_t)module << MT_PC_BITS;
}

struct mt_twig {
	mt_frame_key key;
	mt_node_id parent;
	uint32_t traceback_kind; /* as the node's; the traceback may come later */
	/* A node's id and, above it, a part of its frame's hash; 0: free, as are all behind. */
	_Atomic uint32_t children[MT_TWIG_CHILDREN];
};
static_assert(sizeof(struct mt_twig) == 32, "two to a cache line");

extern __attribute__((
	visibility("hidden"))) struct mt_twig *_Atomic mt_twig_segments[MT_TWIG_SEGMENTS];

/* Of a node that is there. */
static inline struct mt_twig *mt_twig_of(mt_node_id id)
{
	struct mt_twig *segment = atomic_load_explicit(
		&mt_twig_segments[id >> MT_TWIGS_BITS], memory_order_relaxed);
	return &segment[id % MT_TWIGS];
}

static inline uint32_t mt_twig_tag(mt_frame_key key)
{
	return (uint32_t)(key ^ key >> 5) << MT_NODE_BITS;
}

static inline mt_node_id mt_twig_child_id(uint32_t child)
{
	return child & ((1u << MT_NODE_BITS) - 1);
}

/* The child's twig if it is of this frame, else NULL. */
static inline struct mt_twig *mt_twig_of_child(uint32_t child, mt_frame_key key,
					       uint32_t kind)
{
	if ((child ^ mt_twig_tag(key)) >> MT_NODE_BITS)
		return NULL;
	struct mt_twig *twig = mt_twig_of(mt_twig_child_id(child));
	bool is_it = twig->key == key &&
		     __atomic_load_n(&twig->traceback_kind, __ATOMIC_RELAXED) >>
				     MT_NODE_KIND_SHIFT ==
			     kind;
	return is_it ? twig : NULL;
}

/* False: no memory. Again in a forked child, whose nodes are fresh. */
bool mt_tracebacks_start(void);

/*
 * The node of a frame beneath parent. kind: enum mt_frame_kind | MT_NODE_EXACT_PC.
 * 0: the table is full (counted).
 */
mt_node_id mt_tracebacks_intern(mt_node_id parent, mt_frame_key key, uint32_t kind);

/* The id under which blocks of this traceback are counted. 0: out of ids (counted). */
mt_traceback_id mt_tracebacks_own(mt_node_id node);

/*
 * The node of a native frame beneath that of *twig, if it is among the first children:
 * then *twig is its own. Else 0.
 */
static inline mt_node_id mt_tracebacks_near(struct mt_twig **twig, mt_frame_key key)
{
	for (int i = 0; i < MT_TWIG_CHILDREN; i++) {
		uint32_t child =
			atomic_load_explicit(&(*twig)->children[i], memory_order_acquire);
		struct mt_twig *found = mt_twig_of_child(child, key, MT_FRAME_NATIVE);
		if (found) {
			*twig = found;
			return mt_twig_child_id(child);
		}
	}
	return MT_NODE_NONE;
}

/* As mt_tracebacks_own. */
static inline mt_traceback_id mt_tracebacks_id(mt_node_id node,
					       const struct mt_twig *twig)
{
	mt_traceback_id id = __atomic_load_n(&twig->traceback_kind, __ATOMIC_RELAXED) &
			     (MT_MAX_TRACEBACKS - 1);
	return __builtin_expect(id, 1) ? id : mt_tracebacks_own(node);
}

#endif
