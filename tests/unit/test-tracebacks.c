// inside: tracer/record/tracebacks.c
#include "tests/tap.h"

#include "tracer/record/pages.h"
#include "tracer/record/state.h"
#include "tracer/record/tracebacks.h"

#include <pthread.h>

struct mt_state mt_state;

enum {
	NODES = 1 << 20,
	THREADS = 4,
};

static void prepare(uint32_t nodes, uint32_t tracebacks)
{
	mt_state.header = mt_pages_map(sizeof(struct mt_state_header));
	mt_state.nodes = mt_pages_map(nodes * sizeof(struct mt_state_node));
	mt_state.tracebacks = mt_pages_map(tracebacks * sizeof(mt_node_id));
	mt_state.max_nodes = nodes;
	mt_state.max_tracebacks = tracebacks;
	if (!mt_tracebacks_start())
		abort();
}

TEST(the_same_frame_beneath_the_same_parent_is_the_same_node)
{
	prepare(1000, 100);
	mt_frame_key key = mt_frame_key_make(0x1234, 7);
	mt_node_id node = mt_tracebacks_intern(MT_ROOT_COMPLETE, key, 0);
	is_int(node, MT_FIRST_NODE);
	is_int(mt_tracebacks_intern(MT_ROOT_COMPLETE, key, 0), node);
	is_int(mt_state.nodes[node].pc, 0x1234);
	is_int(mt_state.nodes[node].module, 7);
	is_int(mt_state.nodes[node].parent, MT_ROOT_COMPLETE);
}

TEST(whatever_differs_makes_another_node)
{
	prepare(1000, 100);
	mt_frame_key key = mt_frame_key_make(0x1234, 7);
	mt_node_id node = mt_tracebacks_intern(MT_ROOT_COMPLETE, key, 0);
	ok(mt_tracebacks_intern(MT_ROOT_TRUNCATED, key, 0) != node);
	ok(mt_tracebacks_intern(MT_ROOT_COMPLETE, mt_frame_key_make(0x1234, 8), 0) !=
	   node);
	ok(mt_tracebacks_intern(MT_ROOT_COMPLETE, mt_frame_key_make(0x1235, 7), 0) !=
	   node);
	ok(mt_tracebacks_intern(MT_ROOT_COMPLETE, key, MT_NODE_EXACT_PC) != node);
	ok(mt_tracebacks_intern(MT_ROOT_COMPLETE, key, MT_FRAME_DOMAIN) != node);
	ok(mt_tracebacks_intern(node, key, 0) != node);
	is_int(mt_state.header->used.nodes, MT_FIRST_NODE + 7);
}

TEST(ids_are_dense_and_given_once)
{
	prepare(1000, 100);
	for (uint32_t i = 0; i < 50; i++) {
		mt_node_id node = mt_tracebacks_intern(
			MT_ROOT_COMPLETE, mt_frame_key_make(0x1000 + i, 1), 0);
		is_int(mt_tracebacks_own(node), i + 1);
		is_int(mt_tracebacks_own(node), i + 1);
		is_int(mt_state.tracebacks[i + 1], node);
	}
}

TEST(full_tables_are_counted_losses)
{
	prepare(MT_FIRST_NODE + 2, 2);
	mt_node_id first = mt_tracebacks_intern(1, mt_frame_key_make(1, 0), 0);
	mt_node_id second = mt_tracebacks_intern(1, mt_frame_key_make(2, 0), 0);
	ok(first && second);
	is_int(mt_tracebacks_intern(1, mt_frame_key_make(3, 0), 0), 0);
	is_int(mt_state.header->losses[MT_LOSS_NODES_FULL], 1);
	ok(mt_tracebacks_own(first));
	is_int(mt_tracebacks_own(second), 0);
	is_int(mt_state.header->losses[MT_LOSS_TRACEBACKS_FULL], 1);
}

/* A tree of n nodes in an order that looks random: node i hangs beneath an earlier one. */
static mt_node_id intern_number(mt_node_id *nodes, uint32_t i)
{
	uint32_t parent = (uint32_t)(i * UINT64_C(2654435761) >> 7) % (i + 1);
	mt_node_id beneath = parent < i ? nodes[parent] : MT_ROOT_COMPLETE;
	return mt_tracebacks_intern(beneath, mt_frame_key_make(0x400000 + i % 977, 1), 0);
}

TEST(a_large_tree_is_found_again_while_the_index_grows)
{
	enum {
		COUNT = 600000
	};
	prepare(NODES, 100);
	static mt_node_id nodes[COUNT];
	uint32_t differing = 0;
	for (uint32_t i = 0; i < COUNT; i++) {
		nodes[i] = intern_number(nodes, i);
		uint32_t back = (uint32_t)(i * UINT64_C(40503)) % (i + 1);
		differing += intern_number(nodes, back) != nodes[back];
	}
	is_int(differing, 0);
	ok(mt_state.header->used.nodes <= MT_FIRST_NODE + COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		differing += intern_number(nodes, i) != nodes[i];
	is_int(differing, 0);
}

static uint32_t nodes_seen[THREADS][100000];

static void *intern_in_thread(void *data)
{
	uint32_t *nodes = data;
	for (uint32_t i = 0; i < 100000; i++) {
		nodes[i] = intern_number(nodes, i);
		if (!mt_tracebacks_own(nodes[i]))
			return data;
	}
	return NULL;
}

/* Same chain of addresses up to the root? */
static bool is_same_chain(mt_node_id a, mt_node_id b)
{
	while (a != b) {
		const struct mt_state_node *left = &mt_state.nodes[a];
		const struct mt_state_node *right = &mt_state.nodes[b];
		if (a < MT_FIRST_NODE || b < MT_FIRST_NODE || left->pc != right->pc)
			return false;
		a = left->parent;
		b = right->parent;
	}
	return true;
}

TEST(threads_that_race_get_nodes_for_the_same_tracebacks)
{
	prepare(NODES, NODES);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, intern_in_thread, nodes_seen[i]);
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		ok(!failed);
	}
	uint32_t differing = 0;
	for (uint32_t i = 0; i < 100000; i++)
		for (int t = 1; t < THREADS; t++)
			differing += !is_same_chain(nodes_seen[t][i], nodes_seen[0][i]);
	is_int(differing, 0);
	uint32_t used = mt_state.header->used.nodes;
	printf("# %u nodes for 100000 frames\n", used - MT_FIRST_NODE);
	uint32_t wrong = 0;
	for (uint32_t id = 1; id < mt_state.header->used.tracebacks; id++) {
		mt_node_id node = mt_state.tracebacks[id];
		uint32_t owner = mt_state.nodes[node].traceback_kind;
		wrong += node && (owner & (MT_MAX_TRACEBACKS - 1)) != id;
	}
	is_int(wrong, 0);
}

TAP_MAIN()
