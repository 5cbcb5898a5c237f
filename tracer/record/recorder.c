/*
 * recorder.c - a thread slot's recorder, from its first event to the next thread in it.
 * Inside the traced process.
 */
#include "tracer/record/recorder.h"

#include "tracer/record/counters.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/sidetable.h"
#include "tracer/record/state.h"
#include "tracer/record/tracebacks.h"
#include "tracer/record/unwind.h"

uint32_t mt_sidetable_granule_shift;

static const size_t directory_bytes =
	MT_MAX_TRACEBACKS / MT_COUNTERS_PER_CHUNK * sizeof(struct mt_state_counter *);

/* Ids start at 1: entry 0 of these tables stays unused. */
static void skip_entry_0(_Atomic uint32_t *used)
{
	if (!atomic_load(used))
		atomic_store(used, 1);
}

bool mt_recorder_start_process(void)
{
	uint32_t granule = mt_state.header->geometry.alignment;
	mt_sidetable_granule_shift = granule ? (uint32_t)__builtin_ctz(granule) : 4;
	skip_entry_0(&mt_state.header->used.chunks);
	skip_entry_0(&mt_state.header->used.modules);
	mt_state.header->used.generation = mt_modules_generation;
	return mt_tracebacks_start();
}

bool mt_recorder_open(struct mt_recorder *recorder, uint32_t slot)
{
	recorder->slot = slot;
	recorder->shared = &mt_state.threads[slot];
	recorder->pass = (struct mt_recorder_pass){0};
	if (!recorder->directory)
		recorder->directory = mt_pages_map_sparse_coloured(
			directory_bytes, MT_PAGES_COLOUR_DIRECTORY);
	if (!recorder->unwinder)
		recorder->unwinder = mt_unwinder_create();
	if (!recorder->directory || !recorder->unwinder)
		return false;
	mt_unwinder_attach(recorder->unwinder);
	mt_counters_attach(recorder);
	return true;
}

void mt_recorder_close(struct mt_recorder *recorder)
{
	mt_counters_flush(recorder);
}

bool mt_recorder_reopen_after_fork(struct mt_recorder *recorder, uint32_t slot)
{
	mt_modules_restart();
	if (!mt_recorder_start_process() || !recorder->directory || !recorder->unwinder)
		return false;
	recorder->slot = slot;
	recorder->shared = &mt_state.threads[slot];
	recorder->pass = (struct mt_recorder_pass){0};
	recorder->free_blocks = (struct mt_free_blocks){0};
	mt_pages_discard_coloured(recorder->directory, directory_bytes,
				  MT_PAGES_COLOUR_DIRECTORY);
	mt_unwinder_attach(recorder->unwinder);
	mt_unwinder_forget(recorder->unwinder);
	mt_counters_restart(recorder);
	return true;
}

void mt_recorder_set_tracing(bool on)
{
	atomic_store(&mt_state.header->totals.tracing, on);
	mt_modules_changed();
}

/* The frames of a node, and how many; without the root and a domain. */
static const struct mt_state_node *frame_of(mt_node_id id)
{
	const struct mt_state_node *node = &mt_state.nodes[id];
	uint32_t kind = node->traceback_kind >> MT_NODE_KIND_SHIFT;
	bool is_frame = id >= MT_FIRST_NODE && (kind & 3) != MT_FRAME_DOMAIN;
	return is_frame ? node : NULL;
}

/* The node's frames beneath a domain, outermost first: by recursion turned inside out. */
static mt_node_id copy_beneath_domain(mt_node_id leaf, uint32_t domain)
{
	uint32_t depth = 0;
	mt_node_id root = leaf;
	for (const struct mt_state_node *node; (node = frame_of(root)); depth++)
		root = node->parent;
	mt_node_id *path = mt_pages_map((depth + 1) * sizeof(*path));
	if (!path)
		return MT_NODE_NONE;
	for (uint32_t i = depth; i > 0; i--) {
		path[i - 1] = leaf;
		leaf = mt_state.nodes[leaf].parent;
	}
	mt_node_id copy =
		mt_tracebacks_intern(root, mt_frame_key_make(domain, 0), MT_FRAME_DOMAIN);
	for (uint32_t i = 0; i < depth && copy; i++) {
		const struct mt_state_node *node = &mt_state.nodes[path[i]];
		copy = mt_tracebacks_intern(copy,
					    mt_frame_key_make(node->pc, node->module),
					    node->traceback_kind >> MT_NODE_KIND_SHIFT);
	}
	mt_pages_unmap(path, (depth + 1) * sizeof(*path));
	return copy;
}

mt_traceback_id mt_recorder_traceback_in_domain(struct mt_recorder *recorder,
						struct mt_caller caller, uint32_t domain)
{
	mt_traceback_id id = mt_unwind_traceback(recorder, caller);
	if (!id || !domain)
		return id;
	mt_node_id node = copy_beneath_domain(mt_state.tracebacks[id], domain);
	return node ? mt_tracebacks_own(node) : 0;
}

mt_traceback_id mt_recorder_outer(mt_traceback_id id)
{
	if (!id)
		return 0;
	const struct mt_state_node *node = frame_of(mt_state.tracebacks[id]);
	return node && frame_of(node->parent) ? mt_tracebacks_own(node->parent) : 0;
}

int mt_recorder_frames(mt_traceback_id id, uintptr_t *frames, int n)
{
	int count = 0;
	uint32_t used = atomic_load(&mt_state.header->used.tracebacks);
	mt_node_id leaf = id && id < used ? mt_state.tracebacks[id] : MT_NODE_NONE;
	for (const struct mt_state_node *node; leaf && (node = frame_of(leaf)); count++) {
		if (count < n)
			frames[count] = node->pc;
		leaf = node->parent;
	}
	return count;
}
