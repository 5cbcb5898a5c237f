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
	BRANCH_SHIFT = 14,
	BRANCHES = 1 << BRANCH_SHIFT,
	ADDRESS_BITS = 47,
	ROOTS = 1 << (ADDRESS_BITS - SPAN_SHIFT - BRANCH_SHIFT),
	/* A record that begins in the last granules of the span ends beyond them. */
	SPAN_BYTES = (SPAN_WORDS + 2) * sizeof(uint64_t),

	SIZE_SHIFT = 2,
	GENERATION_SHIFT = 50,
	STATE_MASK = 3,
};

struct branch {
	_Atomic(void *) spans[BRANCHES]; /* uint64_t[SPAN_WORDS + 2] */
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
static uint64_t *find_span(uintptr_t span)
{
	if (span >> BRANCH_SHIFT >= ROOTS)
		return NULL;
	struct branch *branch =
		atomic_load_explicit(&roots[span >> BRANCH_SHIFT], memory_order_acquire);
	return branch ? atomic_load_explicit(&branch->spans[span & (BRANCHES - 1)],
					     memory_order_acquire)
		      : NULL;
}

static uint64_t *make_span(uintptr_t span)
{
	if (span >> BRANCH_SHIFT >= ROOTS)
		return NULL;
	_Atomic(void *) *root = &roots[span >> BRANCH_SHIFT];
	struct branch *branch = atomic_load_explicit(root, memory_order_acquire);
	if (!branch)
		branch = grow(root, sizeof *branch);
	return branch ? grow(&branch->spans[span & (BRANCHES - 1)], SPAN_BYTES) : NULL;
}

static uint32_t word_of(const void *p)
{
	return (uint32_t)((uintptr_t)p >> GRANULE_SHIFT) & (SPAN_WORDS - 1);
}

struct debug_record *debug_blocks_find_other(const void *p)
{
	uint64_t *span = find_span(span_of(p));
	return span ? (struct debug_record *)&span[word_of(p)] : NULL;
}

struct debug_record *debug_blocks_place_other(const void *p)
{
	uint64_t *span = find_span(span_of(p));
	if (__builtin_expect(!span, 0))
		span = make_span(span_of(p));
	return span ? (struct debug_record *)&span[word_of(p)] : NULL;
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
	return (uint64_t)inherited_generation << GENERATION_SHIFT;
}

bool debug_record_is_own(const struct debug_record *record)
{
	return record->size >> GENERATION_SHIFT == generation() >> GENERATION_SHIFT;
}

void debug_record_begin(struct debug_record *record, struct debug_word word, size_t size,
			uint64_t serial)
{
	record->size = (uint64_t)size << SIZE_SHIFT | generation();
	record->serial = serial << SIZE_SHIFT;
	atomic_store_explicit(&record->word, debug_word_make(word), memory_order_release);
}

void debug_record_adopt(struct debug_record *record, struct debug_word *word)
{
	if (debug_record_is_own(record))
		return;
	word->allocated = 0;
	record->size =
		record->size << (64 - GENERATION_SHIFT) >> (64 - GENERATION_SHIFT) |
		generation();
	atomic_store_explicit(&record->word, debug_word_make(*word),
			      memory_order_release);
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
		uint64_t *span = find_span(at);
		for (uint32_t i = words; span && i-- > 0;)
			if (is_record(&span[i])) {
				*record = (struct debug_record *)&span[i];
				return address_of(at, i);
			}
		words = SPAN_WORDS;
	} while (step_down(&at));
	return NULL;
}

static void visit_small(void (*visit)(void *, void *, struct debug_record *),
			void *context)
{
	size_t bytes = (size_t)arenas_pool_limit() << pymalloc.geometry.pool_shift;
	if (bytes > mt_state.heap_bytes)
		bytes = mt_state.heap_bytes;
	for (size_t i = 0; i < bytes >> GRANULE_SHIFT; i++)
		if (is_record(&debug_small_shadow[i]))
			visit(context, mt_state.heap + (i << GRANULE_SHIFT),
			      (struct debug_record *)&debug_small_shadow[i]);
}

static void visit_span(uintptr_t at, uint64_t *span,
		       void (*visit)(void *, void *, struct debug_record *),
		       void *context)
{
	for (uint32_t i = 0; i < SPAN_WORDS; i++)
		if (is_record(&span[i]))
			visit(context, (void *)address_of(at, i),
			      (struct debug_record *)&span[i]);
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
			uint64_t *span = atomic_load(&branch->spans[i]);
			if (span)
				visit_span(root << BRANCH_SHIFT | i, span, visit,
					   context);
		}
	}
}
