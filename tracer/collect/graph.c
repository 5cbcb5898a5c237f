/*
 * graph.c - see graph.h: what the roots lead to. Outside.
 */
#include "tracer/collect/graph.h"

#include "tracer/collect/room.h"

#include <stdlib.h>
#include <string.h>

uint32_t mt_graph_source(const struct mt_graph *graph, uint32_t edge)
{
	uint32_t low = 0, high = graph->node_count;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (graph->first[middle] <= edge)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * What was found, by its distance from the roots: first all reachable nodes, then the
 * possible ones. The first reachable one of each distance is marked, so that distances
 * need no memory of their own.
 */
struct search {
	const struct mt_graph *graph;
	struct mt_reach *reach;
	uint32_t *order;
	uint32_t count;
	enum mt_reach_kind kind; /* of what is found now */
};

#define BEGINS_DISTANCE MT_GRAPH_INTERIOR

/* Whether the block can be freed by who has this pointer. */
static bool is_firm(const struct search *search, uint32_t target)
{
	uint32_t node = mt_graph_target(target);
	const uint8_t *names = search->graph->names_itself;
	return !mt_graph_is_interior(target) ||
	       (names && names[node / 8] >> node % 8 & 1);
}

static void find(struct search *search, uint32_t target, uint32_t holder)
{
	uint32_t node = mt_graph_target(target);
	if (search->kind == MT_REACH_REACHABLE && !is_firm(search, target))
		return;
	if (search->reach->holders[node] != MT_HOLDER_NONE)
		return;
	search->reach->holders[node] = holder;
	search->reach->kinds[node] = (uint8_t)search->kind;
	search->order[search->count++] = node;
}

static void follow_roots(struct search *search)
{
	for (uint32_t i = 0; i < search->graph->root_count; i++)
		find(search, search->graph->roots[i], MT_HOLDER_ROOT | i);
}

/* From the nodes of the order between begin and end. */
static void follow(struct search *search, uint32_t begin, uint32_t end)
{
	const struct mt_graph *graph = search->graph;
	for (uint32_t at = begin; at < end; at++) {
		uint32_t node = search->order[at] & ~BEGINS_DISTANCE;
		for (uint32_t edge = graph->first[node]; edge < graph->first[node + 1];
		     edge++)
			find(search, graph->targets[edge], edge);
	}
}

static void find_reachable(struct search *search)
{
	search->kind = MT_REACH_REACHABLE;
	follow_roots(search);
	for (uint32_t begin = 0, end; begin < search->count; begin = end) {
		end = search->count;
		follow(search, begin, end);
		search->order[begin] |= BEGINS_DISTANCE;
	}
}

/* Where the distance that begins there ends. */
static uint32_t end_of_distance(const struct search *search, uint32_t begin,
				uint32_t limit)
{
	uint32_t end = begin;
	while (end < limit && (end == begin || !(search->order[end] & BEGINS_DISTANCE)))
		end++;
	return end;
}

/*
 * One distance after the other, of reachable and of possible nodes alike: each node is
 * held by the nearest of either that leads to it.
 */
static void find_possible(struct search *search)
{
	uint32_t reachable = search->count;
	uint32_t near = 0, far = reachable;
	search->kind = MT_REACH_POSSIBLE;
	follow_roots(search);
	while (near < reachable || far < search->count) {
		uint32_t near_end = end_of_distance(search, near, reachable);
		uint32_t far_end = search->count;
		follow(search, near, near_end);
		follow(search, far, far_end);
		near = near_end;
		far = far_end;
	}
}

bool mt_graph_reach(const struct mt_graph *graph, struct mt_reach *reach)
{
	struct search search = {.graph = graph, .reach = reach};
	size_t n = graph->node_count;
	reach->kinds = mt_room_take((n + 1) * sizeof *reach->kinds);
	reach->holders = mt_room_take((n + 1) * sizeof *reach->holders);
	search.order = mt_room_take((n + 1) * sizeof *search.order);
	bool has_memory = reach->kinds && reach->holders && search.order;
	if (has_memory) {
		memset(reach->holders, 0xff, n * sizeof *reach->holders);
		find_reachable(&search);
		find_possible(&search);
	}
	mt_room_free(search.order);
	return has_memory;
}

void mt_reach_deinit(struct mt_reach *reach)
{
	mt_room_free(reach->kinds);
	mt_room_free(reach->holders);
	*reach = (struct mt_reach){0};
}
