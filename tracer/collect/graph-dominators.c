/*
 * graph-dominators.c - see graph.h: without whom a block would not be held. Outside.
 *
 * Semi-NCA (L. Georgiadis, "Linear-time algorithms for dominators and related problems",
 * 2005): semidominators as Lengauer and Tarjan have them, here with path splitting, which
 * needs no stack; then the nearest common ancestor of each with the depth-first parent.
 */
#include "tracer/collect/graph.h"

#include "tracer/collect/room.h"

#include <stdlib.h>
#include <string.h>

/* All arrays but numbers are by number: blocks in depth-first order from 1, 0 outside. */
struct work {
	const struct mt_graph *graph;
	const struct mt_reach *reach;
	uint32_t *numbers; /* by node; 0: not visited */
	uint32_t *nodes;
	uint32_t *parents; /* in the depth-first tree; then the dominators */
	uint32_t count;
	/* The pointers that the tree does not use, by what they point at: predecessors. */
	uint32_t *first, *others;
	/* A linked block's way up to a block that is not, cut shorter as it is used, and
	   the smallest semidominator on it. */
	uint32_t *above, *smallest;
	uint32_t *semidominators;
};

static void enter(struct work *work, uint32_t node, uint32_t parent)
{
	uint32_t number = ++work->count;
	work->numbers[node] = number;
	work->nodes[number] = node;
	work->parents[number] = parent;
	work->above[number] = work->graph->first[node]; /* where its search goes on */
}

/* Depth first from a node; the way back is that of the parents. */
static void visit(struct work *work, uint32_t from)
{
	const struct mt_graph *graph = work->graph;
	if (work->numbers[from])
		return;
	enter(work, from, 0);
	for (uint32_t number = work->count; number;) {
		if (work->above[number] == graph->first[work->nodes[number] + 1]) {
			number = work->parents[number];
			continue;
		}
		uint32_t next = mt_graph_target(graph->targets[work->above[number]++]);
		if (!work->numbers[next]) {
			enter(work, next, number);
			number = work->count;
		}
	}
}

/* What paths begin with: act on each such node. */
static void visit_begins(struct work *work, void (*act)(struct work *, uint32_t node))
{
	for (uint32_t i = 0; i < work->graph->root_count; i++)
		act(work, mt_graph_target(work->graph->roots[i]));
	for (uint32_t node = 0; node < work->graph->node_count; node++)
		if (work->reach->kinds[node] == MT_REACH_DEFINITE)
			act(work, node);
}

/* An edge that is no edge of the tree, nor from a block to itself. */
static bool is_other(const struct work *work, uint32_t from, uint32_t to)
{
	return from != to && work->parents[to] != from;
}

/* Whatever is pointed at from outside has only the outside above it. */
static void keep_outside(struct work *work, uint32_t node)
{
	work->semidominators[work->numbers[node]] = 0;
}

/* act on the edges that are others; counting and storing must meet the same ones. */
static void visit_others(struct work *work,
			 void (*act)(struct work *, uint32_t from, uint32_t to))
{
	const struct mt_graph *graph = work->graph;
	for (uint32_t from = 1; from <= work->count; from++) {
		uint32_t node = work->nodes[from];
		for (uint32_t edge = graph->first[node]; edge < graph->first[node + 1];
		     edge++) {
			uint32_t to =
				work->numbers[mt_graph_target(graph->targets[edge])];
			if (is_other(work, from, to))
				act(work, from, to);
		}
	}
}

static void count_other(struct work *work, uint32_t from, uint32_t to)
{
	(void)from;
	work->first[to]++;
}

static void store_other(struct work *work, uint32_t from, uint32_t to)
{
	work->others[--work->first[to]] = from;
}

static bool collect_others(struct work *work)
{
	visit_others(work, count_other);
	uint32_t sum = 0;
	for (uint32_t number = 0; number <= work->count + 1; number++) {
		sum += work->first[number];
		work->first[number] = sum;
	}
	work->others = mt_room_take(((size_t)sum + 1) * sizeof *work->others);
	if (!work->others)
		return false;
	visit_others(work, store_other);
	return true;
}

/* The smallest semidominator between number and the first block above up to limit. */
static uint32_t evaluate(struct work *work, uint32_t number, uint32_t limit)
{
	if (number <= limit)
		return number;
	uint32_t *above = work->above, *smallest = work->smallest;
	uint32_t best = smallest[number];
	for (uint32_t next; (next = above[number]) > limit; number = next) {
		if (smallest[next] < smallest[number])
			smallest[number] = smallest[next];
		above[number] = above[next];
		if (smallest[number] < best)
			best = smallest[number];
	}
	return best;
}

static void find_semidominators(struct work *work)
{
	for (uint32_t number = work->count; number; number--) {
		uint32_t best = work->semidominators[number];
		for (uint32_t i = work->first[number];
		     best && i < work->first[number + 1]; i++) {
			uint32_t found = evaluate(work, work->others[i], number);
			if (found < best)
				best = found;
		}
		work->semidominators[number] = best;
		work->smallest[number] = best;
	}
}

static void find_dominators(struct work *work)
{
	for (uint32_t number = 1; number <= work->count; number++) {
		uint32_t *parent = &work->parents[number];
		while (*parent > work->semidominators[number])
			*parent = work->parents[*parent];
	}
}

/* The blocks' numbers are needed until the pointers are sorted, the rest after it. */
static bool search(struct work *work)
{
	size_t count = (size_t)work->graph->node_count + 2;
	size_t bytes = count * sizeof(uint32_t);
	work->numbers = mt_room_take(count * sizeof(uint32_t));
	work->first = mt_room_take(count * sizeof(uint32_t));
	work->above = mt_room_take(bytes);
	work->semidominators = mt_room_take(bytes);
	if (!work->numbers || !work->first || !work->above || !work->semidominators)
		return false;
	visit_begins(work, visit);
	memcpy(work->semidominators, work->parents, bytes);
	visit_begins(work, keep_outside);
	if (!collect_others(work))
		return false;
	mt_room_free(work->numbers);
	work->numbers = NULL;
	memcpy(work->above, work->parents, bytes);
	work->smallest = mt_room_take(bytes);
	if (!work->smallest)
		return false;
	find_semidominators(work);
	find_dominators(work);
	return true;
}

bool mt_graph_dominate(const struct mt_graph *graph, const struct mt_reach *reach,
		       struct mt_dominators *dominators)
{
	size_t count = (size_t)graph->node_count + 2;
	struct work work = {.graph = graph,
			    .reach = reach,
			    .nodes = mt_room_take(count * sizeof(uint32_t)),
			    .parents = mt_room_take(count * sizeof(uint32_t))};
	bool has_memory = work.nodes && work.parents && search(&work);
	*dominators = (struct mt_dominators){work.count, work.nodes, work.parents};
	mt_room_free(work.numbers);
	mt_room_free(work.first);
	mt_room_free(work.others);
	mt_room_free(work.above);
	mt_room_free(work.smallest);
	mt_room_free(work.semidominators);
	return has_memory;
}

void mt_dominators_deinit(struct mt_dominators *dominators)
{
	mt_room_free(dominators->nodes);
	mt_room_free(dominators->parents);
	*dominators = (struct mt_dominators){0};
}

void mt_dominators_retain(const struct mt_dominators *dominators, uint64_t *bytes,
			  uint32_t *counts)
{
	for (uint32_t number = dominators->count; number; number--) {
		uint32_t node = dominators->nodes[number];
		uint32_t parent = dominators->parents[number];
		if (!parent)
			continue;
		bytes[dominators->nodes[parent]] += bytes[node];
		counts[dominators->nodes[parent]] += counts[node];
	}
}
