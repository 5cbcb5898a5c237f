/*
 * frag.h - why memory does not come back: what is lost between blocks, to whose blocks,
 * and what would have to go. Outside.
 */
#ifndef MT_TRACER_ANALYZE_FRAG_H
#define MT_TRACER_ANALYZE_FRAG_H

#include "tracer/analyze/pins.h"
#include "tracer/analyze/table.h"

struct mt_frag_losses {
	uint64_t rounding;    /* blocks are larger than what was requested */
	uint64_t free_blocks; /* in used pools */
	uint64_t empty_pools; /* in used arenas */
	uint64_t beneath; /* freed, but still mapped by the C library: a block is above */
	uint64_t waiting; /* freed blocks in the quarantine of the debug modes */
};

/* What is lost to the blocks of a call site; is_nobody: to nobody's. */
struct mt_frag_site {
	mt_location_id site;
	bool is_nobody;
	struct mt_frag_losses losses;
	uint64_t bytes; /* their sum */
};

/* Blocks of a site that just miss the next smaller class, or the threshold. */
struct mt_frag_border {
	mt_location_id site;
	uint32_t class_bytes; /* 0: with the C library */
	uint64_t count;
	uint64_t excess_bytes; /* that each must lose, at most */
	uint64_t saving_bytes; /* in all */
};

struct mt_frag {
	const struct mt_places *places;
	const struct mt_locations *locations;
	struct mt_frag_losses losses;
	/*
	 * At the end of the C library's heaps: not used yet, or freed and ready for the next
	 * requests. Lost to nobody.
	 */
	uint64_t end_bytes;
	MT_LIST(struct mt_frag_site) sites;     /* most bytes first */
	MT_LIST(struct mt_frag_border) borders; /* most savings first */
	struct mt_pins pins;
};

/* Of places with a map; all borrowed until deinit. */
int mt_frag_init(struct mt_frag *frag, const struct mt_places *places,
		 const struct mt_callsites *callsites, struct mt_error *err);
void mt_frag_deinit(struct mt_frag *frag);

static inline uint64_t mt_frag_sum(const struct mt_frag_losses *losses)
{
	return losses->rounding + losses->free_blocks + losses->empty_pools +
	       losses->beneath + losses->waiting;
}

/*
 * As tables and facts of a report: limit rows of each list (0: all), and every pool.
 * directory: what labels in words are relative to; NULL: nothing.
 */
int mt_frag_report(const struct mt_frag *frag, size_t limit, const char *directory,
		   struct mt_report *report, struct mt_error *err);

/*
 * "3 blocks from cache.c:88 and 1 block from log.c:12", in malloc'ed memory. NULL: out of
 * memory.
 */
char *mt_frag_pin_text(const struct mt_frag *frag, const struct mt_pin *pin,
		       const char *directory);

#endif
