/*
 * frag.c - see frag.h. Outside.
 */
#include "tracer/analyze/frag.h"

#include "tracer/analyze/vector.h"

#include <string.h>

enum {
	NOBODY = UINT32_MAX,           /* in place of a site */
	LARGE_OVERHEAD_BYTES = 16 + 8, /* our header, and the C library's word */
	C_LIBRARY_ALIGNMENT = 16,
};

static int compare_by_site(const void *a, const void *b)
{
	const struct mt_frag_site *x = a, *y = b;
	return x->site < y->site ? -1 : x->site > y->site;
}

static int compare_by_bytes(const void *a, const void *b)
{
	const struct mt_frag_site *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return compare_by_site(a, b);
}

static void add_losses(struct mt_frag_losses *sum, const struct mt_frag_losses *losses)
{
	sum->rounding += losses->rounding;
	sum->free_blocks += losses->free_blocks;
	sum->empty_pools += losses->empty_pools;
	sum->beneath += losses->beneath;
	sum->waiting += losses->waiting;
}

/* One entry for each row that tells of losses. */
static size_t list_losses(const struct mt_places *places,
			  const struct mt_callsites *callsites, struct mt_frag_site *list)
{
	size_t count = 0;
	for (size_t i = 0; i < places->holds.count; i++) {
		const struct mt_record_hold *hold = &places->holds.list[i];
		if (!hold->traceback && !hold->empty_bytes)
			continue;
		list[count++] = (struct mt_frag_site){
			.site = hold->traceback
					? mt_pins_site(places, callsites, hold->traceback)
					: NOBODY,
			.losses = {.rounding = hold->rounding_bytes,
				   .free_blocks = hold->free_bytes,
				   .empty_pools = hold->empty_bytes,
				   .beneath = hold->traceback ? hold->beneath_bytes : 0}};
	}
	for (size_t i = 0; i < places->waiting.count; i++) {
		const struct mt_record_waiting *waiting = &places->waiting.list[i];
		list[count++] = (struct mt_frag_site){
			.site = mt_pins_site(places, callsites, waiting->traceback),
			.losses = {.waiting = waiting->block_bytes}};
	}
	return count;
}

/* One entry for each site. */
static int sum_sites(struct mt_frag *frag, const struct mt_callsites *callsites,
		     struct mt_error *err)
{
	const struct mt_places *places = frag->places;
	struct mt_frag_site *list =
		calloc(places->holds.count + places->waiting.count + 1, sizeof *list);
	if (!list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	size_t count = list_losses(places, callsites, list);
	for (size_t i = 0; i < count; i++)
		add_losses(&frag->losses, &list[i].losses);
	qsort(list, count, sizeof *list, compare_by_site);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (kept && list[kept - 1].site == list[i].site)
			add_losses(&list[kept - 1].losses, &list[i].losses);
		else
			list[kept++] = list[i];
	for (size_t i = 0; i < places->holds.count; i++)
		if (!places->holds.list[i].traceback)
			frag->end_bytes += places->holds.list[i].beneath_bytes;
	frag->sites.list = list;
	frag->sites.count = kept;
	for (size_t i = 0; i < kept; i++) {
		list[i].bytes = mt_frag_sum(&list[i].losses);
		list[i].is_nobody = list[i].site == NOBODY;
	}
	qsort(list, kept, sizeof *list, compare_by_bytes);
	return 0;
}

/* Borders. */

static int compare_borders(const void *a, const void *b)
{
	const struct mt_frag_border *x = a, *y = b;
	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->class_bytes < y->class_bytes ? -1 : x->class_bytes > y->class_bytes;
}

static int compare_by_saving(const void *a, const void *b)
{
	const struct mt_frag_border *x = a, *y = b;
	if (x->saving_bytes != y->saving_bytes)
		return x->saving_bytes > y->saving_bytes ? -1 : 1;
	return compare_borders(a, b);
}

/* One alignment; from the C library to the largest class, what the C library adds too. */
static uint64_t saving_of(const struct mt_frag *frag,
			  const struct mt_record_border *border)
{
	const struct mt_geometry *geometry = &frag->places->geometry;
	if (border->class_index != MT_CLASS_LARGE)
		return geometry->alignment;
	uint64_t bytes =
		geometry->threshold + border->excess_bytes + LARGE_OVERHEAD_BYTES;
	bytes = (bytes + C_LIBRARY_ALIGNMENT - 1) & ~(uint64_t)(C_LIBRARY_ALIGNMENT - 1);
	return bytes - geometry->threshold;
}

static int sum_borders(struct mt_frag *frag, const struct mt_callsites *callsites,
		       struct mt_error *err)
{
	const struct mt_places *places = frag->places;
	struct mt_frag_border *list = calloc(places->borders.count + 1, sizeof *list);
	if (!list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < places->borders.count; i++) {
		const struct mt_record_border *border = &places->borders.list[i];
		bool is_large = border->class_index == MT_CLASS_LARGE;
		list[i] = (struct mt_frag_border){
			.site = mt_pins_site(places, callsites, border->traceback),
			.class_bytes = is_large ? 0
						: (border->class_index + 1u) *
							  places->geometry.alignment,
			.count = border->count,
			.excess_bytes = border->excess_bytes,
			.saving_bytes = border->count * saving_of(frag, border)};
	}
	qsort(list, places->borders.count, sizeof *list, compare_borders);
	size_t kept = 0;
	for (size_t i = 0; i < places->borders.count; i++) {
		struct mt_frag_border *sum = kept ? &list[kept - 1] : NULL;
		if (!sum || compare_borders(sum, &list[i])) {
			list[kept++] = list[i];
			continue;
		}
		sum->count += list[i].count;
		sum->saving_bytes += list[i].saving_bytes;
		if (sum->excess_bytes < list[i].excess_bytes)
			sum->excess_bytes = list[i].excess_bytes;
	}
	qsort(list, kept, sizeof *list, compare_by_saving);
	frag->borders.list = list;
	frag->borders.count = kept;
	return 0;
}

int mt_frag_init(struct mt_frag *frag, const struct mt_places *places,
		 const struct mt_callsites *callsites, struct mt_error *err)
{
	*frag = (struct mt_frag){.places = places,
				 .locations = callsites->frames->locations};
	if (!places->has_map)
		return mt_fail(
			err, MT_ERR_MISSING,
			"%s: this snapshot does not say where blocks lie: those of "
			"run --snapshot-every leave it out, and older versions did",
			places->trace->path);
	int rc = sum_sites(frag, callsites, err);
	if (rc >= 0)
		rc = sum_borders(frag, callsites, err);
	if (rc >= 0)
		rc = mt_pins_init(&frag->pins, places, callsites, err);
	if (rc < 0)
		mt_frag_deinit(frag);
	return rc;
}

void mt_frag_deinit(struct mt_frag *frag)
{
	free(frag->sites.list);
	free(frag->borders.list);
	mt_pins_deinit(&frag->pins);
	*frag = (struct mt_frag){0};
}
