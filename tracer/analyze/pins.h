/*
 * pins.h - which call sites' blocks keep pools and arenas from being given back. Outside.
 */
#ifndef MT_TRACER_ANALYZE_PINS_H
#define MT_TRACER_ANALYZE_PINS_H

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/places.h"

enum {
	MT_PINS_MAX_SITES = 4, /* whoever needs more will not be asked to free them */
};

struct mt_pin_site {
	mt_location_id site;
	uint64_t blocks;
};

/*
 * If the blocks of these sites there were freed, these arenas would be wholly free and,
 * but for mt_pins_kept of them, go back; or, without arenas, these pools could serve any
 * class.
 */
struct mt_pin {
	struct mt_pin_site sites[MT_PINS_MAX_SITES]; /* most blocks first */
	uint32_t site_count;
	uint64_t blocks; /* of all sites */
	uint64_t arenas;
	uint64_t pools;
	uint64_t bytes; /* of the arenas, or of the pools */
};

struct mt_pins {
	MT_LIST(struct mt_pin) list; /* arenas first, then the fewest blocks for a byte */
	uint64_t free_arenas;  /* wholly free: one is kept, more are to go back yet */
	uint64_t other_arenas; /* held by more sites, or not listed in the trace */
};

/* Of the arenas of a pin: the allocator keeps one that is wholly free, and has none yet. */
static inline uint64_t mt_pins_kept(const struct mt_pins *pins, const struct mt_pin *pin)
{
	return pin->arenas && !pins->free_arenas;
}

int mt_pins_init(struct mt_pins *pins, const struct mt_places *places,
		 const struct mt_callsites *callsites, struct mt_error *err);
void mt_pins_deinit(struct mt_pins *pins);

/* Of a traceback id; unknown where the trace has lost it. */
mt_location_id mt_pins_site(const struct mt_places *places,
			    const struct mt_callsites *callsites, uint32_t traceback);

#endif
