/*
 * profile.h - one snapshot in memory: what each traceback holds, held and churned.
 * Outside.
 */
#ifndef MT_TRACER_ANALYZE_PROFILE_H
#define MT_TRACER_ANALYZE_PROFILE_H

#include "tracer/analyze/moment.h"
#include "tracer/analyze/trace.h"

#include "formats/state.h"

struct mt_counts {
	int64_t bytes;
	int64_t count;
};

/* Sums of hostile numbers may wrap, but are no undefined behaviour. */
static inline int64_t mt_wrapping_add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t mt_wrapping_subtract(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline void mt_counts_add(struct mt_counts *sum, struct mt_counts counts)
{
	sum->bytes = mt_wrapping_add(sum->bytes, counts.bytes);
	sum->count = mt_wrapping_add(sum->count, counts.count);
}

/* One for each traceback that ever allocated. At @peak, live is what lived then. */
struct mt_profile_row {
	uint32_t node;
	struct mt_counts live, peak, total;
};

/* Live blocks of one traceback by thread slot and size class, or by type. */
struct mt_profile_cell {
	uint32_t node;
	uint32_t slot;       /* by type: the type */
	uint8_t class_index; /* or MT_CLASS_LARGE */
	struct mt_counts live;
};

struct mt_profile {
	struct mt_trace *trace;
	struct mt_moment moment;
	struct mt_profile_row *rows;
	size_t row_count;
	struct mt_profile_cell *cells; /* only if asked for */
	size_t cell_count;
	const char *const *types; /* names; borrowed; NULL: cells have none */
	uint64_t losses[MT_LOSS_COUNT];
	bool is_short; /* rows do not add up to what the snapshot says: some are lost */
};

/* Read the rows of a moment. On success *profile's arrays are the caller's. */
int mt_profile_init(struct mt_profile *profile, struct mt_trace *trace,
		    const struct mt_moment *moment, bool with_cells,
		    struct mt_error *err);
void mt_profile_deinit(struct mt_profile *profile);

#endif
