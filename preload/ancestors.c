/*
 * ancestors.c - see ancestors.h.
 * Inside the traced process.
 */
#include "preload/ancestors.h"

#include "preload/inherited.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/tracebacks.h"

#include <stddef.h>

enum {
	GENERATIONS = 64, /* of forks; blocks from later ones have no traceback */
};

struct tables {
	const struct mt_state_node *nodes;
	const mt_node_id *tracebacks;
	uint32_t node_count, traceback_count;
};

static struct tables ancestors[GENERATIONS];

/* Another mapping of the same shared pages; NULL: they are none, or there is no room. */
static void *map_again(const void *pages, size_t bytes)
{
	bytes = mt_pages_round(bytes);
	long at = mt_syscall6(SYS_mremap, (long)pages, 0, (long)bytes, MREMAP_MAYMOVE, 0,
			      0);
	if (!mt_syscall_is_address(at))
		return NULL;
	mt_syscall3(SYS_mprotect, at, (long)bytes, PROT_READ);
	return (void *)at;
}

void ancestors_keep(void)
{
	if (inherited_generation >= GENERATIONS)
		return;
	struct tables *tables = &ancestors[inherited_generation];
	uint32_t nodes = atomic_load(&mt_state.header->used.nodes);
	uint32_t tracebacks = atomic_load(&mt_state.header->used.tracebacks);
	if (!nodes || !tracebacks)
		return;
	tables->nodes = map_again(mt_state.nodes, nodes * sizeof *tables->nodes);
	tables->tracebacks =
		map_again(mt_state.tracebacks, tracebacks * sizeof *tables->tracebacks);
	if (tables->nodes && tables->tracebacks) {
		tables->node_count = nodes;
		tables->traceback_count = tracebacks;
	}
}

/* The next outer frame, or the root. */
static mt_node_id outer(const struct tables *tables, mt_node_id node)
{
	return node >= MT_FIRST_NODE && node < tables->node_count
		       ? tables->nodes[node].parent
		       : MT_NODE_NONE;
}

static mt_node_id intern_frame(mt_node_id parent, const struct mt_state_node *node)
{
	uint32_t module = mt_modules_id(node->pc);
	return mt_tracebacks_intern(parent, mt_frame_key_make(node->pc, module),
				    node->traceback_kind >> MT_NODE_KIND_SHIFT);
}

/* From the root inwards: chain has `count` frames, the innermost first, then the root. */
static mt_node_id intern(const struct tables *tables, const mt_node_id *chain,
			 size_t count)
{
	mt_node_id node = chain[count];
	while (node && count-- > 0)
		node = intern_frame(node, &tables->nodes[chain[count]]);
	return node;
}

mt_traceback_id ancestors_traceback(mt_traceback_id id, uint32_t generation)
{
	if (generation == inherited_generation)
		return id;
	const struct tables *tables =
		generation < GENERATIONS ? &ancestors[generation] : NULL;
	if (!tables || !id || id >= tables->traceback_count)
		return 0;
	size_t count = 0;
	mt_node_id leaf = tables->tracebacks[id];
	for (mt_node_id node = leaf; node >= MT_FIRST_NODE; node = outer(tables, node))
		count++;
	size_t bytes = mt_pages_round((count + 1) * sizeof(mt_node_id));
	mt_node_id *chain = count <= MT_MAX_DEPTH ? mt_pages_map(bytes) : NULL;
	if (!chain)
		return 0;
	mt_node_id node = leaf;
	for (size_t i = 0; i <= count; i++, node = outer(tables, node))
		chain[i] = node;
	node = intern(tables, chain, count);
	mt_pages_unmap(chain, bytes);
	return node ? mt_tracebacks_own(node) : 0;
}
