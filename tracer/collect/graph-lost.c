/*
 * graph-lost.c - see graph.h: cycles among what is lost, and what comes first. Outside.
 *
 * Strongly connected components after D. J. Pearce, "A space-efficient algorithm for
 * finding strongly connected components" (2016): one rank for each node, and one array
 * for two stacks, the way to where the search is and the nodes that wait for the rest of
 * their component.
 */
#include "tracer/collect/graph.h"

#include <stdlib.h>
#include <string.h>

/* Lost blocks have numbers from 0. Until they get holders, those are the numbers. */
struct work {
	const struct mt_graph *graph;
	struct mt_reach *reach;
	struct mt_lost *lost;
	/* Of each number: 0, it has not been visited; how early the earliest is that it
	   leads to; at last its component, counted down from the top. */
	uint32_t *ranks;
	uint32_t *nodes; /* numbers: from below the way, from above those that wait */
	uint32_t *edges; /* of the nodes on the way: where to go on, and LEADS_BACK */
	uint32_t depth, waiting;
	uint32_t rank, component;
};

#define LEADS_BACK UINT32_C(0x80000000)

static bool is_lost(const struct work *work, uint32_t target)
{
	return work->reach->kinds[mt_graph_target(target)] <= MT_REACH_INDIRECT;
}

static bool number_lost(struct work *work)
{
	struct mt_lost *lost = work->lost;
	uint32_t count = 0;
	for (uint32_t node = 0; node < work->graph->node_count; node++)
		count += is_lost(work, node);
	lost->nodes = malloc((count + 1) * sizeof *lost->nodes);
	lost->cycles = calloc(count + 1, sizeof *lost->cycles);
	if (!lost->nodes || !lost->cycles)
		return false;
	for (uint32_t node = 0; node < work->graph->node_count; node++)
		if (is_lost(work, node)) {
			work->reach->holders[node] = lost->count;
			lost->nodes[lost->count++] = node;
		}
	return true;
}

static void enter(struct work *work, uint32_t number)
{
	work->nodes[work->depth] = number;
	work->edges[work->depth++] = work->graph->first[work->lost->nodes[number]];
	work->ranks[number] = ++work->rank;
}

/* All has been visited that number leads to: its component is complete, or it waits. */
static void leave(struct work *work, uint32_t number, bool leads_back)
{
	if (leads_back) {
		work->nodes[--work->waiting] = number;
		return;
	}
	uint32_t *ranks = work->ranks;
	uint32_t component = work->component--, own = ranks[number];
	while (work->waiting < work->lost->count &&
	       ranks[work->nodes[work->waiting]] >= own) {
		ranks[work->nodes[work->waiting++]] = component;
	}
	ranks[number] = component;
}

static void meet(struct work *work, uint32_t at, uint32_t rank)
{
	uint32_t *own = &work->ranks[work->nodes[at]];
	if (rank < *own) {
		*own = rank;
		work->edges[at] |= LEADS_BACK;
	}
}

/* One step of the search: along an edge, or back. */
static void step(struct work *work)
{
	uint32_t top = work->depth - 1, number = work->nodes[top];
	uint32_t edge = work->edges[top] & ~LEADS_BACK;
	if (edge == work->graph->first[work->lost->nodes[number] + 1]) {
		bool leads_back = work->edges[top] & LEADS_BACK;
		uint32_t rank = work->ranks[number];
		work->depth--;
		leave(work, number, leads_back);
		if (top && leads_back)
			meet(work, top - 1, rank);
		return;
	}
	work->edges[top]++;
	uint32_t target = work->graph->targets[edge];
	if (!is_lost(work, target))
		return;
	uint32_t next = work->reach->holders[mt_graph_target(target)];
	if (work->ranks[next])
		meet(work, top, work->ranks[next]);
	else
		enter(work, next);
}

static void find_components(struct work *work)
{
	work->waiting = work->lost->count;
	work->component = UINT32_MAX;
	for (uint32_t number = 0; number < work->lost->count; number++)
		if (!work->ranks[number])
			for (enter(work, number); work->depth;)
				step(work);
}

static uint32_t component_of(const struct work *work, uint32_t number)
{
	return UINT32_MAX - work->ranks[number];
}

enum component_fact {
	IS_POINTED_AT = 1, /* from another lost component */
	HAS_LEADER = 2,
	IS_CYCLE = 4,
};

/* The stacks' memory is free now: what is known of each component goes there. */
static uint32_t *judge_components(struct work *work)
{
	uint32_t *facts = work->nodes, *members = work->edges;
	memset(facts, 0, work->lost->count * sizeof *facts);
	memset(members, 0, work->lost->count * sizeof *members);
	for (uint32_t number = 0; number < work->lost->count; number++) {
		uint32_t node = work->lost->nodes[number];
		uint32_t own = component_of(work, number);
		if (++members[own] > 1)
			facts[own] |= IS_CYCLE;
		for (uint32_t edge = work->graph->first[node];
		     edge < work->graph->first[node + 1]; edge++) {
			uint32_t target = work->graph->targets[edge];
			if (!is_lost(work, target))
				continue;
			uint32_t next = work->reach->holders[mt_graph_target(target)];
			uint32_t other = component_of(work, next);
			if (next == number)
				facts[own] |= IS_CYCLE;
			if (other != own)
				facts[other] |= IS_POINTED_AT;
		}
	}
	return facts;
}

static void tell_apart(struct work *work, uint32_t *facts)
{
	struct mt_lost *lost = work->lost;
	uint32_t *cycles = work->edges;
	memset(cycles, 0, lost->count * sizeof *cycles);
	for (uint32_t number = 0; number < lost->count; number++) {
		uint32_t own = component_of(work, number);
		bool is_leader = !(facts[own] & (IS_POINTED_AT | HAS_LEADER));
		facts[own] |= HAS_LEADER;
		work->reach->kinds[lost->nodes[number]] =
			is_leader ? MT_REACH_DEFINITE : MT_REACH_INDIRECT;
		if ((facts[own] & IS_CYCLE) && !cycles[own])
			cycles[own] = ++lost->cycle_count;
		lost->cycles[number] = cycles[own];
	}
}

/* The shortest way from a definite block, the earlier ones first. */
static void hold_indirect(struct work *work)
{
	uint32_t *order = work->nodes, *holders = work->reach->holders, count = 0;
	for (uint32_t i = 0; i < work->lost->count; i++) {
		uint32_t node = work->lost->nodes[i];
		holders[node] = MT_HOLDER_NONE;
		if (work->reach->kinds[node] == MT_REACH_DEFINITE)
			order[count++] = node;
	}
	for (uint32_t at = 0; at < count; at++)
		for (uint32_t edge = work->graph->first[order[at]];
		     edge < work->graph->first[order[at] + 1]; edge++) {
			uint32_t node = mt_graph_target(work->graph->targets[edge]);
			if (work->reach->kinds[node] != MT_REACH_INDIRECT ||
			    holders[node] != MT_HOLDER_NONE)
				continue;
			holders[node] = edge;
			order[count++] = node;
		}
}

bool mt_graph_find_lost(const struct mt_graph *graph, struct mt_reach *reach,
			struct mt_lost *lost)
{
	*lost = (struct mt_lost){0};
	struct work work = {.graph = graph, .reach = reach, .lost = lost};
	if (!number_lost(&work))
		return false;
	size_t count = (size_t)lost->count + 1;
	work.ranks = calloc(count, sizeof *work.ranks);
	work.nodes = malloc(count * sizeof *work.nodes);
	work.edges = malloc(count * sizeof *work.edges);
	bool has_memory = work.ranks && work.nodes && work.edges;
	if (has_memory) {
		find_components(&work);
		tell_apart(&work, judge_components(&work));
		hold_indirect(&work);
	}
	free(work.ranks);
	free(work.nodes);
	free(work.edges);
	return has_memory;
}

void mt_lost_deinit(struct mt_lost *lost)
{
	free(lost->nodes);
	free(lost->cycles);
	*lost = (struct mt_lost){0};
}
