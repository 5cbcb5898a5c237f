/*
 * pins.c - see pins.h. Outside.
 */
#include "tracer/analyze/pins.h"

#include "tracer/analyze/vector.h"

#include <string.h>

/* Blocks of a site in a pool. */
struct holder {
	uint32_t pool;
	mt_location_id site;
	uint64_t blocks;
};

struct work {
	struct mt_pins *pins;
	const struct mt_places *places;
	struct holder *holders; /* by pool and site */
	size_t holder_count;
	struct mt_index index; /* of pins by their sites */
	bool has_threads;
};

/* The sites that hold a pool or an arena; too_many: or not all of them are known. */
struct set {
	struct mt_pin pin;
	bool has_too_many;
};

mt_location_id mt_pins_site(const struct mt_places *places,
			    const struct mt_callsites *callsites, uint32_t traceback)
{
	uint32_t node = mt_trace_node(places->trace, traceback);
	return callsites->location_of_node[node] ? mt_callsites_get(callsites, node)
						 : MT_LOCATION_UNKNOWN;
}

static int compare_holders(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	if (x->pool != y->pool)
		return x->pool < y->pool ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

static int make_holders(struct work *work, const struct mt_callsites *callsites,
			struct mt_error *err)
{
	const struct mt_places *places = work->places;
	work->holders = calloc(places->pins.count + 1, sizeof *work->holders);
	if (!work->holders)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < places->pins.count; i++) {
		const struct mt_record_pin *pin = &places->pins.list[i];
		work->holders[i] = (struct holder){
			pin->pool, mt_pins_site(places, callsites, pin->traceback),
			pin->count};
	}
	work->holder_count = places->pins.count;
	if (work->holder_count)
		qsort(work->holders, work->holder_count, sizeof *work->holders,
		      compare_holders);
	return 0;
}

static void add_site(struct set *set, mt_location_id site, uint64_t blocks)
{
	struct mt_pin *pin = &set->pin;
	uint32_t i = 0;
	while (i < pin->site_count && pin->sites[i].site != site)
		i++;
	if (i == MT_PINS_MAX_SITES) {
		set->has_too_many = true;
		return;
	}
	if (i == pin->site_count)
		pin->sites[pin->site_count++] = (struct mt_pin_site){.site = site};
	pin->sites[i].blocks += blocks;
	pin->blocks += blocks;
}

/* *at is the first holder that is not of an earlier pool; it moves on. */
static struct set holders_of(const struct work *work, const struct mt_record_pool *pool,
			     size_t *at)
{
	struct set set = {0};
	uint64_t known = 0;
	while (*at < work->holder_count && work->holders[*at].pool < pool->index)
		++*at;
	for (; *at < work->holder_count && work->holders[*at].pool == pool->index;
	     ++*at) {
		add_site(&set, work->holders[*at].site, work->holders[*at].blocks);
		known += work->holders[*at].blocks;
	}
	set.has_too_many |= known != pool->used;
	return set;
}

static void merge(struct set *sum, const struct set *set)
{
	sum->has_too_many |= set->has_too_many;
	for (uint32_t i = 0; i < set->pin.site_count; i++)
		add_site(sum, set->pin.sites[i].site, set->pin.sites[i].blocks);
}

static int compare_sites(const void *a, const void *b)
{
	const struct mt_pin_site *x = a, *y = b;
	return x->site < y->site ? -1 : x->site > y->site;
}

static int compare_by_blocks(const void *a, const void *b)
{
	const struct mt_pin_site *x = a, *y = b;
	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	return compare_sites(a, b);
}

static bool is_same(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_pin *a = &((const struct work *)owner)->pins->list.list[id];
	const struct mt_pin *b = wanted;
	bool is_alike = !a->arenas == !b->arenas && a->site_count == b->site_count;
	for (uint32_t i = 0; is_alike && i < a->site_count; i++)
		is_alike = a->sites[i].site == b->sites[i].site;
	return is_alike;
}

static int add_pin(struct work *work, struct mt_pin *pin, struct mt_error *err)
{
	struct mt_pins *pins = work->pins;
	qsort(pin->sites, pin->site_count, sizeof *pin->sites, compare_sites);
	uint64_t hash = pin->arenas != 0;
	for (uint32_t i = 0; i < pin->site_count; i++)
		hash = mt_hash_word(hash, pin->sites[i].site);
	uint32_t id = mt_index_find(&work->index, hash, is_same, work, pin);
	if (id == MT_INDEX_NONE) {
		struct mt_pin *grown =
			mt_vector_reserve(pins->list.list, &pins->list.capacity,
					  pins->list.count + 1, sizeof *grown, err);
		if (!grown)
			return MT_ERR_NO_MEMORY;
		pins->list.list = grown;
		grown[pins->list.count] = *pin;
		return mt_index_add(&work->index, hash, (uint32_t)pins->list.count++,
				    err);
	}
	struct mt_pin *sum = &pins->list.list[id];
	for (uint32_t i = 0; i < pin->site_count; i++)
		sum->sites[i].blocks += pin->sites[i].blocks;
	sum->blocks += pin->blocks;
	sum->arenas += pin->arenas;
	sum->pools += pin->pools;
	sum->bytes += pin->bytes;
	return 0;
}

/* Of an arena that is held by too many: its pools, where few hold them. */
static int add_pools(struct work *work, const struct mt_record_pool *pools, size_t count,
		     size_t at, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct set set = holders_of(work, &pools[i], &at);
		set.pin.pools = 1;
		set.pin.bytes = work->places->geometry.pool_bytes;
		if (pools[i].used && !set.has_too_many)
			rc = add_pin(work, &set.pin, err);
	}
	return rc;
}

/* With threads, the last pool of a class stays with its thread although it is empty. */
static bool is_kept(const struct work *work, const struct mt_record_pool *pool)
{
	return work->has_threads && pool->state != MT_POOL_EMPTY && !pool->used;
}

static int add_arena(struct work *work, const struct mt_record_pool *pools, size_t count,
		     size_t *at, struct mt_error *err)
{
	struct set sum = {0};
	size_t first = *at;
	for (size_t i = 0; i < count; i++) {
		struct set set = holders_of(work, &pools[i], at);
		merge(&sum, &set);
		sum.pin.pools += pools[i].used != 0;
		sum.has_too_many |= is_kept(work, &pools[i]);
	}
	if (!sum.pin.pools) {
		work->pins->free_arenas++;
		return 0;
	}
	sum.pin.arenas = 1;
	sum.pin.bytes = work->places->geometry.arena_bytes;
	if (!sum.has_too_many)
		return add_pin(work, &sum.pin, err);
	work->pins->other_arenas++;
	return add_pools(work, pools, count, first, err);
}

static int add_arenas(struct work *work, struct mt_error *err)
{
	const struct mt_record_pool *pools = work->places->pools.list;
	size_t count = work->places->pools.count;
	uint32_t per_arena = mt_places_pools_per_arena(work->places);
	size_t at = 0;
	int rc = 0;
	for (size_t i = 0, end; rc >= 0 && i < count; i = end) {
		for (end = i; end < count &&
			      pools[end].index / per_arena == pools[i].index / per_arena;)
			end++;
		rc = add_arena(work, pools + i, end - i, &at, err);
	}
	return rc;
}

/* Arenas first: only they go back to the system. Then the cheapest byte. */
static int compare_pins(const void *a, const void *b)
{
	const struct mt_pin *x = a, *y = b;
	if (!x->arenas != !y->arenas)
		return x->arenas ? -1 : 1;
	double x_price = (double)x->blocks / (double)x->bytes;
	double y_price = (double)y->blocks / (double)y->bytes;
	if (x_price != y_price)
		return x_price < y_price ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return compare_sites(&x->sites[0], &y->sites[0]);
}

int mt_pins_init(struct mt_pins *pins, const struct mt_places *places,
		 const struct mt_callsites *callsites, struct mt_error *err)
{
	*pins = (struct mt_pins){0};
	struct work work = {.pins = pins, .places = places};
	for (size_t i = 0; i < places->trace->threads.count; i++)
		work.has_threads |= places->trace->threads.list[i].serial > 1;
	int rc = make_holders(&work, callsites, err);
	if (rc >= 0)
		rc = add_arenas(&work, err);
	for (size_t i = 0; i < pins->list.count; i++)
		qsort(pins->list.list[i].sites, pins->list.list[i].site_count,
		      sizeof pins->list.list[i].sites[0], compare_by_blocks);
	if (pins->list.count)
		qsort(pins->list.list, pins->list.count, sizeof *pins->list.list,
		      compare_pins);
	free(work.holders);
	mt_index_deinit(&work.index);
	if (rc < 0)
		mt_pins_deinit(pins);
	return rc;
}

void mt_pins_deinit(struct mt_pins *pins)
{
	free(pins->list.list);
	*pins = (struct mt_pins){0};
}
