/*
 * tracebacks.c - the tree of tracebacks, its twigs, and the index for what does not fit there.
 * Inside the traced process: lock-free, memory by mmap.
 *
 * Twigs come in segments, which appear when an id in them is given. A twig is written before
 * its node's id is known to anybody; children are added by one compare-and-swap each and
 * stay. A node whose parent has four children already is found by the index:
 * one open-addressed table of words, each a part of a frame's hash and its
 * node. A frame's first eight places are the cache line that its parent's id points to: ids
 * follow the order in which a program first went through its stacks, and what it does
 * again touches neighbouring lines, of the index and of the twigs, which decide.
 * Where a line is full, others follow in steps from the hash. An entry is made by one
 * compare-and-swap, when its node is complete, and never changes. When the table is half full,
 * one twice as large takes its place and names it as older; every later insertion moves a
 * few entries over, and until that is done lookups try both. Nobody waits for a thread that
 * stands still with entries to move: then there are more than two tables for a while. A
 * node that falls between tables is interned again, which is harmless.
 */
#include "tracer/record/tracebacks.h"

#include "tracer/record/pages.h"
#include "tracer/record/state.h"

enum {
	FIRST_CAPACITY = 1024,
	MIGRATE_STEP = 8,
	LINE = 8,        /* entries in a cache line */
	MAX_LINES = 256, /* so many are full only where the index could not grow */
	TAG_SHIFT = 32,
	NODES_STRIDE = 512,
	TRACEBACKS_STRIDE = 4096,
};

struct mt_twig *_Atomic mt_twig_segments[MT_TWIG_SEGMENTS];

struct index {
	uint64_t mask;
	_Atomic uint64_t used;
	struct index *_Atomic older; /* NULL: all that it had is here */
	/* Entries given to somebody to move, and those that were: multiples of MIGRATE_STEP. */
	_Atomic uint64_t next, moved;
	_Alignas(64) _Atomic uint64_t entries[]; /* tag << 32 | node; 0: free */
};

static struct index *_Atomic table;

/* A frame to be found. */
struct wanted {
	mt_frame_key key;
	mt_node_id parent;
	uint32_t kind;
	uint64_t hash;
};

static size_t index_bytes(uint64_t capacity)
{
	return sizeof(struct index) + capacity * sizeof(uint64_t);
}

static struct index *create_index(uint64_t capacity)
{
	struct index *index = mt_pages_map_sparse(index_bytes(capacity));
	if (!index)
		return NULL;
	mt_pages_populate(index, index_bytes(capacity));
	index->mask = capacity - 1;
	return index;
}

static inline struct wanted want(mt_node_id parent, mt_frame_key key, uint32_t kind)
{
	uint64_t mixed =
		(key ^ (uint64_t)kind << MT_PC_BITS) * UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 32 ^ parent) * UINT64_C(0xd6e8feb86659fd93);
	return (struct wanted){
		.key = key, .parent = parent, .kind = kind, .hash = mixed ^ mixed >> 29};
}

/* Which lines a frame's entry may be in, in this order. */
struct search {
	struct index *index;
	uint64_t line, step;
	int count;
};

static inline struct search begin_search(struct index *index, const struct wanted *frame)
{
	return (struct search){.index = index, .line = frame->parent};
}

static inline _Atomic uint64_t *line_of(const struct search *search)
{
	return &search->index->entries[search->line * LINE & search->index->mask];
}

/* False: there is no place left to look. */
static inline bool go_on(struct search *search, const struct wanted *frame)
{
	if (!search->count++) {
		search->line = frame->hash;
		search->step = frame->hash >> 40 | 1;
	}
	search->line += search->step;
	return search->count < MAX_LINES;
}

static inline bool is_tag(uint64_t entry, const struct wanted *frame)
{
	return entry >> TAG_SHIFT == (uint32_t)frame->hash;
}

static inline bool is_node(mt_node_id id, const struct wanted *frame)
{
	const struct mt_twig *twig = mt_twig_of(id);
	return twig->key == frame->key && twig->parent == frame->parent &&
	       __atomic_load_n(&twig->traceback_kind, __ATOMIC_RELAXED) >>
			       MT_NODE_KIND_SHIFT ==
		       frame->kind;
}

/* *is_last: there is a free place, no other line has the frame. */
static inline mt_node_id find_in_line(_Atomic uint64_t *line, const struct wanted *frame,
				      bool *is_last)
{
	*is_last = false;
	for (_Atomic uint64_t *place = line; place < line + LINE; place++) {
		uint64_t entry = atomic_load_explicit(place, memory_order_acquire);
		if (is_tag(entry, frame) && is_node((mt_node_id)entry, frame))
			return (mt_node_id)entry;
		if (!entry) {
			*is_last = true;
			break;
		}
	}
	return MT_NODE_NONE;
}

static mt_node_id find_in(struct index *index, const struct wanted *frame)
{
	struct search search = begin_search(index, frame);
	mt_node_id node;
	bool is_last;
	do {
		node = find_in_line(line_of(&search), frame, &is_last);
	} while (!node && !is_last && go_on(&search, frame));
	return node;
}

static bool claim(struct index *index, _Atomic uint64_t *place, uint64_t entry)
{
	uint64_t there = 0;
	if (atomic_load_explicit(place, memory_order_relaxed) ||
	    !atomic_compare_exchange_strong_explicit(
		    place, &there, entry, memory_order_release, memory_order_relaxed))
		return false;
	atomic_fetch_add_explicit(&index->used, 1, memory_order_relaxed);
	return true;
}

static void insert(struct index *index, const struct wanted *frame, mt_node_id node)
{
	uint64_t entry = (uint64_t)(uint32_t)frame->hash << TAG_SHIFT | node;
	struct search search = begin_search(index, frame);
	do {
		_Atomic uint64_t *line = line_of(&search);
		for (int i = 0; i < LINE; i++)
			if (claim(index, &line[i], entry))
				return;
	} while (go_on(&search, frame));
}

static void move_node(struct index *index, mt_node_id id)
{
	const struct mt_twig *twig = mt_twig_of(id);
	uint32_t kind = __atomic_load_n(&twig->traceback_kind, __ATOMIC_RELAXED) >>
			MT_NODE_KIND_SHIFT;
	const struct wanted frame = want(twig->parent, twig->key, kind);
	insert(index, &frame, id);
}

static inline struct index *older_of(struct index *index)
{
	return atomic_load_explicit(&index->older, memory_order_acquire);
}

static mt_node_id find(struct index *index, const struct wanted *frame)
{
	mt_node_id node = MT_NODE_NONE;
	for (; index && !node; index = older_of(index))
		node = find_in(index, frame);
	return node;
}

/* Others may still look into it: they find it empty, and its range stays. */
static void empty(struct index *index)
{
	mt_pages_discard((char *)index + MT_PAGE_BYTES,
			 mt_pages_round(index_bytes(index->mask + 1)) - MT_PAGE_BYTES);
}

/* True: these were the last. */
static bool move_entries(struct index *from, struct index *to, uint64_t first)
{
	for (uint64_t i = first; i < first + MIGRATE_STEP; i++) {
		uint64_t entry =
			atomic_load_explicit(&from->entries[i], memory_order_acquire);
		if (entry)
			move_node(to, (mt_node_id)entry);
	}
	return atomic_fetch_add_explicit(&from->moved, MIGRATE_STEP,
					 memory_order_acq_rel) +
		       MIGRATE_STEP >
	       from->mask;
}

static inline bool is_moved(const struct index *index)
{
	return atomic_load_explicit(&index->moved, memory_order_acquire) > index->mask;
}

/* A few more entries of the oldest table that has some left. */
static void move_some(struct index *index)
{
	struct index *from = NULL, *newer = index;
	for (struct index *older; (older = older_of(newer)); newer = older) {
		if (!older_of(older) && is_moved(older)) {
			atomic_store_explicit(&newer->older, NULL, memory_order_release);
			break;
		}
		if (atomic_load_explicit(&older->next, memory_order_relaxed) <=
		    older->mask)
			from = older;
	}
	if (!from)
		return;
	uint64_t first = atomic_fetch_add_explicit(&from->next, MIGRATE_STEP,
						   memory_order_relaxed);
	if (first <= from->mask && move_entries(from, index, first))
		empty(from);
}

/* Whoever is first; where memory is missing, the table goes on as it is. */
static void grow(struct index *index)
{
	struct index *larger = create_index((index->mask + 1) * 2);
	if (!larger)
		return;
	atomic_store_explicit(&larger->older, index, memory_order_relaxed);
	if (!atomic_compare_exchange_strong(&table, &index, larger))
		mt_pages_unmap(larger, index_bytes(larger->mask + 1));
}

/* As large as a huge page, and in place of one where there are many. */
static struct mt_twig *map_segment(bool is_first)
{
	const size_t bytes = MT_TWIGS * sizeof(struct mt_twig);
	if (is_first)
		return mt_pages_map_sparse(bytes);
	char *pages = mt_pages_map(2 * bytes);
	if (!pages)
		return NULL;
	size_t before = -(uintptr_t)pages % bytes;
	if (before)
		mt_pages_unmap(pages, before);
	mt_pages_unmap(pages + before + bytes, bytes - before);
	mt_pages_want_huge(pages + before, bytes);
	return (struct mt_twig *)(pages + before);
}

/* False: no memory for the twig of this id. */
static bool open_segment(mt_node_id id)
{
	struct mt_twig *_Atomic *place = &mt_twig_segments[id >> MT_TWIGS_BITS];
	if (__builtin_expect(atomic_load_explicit(place, memory_order_acquire) != NULL,
			     1))
		return true;
	struct mt_twig *there = NULL, *segment = map_segment(id < MT_TWIGS);
	if (!segment)
		return false;
	if (!atomic_compare_exchange_strong(place, &there, segment))
		mt_pages_unmap(segment, MT_TWIGS * sizeof(struct mt_twig));
	return true;
}

static mt_node_id lose_node(void)
{
	mt_state_lose(MT_LOSS_NODES_FULL);
	return MT_NODE_NONE;
}

/* The node's pages and those of some that follow, unless that was done. */
static void make_present(mt_node_id id)
{
	mt_node_id first = id == MT_FIRST_NODE ? 0 : id;
	uint32_t stride = mt_pages_stride(first, NODES_STRIDE);
	if (__builtin_expect(!stride || stride > mt_state.max_nodes - first, 1))
		return;
	mt_pages_populate(&mt_state.nodes[first], stride * sizeof *mt_state.nodes);
	mt_pages_populate(mt_twig_of(first), stride * sizeof(struct mt_twig));
}

static mt_node_id add_node(mt_node_id parent, mt_frame_key key, uint32_t kind)
{
	_Atomic uint32_t *used = &mt_state.header->used.nodes;
	uint32_t limit = mt_state.max_nodes;
	mt_node_id id = atomic_load_explicit(used, memory_order_relaxed);
	do {
		if (id >= limit || !open_segment(id))
			return lose_node();
	} while (!atomic_compare_exchange_weak_explicit(
		used, &id, id + 1, memory_order_relaxed, memory_order_relaxed));
	make_present(id);
	struct mt_state_node *node = &mt_state.nodes[id];
	node->pc = mt_frame_key_pc(key);
	node->module = (uint16_t)(key >> MT_PC_BITS);
	node->traceback_kind = kind << MT_NODE_KIND_SHIFT;
	__atomic_store_n(&node->parent, parent, __ATOMIC_RELEASE);
	struct mt_twig *twig = mt_twig_of(id);
	twig->key = key;
	twig->traceback_kind = kind << MT_NODE_KIND_SHIFT;
	__atomic_store_n(&twig->parent, parent, __ATOMIC_RELEASE);
	return id;
}

/* What the parent of a fork had is not the child's. */
static void forget_twigs(void)
{
	struct mt_twig *segment;
	for (int i = 0; i < MT_TWIG_SEGMENTS && (segment = mt_twig_segments[i]); i++)
		mt_pages_discard(segment, MT_TWIGS * sizeof *segment);
}

static void unmap_index(struct index *index)
{
	for (struct index *older; index; index = older) {
		older = older_of(index);
		mt_pages_unmap(index, index_bytes(index->mask + 1));
	}
}

bool mt_tracebacks_start(void)
{
	unmap_index(atomic_exchange(&table, NULL));
	forget_twigs();
	if (atomic_load(&mt_state.header->used.nodes) < MT_FIRST_NODE)
		atomic_store(&mt_state.header->used.nodes, MT_FIRST_NODE);
	if (!atomic_load(&mt_state.header->used.tracebacks))
		atomic_store(&mt_state.header->used.tracebacks, 1);
	return open_segment(0);
}

/* The first one is made when a node has more children than its twig. NULL: no memory. */
static struct index *current_index(void)
{
	struct index *index = atomic_load_explicit(&table, memory_order_acquire);
	if (__builtin_expect(index != NULL, 1))
		return index;
	struct index *first = create_index(FIRST_CAPACITY);
	if (!first || atomic_compare_exchange_strong(&table, &index, first))
		return first;
	unmap_index(first);
	return index;
}

static mt_node_id intern_by_index(mt_node_id parent, mt_frame_key key, uint32_t kind)
{
	const struct wanted frame = want(parent, key, kind);
	struct index *index = current_index();
	if (!index)
		return lose_node();
	mt_node_id node = find(index, &frame);
	if (node)
		return node;
	move_some(index);
	/* Half of the places stays free, so that every search ends soon. */
	uint64_t used = atomic_load_explicit(&index->used, memory_order_relaxed);
	if (used >= (index->mask + 1) / 2)
		grow(index);
	node = used < index->mask ? add_node(parent, key, kind) : lose_node();
	if (node)
		insert(atomic_load_explicit(&table, memory_order_acquire), &frame, node);
	return node;
}

/* At the first free place, i or behind it: another thread may be faster. */
static mt_node_id add_child(struct mt_twig *twig, int i, mt_node_id parent,
			    mt_frame_key key, uint32_t kind)
{
	mt_node_id node = add_node(parent, key, kind);
	for (; node && i < MT_TWIG_CHILDREN; i++) {
		uint32_t there = 0;
		if (atomic_compare_exchange_strong_explicit(
			    &twig->children[i], &there, node | mt_twig_tag(key),
			    memory_order_release, memory_order_acquire))
			return node;
		if (mt_twig_of_child(there, key, kind))
			return mt_twig_child_id(there);
	}
	struct index *index = node ? current_index() : NULL;
	if (index) {
		const struct wanted frame = want(parent, key, kind);
		insert(index, &frame, node);
	}
	return node;
}

mt_node_id mt_tracebacks_intern(mt_node_id parent, mt_frame_key key, uint32_t kind)
{
	struct mt_twig *twig = mt_twig_of(parent);
	for (int i = 0; i < MT_TWIG_CHILDREN; i++) {
		uint32_t child =
			atomic_load_explicit(&twig->children[i], memory_order_acquire);
		if (!child)
			return add_child(twig, i, parent, key, kind);
		if (mt_twig_of_child(child, key, kind))
			return mt_twig_child_id(child);
	}
	return intern_by_index(parent, key, kind);
}

mt_traceback_id mt_tracebacks_own(mt_node_id node)
{
	enum {
		ID_MASK = MT_MAX_TRACEBACKS - 1
	};
	uint32_t *place = &mt_state.nodes[node].traceback_kind;
	uint32_t *twigs = &mt_twig_of(node)->traceback_kind;
	uint32_t there = __atomic_load_n(place, __ATOMIC_RELAXED);
	if (there & ID_MASK) {
		__atomic_store_n(twigs, there, __ATOMIC_RELAXED);
		return there & ID_MASK;
	}
	_Atomic uint32_t *used = &mt_state.header->used.tracebacks;
	mt_traceback_id id = atomic_load_explicit(used, memory_order_relaxed);
	do {
		if (id >= mt_state.max_tracebacks || id >= MT_MAX_TRACEBACKS) {
			mt_state_lose(MT_LOSS_TRACEBACKS_FULL);
			return 0;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		used, &id, id + 1, memory_order_relaxed, memory_order_relaxed));
	uint32_t stride = mt_pages_stride(id == 1 ? 0 : id, TRACEBACKS_STRIDE);
	if (__builtin_expect(stride && stride <= mt_state.max_tracebacks - id, 0))
		mt_pages_populate(&mt_state.tracebacks[id],
				  stride * sizeof *mt_state.tracebacks);
	atomic_store_explicit(&mt_state.tracebacks[id], node, memory_order_release);
	if (__atomic_compare_exchange_n(place, &there, there | id, false,
					__ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(twigs, there | id, __ATOMIC_RELAXED);
		return id;
	}
	/* Another thread was first; this id stays unused. */
	atomic_store_explicit(&mt_state.tracebacks[id], MT_NODE_NONE,
			      memory_order_release);
	return there & ID_MASK;
}
