/*
 * graph.h - who points at whom: what is reachable, what is lost, what holds what.
 * Outside.
 *
 * Nodes are blocks in the order of their addresses; the edges of a node are its pointers
 * in the order of their offsets; roots are pointers from outside the heap. The same graph
 * gives the same answer, ties included: the earlier root wins, then the earlier edge.
 * Nothing here recurses. Functions return false only where memory is missing.
 *
 * Bytes for n nodes and e edges, beside the graph's own 4n + 4e and the results, which
 * are stated with them: while they run, mt_graph_reach takes 4n, mt_graph_find_lost 12 for
 * each lost block, mt_graph_dominate 16n + 4 for each edge that its depth-first tree does
 * not use.
 */
#ifndef MT_TRACER_COLLECT_GRAPH_H
#define MT_TRACER_COLLECT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In a target: the pointer does not lead to the block's first byte. */
#define MT_GRAPH_INTERIOR UINT32_C(0x80000000)

struct mt_graph {
	uint32_t node_count; /* below 2^31, as the number of edges and roots */
	uint32_t root_count;
	const uint32_t *first;   /* node_count + 1; node's edges: first[node] up to
				    first[node + 1] */
	const uint32_t *targets; /* of edges: a node, and MT_GRAPH_INTERIOR */
	const uint32_t *roots;   /* the same */
	/* A bit for each node: the block has a pointer to its own first byte. NULL: none. */
	const uint8_t *names_itself;
};

static inline uint32_t mt_graph_target(uint32_t target)
{
	return target & ~MT_GRAPH_INTERIOR;
}

static inline bool mt_graph_is_interior(uint32_t target)
{
	return target & MT_GRAPH_INTERIOR;
}

/* The node that an edge begins at. */
uint32_t mt_graph_source(const struct mt_graph *graph, uint32_t edge);

enum mt_reach_kind {
	MT_REACH_DEFINITE,  /* lost, and the first of what is lost with it */
	MT_REACH_INDIRECT,  /* lost: only lost blocks point at it */
	MT_REACH_POSSIBLE,  /* only by an interior pointer, there or further outside */
	MT_REACH_REACHABLE, /* by firm pointers, from a root */
};

/* The pointer on the shortest path to a node: an edge, or one of these. */
#define MT_HOLDER_ROOT UINT32_C(0x80000000) /* and the root's index */
#define MT_HOLDER_NONE UINT32_MAX           /* definite */

struct mt_reach {
	uint8_t *kinds;    /* enum mt_reach_kind of each node */
	uint32_t *holders; /* following them ends at a root, or at a definite block */
};

/*
 * What the roots lead to. A pointer is firm if it leads to the first byte, or into a block
 * that names itself: so those who align what malloc gave them keep what
 * they have to free. A reachable block is held by reachable ones, a possible one by
 * the shortest path that these allow. All else is definite and without holder, for
 * mt_graph_find_lost. Results: 5n bytes, even where it fails to be deinit'ed.
 */
bool mt_graph_reach(const struct mt_graph *graph, struct mt_reach *reach);
void mt_reach_deinit(struct mt_reach *reach);

/* The lost blocks, in order. */
struct mt_lost {
	uint32_t count;
	uint32_t cycle_count;
	uint32_t *nodes;
	uint32_t *cycles; /* 0: in none; else 1 to cycle_count, by their first block */
};

/*
 * Tell definite from indirect, and give the indirect ones their holders. A block is in a
 * cycle if it leads to itself. Of a cycle that nothing outside points at, the first block
 * is the definite one. Results: 8 bytes for each lost block.
 */
bool mt_graph_find_lost(const struct mt_graph *graph, struct mt_reach *reach,
			struct mt_lost *lost);
void mt_lost_deinit(struct mt_lost *lost);

/*
 * The dominator tree: a block's dominators are on every path that leads to it. Blocks are
 * numbered from 1, each after its dominators; 0 is the outside.
 */
struct mt_dominators {
	uint32_t count;  /* of blocks: node_count, if reach told definite from indirect */
	uint32_t *nodes; /* by number, from 1 */
	uint32_t *parents; /* by number: the number of its nearest dominator */
};

/*
 * Paths begin at roots and at definite blocks. Results: 8n bytes.
 */
bool mt_graph_dominate(const struct mt_graph *graph, const struct mt_reach *reach,
		       struct mt_dominators *dominators);
void mt_dominators_deinit(struct mt_dominators *dominators);

/*
 * What would be freed with each block: by node, bytes and counts hold the blocks' own
 * before (its size and 1) and what they retain after, themselves included.
 */
void mt_dominators_retain(const struct mt_dominators *dominators, uint64_t *bytes,
			  uint32_t *counts);

#endif
