/*
 * frag-map.c - a picture of the arenas; see frag-text.h. Outside.
 */
#include "cli/frag-text.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	SHADES = 6,    /* never used, empty, three of use, full */
	MAP_LINES = 4, /* arenas for each row of the lists */
};

static const char *const block_shades[SHADES] = {" ", "·", "░", "▒", "▓", "█"};
static const char *const ascii_shades[SHADES] = {" ", ".", "-", "+", "x", "#"};

/* An arena's pools: those of places->pools from first on. */
struct arena {
	size_t first, count;
	uint32_t index;
	uint32_t used_pools;
	uint64_t used_bytes; /* in blocks */
};

static unsigned shade_of(const struct mt_places *places,
			 const struct mt_record_pool *pool)
{
	uint32_t capacity = mt_places_pool_capacity(places, pool->class_index);
	if (!pool->used)
		return 1;
	if (pool->used >= capacity)
		return SHADES - 1;
	return 2 + pool->used * 3 / capacity;
}

static struct arena arena_at(const struct mt_places *places, size_t first)
{
	const struct mt_record_pool *pools = places->pools.list;
	uint32_t per_arena = mt_places_pools_per_arena(places);
	struct arena arena = {.first = first, .index = pools[first].index / per_arena};
	for (size_t i = first;
	     i < places->pools.count && pools[i].index / per_arena == arena.index; i++) {
		arena.count++;
		arena.used_pools += pools[i].used != 0;
		arena.used_bytes += (uint64_t)pools[i].used *
				    (pools[i].class_index + 1u) *
				    places->geometry.alignment;
	}
	return arena;
}

/* 79 columns: a terminal of 80 does not break the lines. */
static void put_arena(FILE *out, const struct mt_places *places,
		      const struct arena *arena, const char *const *shades)
{
	uint32_t per_arena = mt_places_pools_per_arena(places);
	const struct mt_record_pool *pool = &places->pools.list[arena->first];
	const struct mt_record_pool *end = pool + arena->count;
	fprintf(out, "%5" PRIu32 " |", arena->index);
	for (uint32_t i = 0; i < per_arena; i++) {
		bool is_there = pool < end && pool->index % per_arena == i;
		fputs(shades[is_there ? shade_of(places, pool) : 0], out);
		pool += is_there;
	}
	fprintf(out, "|%5.1f %%\n",
		100.0 * (double)arena->used_bytes / places->geometry.arena_bytes);
}

static int compare_by_use(const void *a, const void *b)
{
	const struct arena *x = a, *y = b;
	if (x->used_bytes != y->used_bytes)
		return x->used_bytes < y->used_bytes ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_by_index(const void *a, const void *b)
{
	const struct arena *x = a, *y = b;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* All arenas, or the emptiest ones; in order of their addresses. */
static size_t choose(struct arena *arenas, size_t count, size_t limit)
{
	if (limit && count > limit) {
		qsort(arenas, count, sizeof *arenas, compare_by_use);
		count = limit;
	}
	if (count)
		qsort(arenas, count, sizeof *arenas, compare_by_index);
	return count;
}

static void put_legend(FILE *out, const char *const *shades)
{
	fprintf(out,
		"       one cell a pool: '%s' never used  '%s' empty  '%s' less than a third "
		"in use\n       '%s' less than two thirds  '%s' more  '%s' full; right: bytes "
		"in blocks\n",
		shades[0], shades[1], shades[2], shades[3], shades[4], shades[5]);
}

void frag_text_map(FILE *out, const struct mt_frag *frag, const struct frag_text *options)
{
	const struct mt_places *places = frag->places;
	const char *const *shades = options->is_ascii ? ascii_shades : block_shades;
	struct arena *arenas = calloc(places->pools.count + 1, sizeof *arenas);
	size_t count = 0;
	for (size_t i = 0; arenas && i < places->pools.count; i += arenas[count++].count)
		arenas[count] = arena_at(places, i);
	if (!count) {
		free(arenas);
		return;
	}
	size_t all = count;
	count = choose(arenas, count, options->limit * MAP_LINES);
	fprintf(out, "\n%s%s%s:\n", options->color ? "\033[1m" : "",
		count < all ? "The emptiest arenas" : "Arenas",
		options->color ? "\033[0m" : "");
	for (size_t i = 0; i < count; i++)
		put_arena(out, places, &arenas[i], shades);
	if (count < all)
		fprintf(out, "       and %zu more arena%s\n", all - count,
			all - count == 1 ? "" : "s");
	put_legend(out, shades);
	free(arenas);
}
