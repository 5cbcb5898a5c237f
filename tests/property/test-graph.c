/*
 * test-graph.c - what roots lead to, what is lost, cycles and dominators in random graphs,
 * against the plainest algorithms: who can reach whom, with and without each block.
 * SEED=n repeats a test.
 */
#include "tests/tap.h"
#include "tracer/collect/graph.h"

#include <time.h>

enum {
	RUNS = 3000,
	MAX_NODES = 40,
	MAX_EDGES = 120,
	MAX_ROOTS = 6,
	FAR = 1000000,
	CHAIN = 1000000,
};

static uint64_t state;

static uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return limit ? (uint32_t)(state >> 11) % limit : 0;
}

static uint64_t choose_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("# SEED=%" PRIu64 "\n", seed);
	return seed;
}

struct sample {
	struct mt_graph graph;
	uint32_t first[MAX_NODES + 1], targets[MAX_EDGES], roots[MAX_ROOTS];
	uint8_t names_itself[MAX_NODES / 8 + 1];
	bool leads[MAX_NODES][MAX_NODES]; /* along one edge or more */
	int distances[MAX_NODES];
	struct mt_reach reach;
	struct mt_lost lost;
};

static uint32_t any_target(const struct sample *sample)
{
	return below(sample->graph.node_count) | (below(4) ? 0 : MT_GRAPH_INTERIOR);
}

static void make_sample(struct sample *sample)
{
	uint32_t nodes = 1 + below(MAX_NODES), edges = below(3 * nodes + 1), used = 0;
	*sample = (struct sample){.graph = {.node_count = nodes,
					    .first = sample->first,
					    .targets = sample->targets,

					    .roots = sample->roots,
					    .names_itself = sample->names_itself}};
	for (uint32_t node = 0; node < nodes; node++) {
		sample->names_itself[node / 8] |= (uint8_t)(!below(4) << node % 8);
		sample->first[node] = used;
		for (uint32_t i = below(2 * edges / nodes + 1); i && used < edges; i--)
			sample->targets[used++] = any_target(sample);
	}
	sample->first[nodes] = used;
	sample->graph.root_count = below(MAX_ROOTS);
	for (uint32_t i = 0; i < sample->graph.root_count; i++)
		sample->roots[i] = any_target(sample);
}

/* Pass over all edges until nothing changes; without the node `without`. */
static void spread(const struct sample *sample, bool *is_found, uint32_t without)
{
	const struct mt_graph *graph = &sample->graph;
	for (bool changes = true; changes;) {
		changes = false;
		for (uint32_t node = 0; node < graph->node_count; node++)
			for (uint32_t e = graph->first[node];
			     is_found[node] && e < graph->first[node + 1]; e++) {
				uint32_t next = mt_graph_target(graph->targets[e]);
				if (is_found[next] || next == without)
					continue;
				is_found[next] = changes = true;
			}
	}
}

static void find_who_leads_to_whom(struct sample *sample)
{
	for (uint32_t node = 0; node < sample->graph.node_count; node++) {
		bool *found = sample->leads[node];
		for (uint32_t e = sample->first[node]; e < sample->first[node + 1]; e++)
			found[mt_graph_target(sample->targets[e])] = true;
		spread(sample, found, UINT32_MAX);
	}
}

static bool is_firm(const struct mt_graph *graph, uint32_t target)
{
	uint32_t node = mt_graph_target(target);
	bool names_itself = graph->names_itself[node / 8] >> node % 8 & 1;
	return !mt_graph_is_interior(target) || names_itself;
}

/* Distances by relaxing all edges; those found before keep theirs. */
static void relax(struct sample *sample, bool takes_interior)
{
	const struct mt_graph *graph = &sample->graph;
	bool is_fixed[MAX_NODES];
	for (uint32_t node = 0; node < graph->node_count; node++)
		is_fixed[node] = sample->distances[node] < FAR;
	for (uint32_t round = 0; round <= graph->node_count; round++) {
		for (uint32_t i = 0; i < graph->root_count; i++)
			if (!is_fixed[mt_graph_target(graph->roots[i])] &&
			    (takes_interior || is_firm(graph, graph->roots[i])))
				sample->distances[mt_graph_target(graph->roots[i])] = 0;
		for (uint32_t e = 0; e < graph->first[graph->node_count]; e++) {
			uint32_t from = mt_graph_source(graph, e);
			uint32_t to = mt_graph_target(graph->targets[e]);
			int distance = sample->distances[from] + 1;
			if (!is_fixed[to] && distance < sample->distances[to] &&
			    (takes_interior || is_firm(graph, graph->targets[e])))
				sample->distances[to] = distance;
		}
	}
}

static void check_holder(const struct sample *sample, uint32_t node)
{
	const struct mt_graph *graph = &sample->graph;
	uint32_t holder = sample->reach.holders[node];
	if (holder & MT_HOLDER_ROOT) {
		uint32_t root = holder & ~MT_HOLDER_ROOT;
		is_int(sample->distances[node], 0);
		is_int(mt_graph_target(graph->roots[root]), node);
		for (uint32_t i = 0; i < root; i++)
			ok(mt_graph_target(graph->roots[i]) != node ||
			   !is_firm(graph, graph->roots[i]));
		return;
	}
	is_int(mt_graph_target(graph->targets[holder]), node);
	is_int(sample->distances[mt_graph_source(graph, holder)] + 1,
	       sample->distances[node]);
}

static void check_reach(struct sample *sample)
{
	uint32_t nodes = sample->graph.node_count;
	bool is_reachable[MAX_NODES];
	for (uint32_t node = 0; node < nodes; node++)
		sample->distances[node] = FAR;
	relax(sample, false);
	for (uint32_t node = 0; node < nodes; node++)
		is_reachable[node] = sample->distances[node] < FAR;
	relax(sample, true);
	for (uint32_t node = 0; node < nodes; node++) {
		bool is_held = sample->distances[node] < FAR;
		is_int(sample->reach.kinds[node], is_reachable[node] ? MT_REACH_REACHABLE
						  : is_held          ? MT_REACH_POSSIBLE
								     : MT_REACH_DEFINITE);
		if (is_held)
			check_holder(sample, node);
		else
			is_int(sample->reach.holders[node], MT_HOLDER_NONE);
	}
}

/* Nothing lost leads to it that it does not lead to, and it is the first of its kind. */
static bool is_definite(const struct sample *sample, uint32_t node)
{
	for (uint32_t other = 0; other < sample->graph.node_count; other++)
		if (other != node && sample->leads[other][node] &&
		    sample->distances[other] == FAR &&
		    (!sample->leads[node][other] || other < node))
			return false;
	return true;
}

static void check_cycle(const struct sample *sample, uint32_t number)
{
	const struct mt_lost *lost = &sample->lost;
	uint32_t node = lost->nodes[number], cycle = lost->cycles[number], highest = 0;
	is_int(cycle != 0, sample->leads[node][node]);
	for (uint32_t i = 0; i < lost->count; i++) {
		uint32_t other = lost->nodes[i];
		if (cycle && lost->cycles[i] && i != number)
			is_int(lost->cycles[i] == cycle,
			       sample->leads[node][other] && sample->leads[other][node]);
		if (i < number && lost->cycles[i] > highest)
			highest = lost->cycles[i];
	}
	ok(cycle <= highest + 1);
	ok(cycle <= lost->cycle_count);
}

static void check_indirect(const struct sample *sample, uint32_t node)
{
	const struct mt_reach *reach = &sample->reach;
	uint32_t steps = 0;
	for (; reach->kinds[node] == MT_REACH_INDIRECT && steps <= MAX_NODES; steps++) {
		uint32_t edge = reach->holders[node];
		is_int(mt_graph_target(sample->targets[edge]), node);
		node = mt_graph_source(&sample->graph, edge);
	}
	is_int(reach->kinds[node], MT_REACH_DEFINITE);
}

static void check_lost(struct sample *sample)
{
	const struct mt_lost *lost = &sample->lost;
	uint32_t number = 0;
	for (uint32_t node = 0; node < sample->graph.node_count; node++) {
		if (sample->distances[node] < FAR)
			continue;
		is_int(lost->nodes[number], node);
		is_int(sample->reach.kinds[node],
		       is_definite(sample, node) ? MT_REACH_DEFINITE : MT_REACH_INDIRECT);
		if (sample->reach.kinds[node] == MT_REACH_DEFINITE)
			is_int(sample->reach.holders[node], MT_HOLDER_NONE);
		else
			check_indirect(sample, node);
		check_cycle(sample, number++);
	}
	is_int(lost->count, number);
}

/* The blocks that paths no longer lead to once one is gone. */
static void check_retained(struct sample *sample)
{
	const struct mt_graph *graph = &sample->graph;
	struct mt_dominators dominators;
	uint64_t bytes[MAX_NODES];
	uint32_t counts[MAX_NODES];
	ok(mt_graph_dominate(graph, &sample->reach, &dominators));
	is_int(dominators.count, graph->node_count);
	for (uint32_t node = 0; node < graph->node_count; node++) {
		bytes[node] = 100 + node;
		counts[node] = 1;
	}
	mt_dominators_retain(&dominators, bytes, counts);
	for (uint32_t gone = 0; gone < graph->node_count; gone++) {
		bool is_found[MAX_NODES] = {0};
		for (uint32_t i = 0; i < graph->root_count; i++)
			is_found[mt_graph_target(graph->roots[i])] = true;
		for (uint32_t node = 0; node < graph->node_count; node++)
			is_found[node] |= sample->reach.kinds[node] == MT_REACH_DEFINITE;
		is_found[gone] = false;
		spread(sample, is_found, gone);
		uint64_t gone_bytes = 0;
		uint32_t gone_count = 0;
		for (uint32_t node = 0; node < graph->node_count; node++) {
			gone_bytes += is_found[node] ? 0 : 100 + node;
			gone_count += !is_found[node];
		}
		is_int(bytes[gone], gone_bytes);
		is_int(counts[gone], gone_count);
	}
	mt_dominators_deinit(&dominators);
}

TEST(random_graphs_give_what_the_plainest_algorithms_say)
{
	uint64_t seed = choose_seed();
	static struct sample sample;
	for (uint64_t run = 0; run < RUNS && !tap_failures; run++) {
		state = (seed * 100000 + run) * 2654435761 + 1;
		make_sample(&sample);
		find_who_leads_to_whom(&sample);
		ok(mt_graph_reach(&sample.graph, &sample.reach));
		check_reach(&sample);
		ok(mt_graph_find_lost(&sample.graph, &sample.reach, &sample.lost));
		check_lost(&sample);
		check_retained(&sample);
		mt_lost_deinit(&sample.lost);
		mt_reach_deinit(&sample.reach);
		if (tap_failures)
			printf("# run %" PRIu64 "\n", run);
	}
}

/* Each block points at the next, the last one at the first; or nobody at the first. */
static void make_chain(struct mt_graph *graph, uint32_t root, bool is_cycle)
{
	uint32_t *first = calloc(CHAIN + 1, sizeof *first);
	uint32_t *targets = calloc(CHAIN + 1, sizeof *targets);
	static uint32_t roots[1];
	roots[0] = root;
	for (uint32_t i = 0; i < CHAIN; i++) {
		first[i] = i;
		targets[i] = (i + 1) % CHAIN;
	}
	first[CHAIN] = is_cycle ? CHAIN : CHAIN - 1;
	*graph = (struct mt_graph){.node_count = CHAIN,
				   .root_count = root != UINT32_MAX,
				   .first = first,
				   .targets = targets,
				   .roots = roots};
}

static void check_chain(uint32_t root, bool is_cycle, uint32_t definite, uint32_t cycles)
{
	struct mt_graph graph;
	struct mt_reach reach;
	struct mt_lost lost;
	struct mt_dominators dominators;
	make_chain(&graph, root, is_cycle);
	ok(mt_graph_reach(&graph, &reach));
	ok(mt_graph_find_lost(&graph, &reach, &lost));
	ok(mt_graph_dominate(&graph, &reach, &dominators));
	uint32_t found = 0;
	for (uint32_t i = 0; i < CHAIN; i++)
		found += reach.kinds[i] == MT_REACH_DEFINITE;
	is_int(found, definite);
	is_int(lost.cycle_count, cycles);
	is_int(dominators.count, CHAIN);
	is_int(dominators.parents[CHAIN], CHAIN - 1);
	mt_dominators_deinit(&dominators);
	mt_lost_deinit(&lost);
	mt_reach_deinit(&reach);
	free((void *)graph.first);
	free((void *)graph.targets);
}

TEST(a_chain_of_a_million_takes_no_stack)
{
	check_chain(UINT32_MAX, false, 1, 0);
	check_chain(UINT32_MAX, true, 1, 1);
	check_chain(0, false, 0, 0);
	check_chain(5, true, 0, 0);
}

TEST(an_empty_graph_is_one)
{
	uint32_t none[1] = {0};
	struct mt_graph graph = {.first = none, .targets = none, .roots = none};
	struct mt_reach reach;
	struct mt_lost lost;
	struct mt_dominators dominators;
	ok(mt_graph_reach(&graph, &reach));
	ok(mt_graph_find_lost(&graph, &reach, &lost));
	ok(mt_graph_dominate(&graph, &reach, &dominators));
	is_int(lost.count, 0);
	is_int(dominators.count, 0);
	mt_dominators_deinit(&dominators);
	mt_lost_deinit(&lost);
	mt_reach_deinit(&reach);
}

TAP_MAIN()
