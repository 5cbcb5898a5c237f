/*
 * debug-blocks.c - see debug-blocks.h.
 * Inside the traced process.
 */
#include "preload/debug-blocks.h"

#include "preload/arenas.h"
#include "preload/inherited.h"
#include "tracer/record/pages.h"

enum {
	GRANULE_SHIFT = 4,
	SPAN_SHIFT = 20, /* addresses of a shadow */
	SPAN_WORDS = 1 << (SPAN_SHIFT - GRANULE_SHIFT),
	STRETCH_SHIFT = 9, /* words in a page of the shadow */
	STRETCH_WORDS = 1 << STRETCH_SHIFT,
	STRETCHES = SPAN_WORDS / STRETCH_WORDS,
	BEYOND_WORDS = 3, /* a record that begins in the last granule */
	BRANCH_SHIFT = 14,
	BRANCHES = 1 << BRANCH_SHIFT,
	ADDRESS_BITS = 47,
	ROOTS = 1 << (ADDRESS_BITS - SPAN_SHIFT - BRANCH_SHIFT),

	STATE_MASK = 3,
};

/* The records of a megabyte, most of whose pages are never touched. */
struct span {
	uint64_t words[SPAN_WORDS + BEYOND_WORDS];
	_Atomic uint64_t used[STRETCHES / 64]; /* stretches that ever had a record */
};

struct branch {
	_Atomic(void *) spans[BRANCHES]; /* struct span */
};

static _Atomic(void *) roots[ROOTS] MT_PAGES_COLD; /* struct branch */

uint64_t *debug_small_shadow;
static size_t shadowed_bytes; /* of the heap */

/* What is at *place, made if need be: whoever comes second takes the first one's. */
static void *grow(_Atomic(void *) *place, size_t bytes)
{
	void *old = NULL;
	void *pages = mt_pages_map_sparse(mt_pages_round(bytes));
	if (!pages || atomic_compare_exchange_strong(place, &old, pages))
		return pages;
	mt_pages_unmap(pages, mt_pages_round(bytes));
	return old;
}

static uintptr_t span_of(const void *p)
{
	return (uintptr_t)p >> SPAN_SHIFT;
}

/* The shadow of addresses; NULL: there is none. */
static struct span *find_span(uintptr_t span)
{
	if (span >> BRANCH_SHIFT >= ROOTS)
		return NULL;
	struct branch *branch =
		atomic_load_explicit(&roots[span >> BRANCH_SHIFT], memory_order_acquire);
	return branch ? atomic_load_explicit(&branch->spans[span & (BRANCHES - 1)],
					     memory_order_acquire)
		      : NULL;
}

static struct span *make_span(uintptr_t span)
{
	if (span >> BRANCH_SHIFT >= ROOTS)
		return NULL;
	_Atomic(void *) *root = &roots[span >> BRANCH_SHIFT];
	struct branch *branch = atomic_load_explicit(root, memory_order_acquire);
	if (!branch)
		branch = grow(root, sizeof *branch);
	return branch ? grow(&branch->spans[span & (BRANCHES - 1)], sizeof(struct span))
		      : NULL;
}

static uint32_t word_of(const void *p)
{
	return (uint32_t)((uintptr_t)p >> GRANULE_SHIFT) & (SPAN_WORDS - 1);
}

struct debug_record *debug_blocks_find_other(const void *p)
{
	struct span *span = find_span(span_of(p));
	return span ? (struct debug_record *)&span->words[word_of(p)] : NULL;
}

static bool is_used(const struct span *span, uint32_t stretch)
{
	uint64_t used =
		atomic_load_explicit(&span->used[stretch / 64], memory_order_relaxed);
	return used >> stretch % 64 & 1;
}

struct debug_record *debug_blocks_place_other(const void *p)
{
	struct span *span = find_span(span_of(p));
	uint32_t word = word_of(p), stretch = word >> STRETCH_SHIFT;
	if (__builtin_expect(!span, 0))
		span = make_span(span_of(p));
	if (!span)
		return NULL;
	if (__builtin_expect(!is_used(span, stretch), 0))
		atomic_fetch_or(&span->used[stretch / 64], UINT64_C(1) << stretch % 64);
	return (struct debug_record *)&span->words[word];
}

static size_t shadow_bytes(size_t heap_bytes)
{
	return mt_pages_round((heap_bytes >> GRANULE_SHIFT) * sizeof(uint64_t) +
			      sizeof(struct debug_record));
}

void debug_blocks_start(void)
{
	if (!mt_state.heap_bytes)
		return;
	shadowed_bytes = mt_state.heap_bytes;
	debug_small_shadow = mt_pages_map_sparse(shadow_bytes(shadowed_bytes));
}

void debug_blocks_populate(const void *heap, size_t heap_bytes)
{
	if (debug_small_shadow)
		mt_pages_populate(debug_small_record(heap),
				  (heap_bytes >> GRANULE_SHIFT) * sizeof(uint64_t));
}

void debug_blocks_shrink(void)
{
	size_t old = shadow_bytes(shadowed_bytes);
	size_t new = shadow_bytes(mt_state.heap_bytes);
	if (!debug_small_shadow || new >= old)
		return;
	mt_pages_unmap((char *)debug_small_shadow + new, old - new);
	shadowed_bytes = mt_state.heap_bytes;
}

static uint64_t generation(void)
{
	return (uint64_t)inherited_generation << DEBUG_GENERATION_SHIFT;
}

bool debug_record_is_own(const struct debug_record *record)
{
	return record->size >> DEBUG_GENERATION_SHIFT ==
	       generation() >> DEBUG_GENERATION_SHIFT;
}

void debug_record_begin(struct debug_record *record, struct debug_word word, size_t size,
			uint64_t serial)
{
	record->size = (uint64_t)size << DEBUG_FIELD_SHIFT | generation();
	record->serial =
		serial << DEBUG_FIELD_SHIFT << DEBUG_NUMBER_SPARE >> DEBUG_NUMBER_SPARE |
		generation();
	atomic_store_explicit(&record->word, debug_word_make(word), memory_order_release);
}

void debug_record_note_free(struct debug_record *record)
{
	if (record->serial >> DEBUG_GENERATION_SHIFT !=
	    generation() >> DEBUG_GENERATION_SHIFT)
		record->serial =
			record->serial << DEBUG_NUMBER_SPARE >> DEBUG_NUMBER_SPARE |
			generation();
}

static const void *address_of(uintptr_t span, uint32_t word)
{
	return (const void *)(span << SPAN_SHIFT | (uintptr_t)word << GRANULE_SHIFT);
}

static bool is_record(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE) & STATE_MASK;
}

/* To the next lower span whose branch is there. */
static bool step_down(uintptr_t *at)
{
	if (!(*at)--)
		return false;
	while (!roots[*at >> BRANCH_SHIFT]) {
		if (!(*at >> BRANCH_SHIFT))
			return false;
		*at = (*at >> BRANCH_SHIFT << BRANCH_SHIFT) - 1;
	}
	return true;
}

/* No block crosses the border of a pool. */
static const void *small_below(const void *p, struct debug_record **record)
{
	size_t offset = (size_t)((const unsigned char *)p - mt_state.heap);
	size_t pool = offset >> pymalloc.geometry.pool_shift
					<< pymalloc.geometry.pool_shift;
	for (size_t i = (offset >> GRANULE_SHIFT) + 1; i-- > pool >> GRANULE_SHIFT;)
		if (is_record(&debug_small_shadow[i])) {
			*record = (struct debug_record *)&debug_small_shadow[i];
			return mt_state.heap + (i << GRANULE_SHIFT);
		}
	return NULL;
}

const void *debug_blocks_below(const void *p, struct debug_record **record)
{
	if (debug_is_shadowed(p))
		return small_below(p, record);
	uintptr_t at = span_of(p);
	uint32_t words = word_of(p) + 1;
	if (at >> BRANCH_SHIFT >= ROOTS)
		return NULL;
	do {
		struct span *span = find_span(at);
		for (uint32_t i = words; span && i-- > 0;)
			if (is_record(&span->words[i])) {
				*record = (struct debug_record *)&span->words[i];
				return address_of(at, i);
			}
		words = SPAN_WORDS;
	} while (step_down(&at));
	return NULL;
}

/* Where its blocks begin: what lies between is not read, nor made by reading it. */
static void visit_pool(uint32_t pool_index,
		       void (*visit)(void *, void *, struct debug_record *),
		       void *context)
{
	size_t bytes = (size_t)1 << pymalloc.geometry.pool_shift;
	size_t block_bytes = pymalloc.tags[pool_index].block_bytes;
	unsigned char *pool = mt_state.heap + pool_index * bytes;
	size_t at = PYMALLOC_POOL_HEADER_BYTES;
	for (; block_bytes && at + block_bytes <= bytes; at += block_bytes) {
		unsigned char *p = pool + at + MT_DEBUG_LEAD_BYTES;
		struct debug_record *record = debug_small_record(p);
		if (is_record((const uint64_t *)record))
			visit(context, p, record);
	}
}

static void visit_small(void (*visit)(void *, void *, struct debug_record *),
			void *context)
{
	for (uint32_t i = 0; i < arenas_pool_limit(); i++)
		if (arenas_is_carved(i) && mt_state.pools[i].state != MT_POOL_EMPTY)
			visit_pool(i, visit, context);
}

static void visit_span(uintptr_t at, struct span *span,
		       void (*visit)(void *, void *, struct debug_record *),
		       void *context)
{
	for (uint32_t i = 0; i < SPAN_WORDS; i++) {
		if (!is_used(span, i >> STRETCH_SHIFT))
			i |= STRETCH_WORDS - 1;
		else if (is_record(&span->words[i]))
			visit(context, (void *)address_of(at, i),
			      (struct debug_record *)&span->words[i]);
	}
}

void debug_blocks_each(void (*visit)(void *context, void *block,
				     struct debug_record *record),
		       void *context)
{
	if (debug_small_shadow)
		visit_small(visit, context);
	for (uintptr_t root = 0; root < ROOTS; root++) {
		struct branch *branch = atomic_load(&roots[root]);
		for (uintptr_t i = 0; branch && i < BRANCHES; i++) {
			struct span *span = atomic_load(&branch->spans[i]);
			if (span)
				visit_span(root << BRANCH_SHIFT | i, span, visit,
					   context);
		}
	}
}
