/*
 * census.h - all that is live in a process's state, counted once for one snapshot. Outside.
 */
#ifndef MT_TRACER_COLLECT_CENSUS_H
#define MT_TRACER_COLLECT_CENSUS_H

#include "formats/error.h"
#include "formats/record.h"
#include "tracer/collect/beneath.h"
#include "tracer/collect/cells.h"
#include "tracer/collect/dictionary.h"
#include "tracer/collect/image.h"
#include "tracer/collect/pools.h"

struct mt_census {
	struct mt_record_counter *rows; /* by traceback in the file; [0] not used */
	size_t row_count;
	size_t rows_used;      /* of these, by the last count */
	struct mt_cells cells; /* sorted */
	struct mt_record_class classes[MT_MAX_CLASSES];
	uint32_t class_count;
	struct mt_record_arenas arenas;
	/* Where blocks lie, if that was asked for. */
	bool has_places;
	bool has_inherited; /* and there are blocks from before a fork */
	struct mt_pools pools;
	struct mt_beneath beneath;
};

/*
 * Rows up to traceback's, ahead of the count that needs them: whoever waits for the trace of a
 * process that has ended would wait most for memory that was never touched. False: no
 * memory.
 */
bool mt_census_prepare(struct mt_census *census, uint32_t traceback);

/*
 * Count image anew into *census (zeroed, or of an earlier snapshot). The image was
 * refreshed; tracebacks that are new are written by dictionary on the way.
 */
int mt_census_take(struct mt_census *census, const struct mt_image *image,
		   struct mt_dictionary *dictionary, bool with_places,
		   struct mt_error *err);
void mt_census_deinit(struct mt_census *census);

/* Forget where blocks lie: that takes more memory than all the rest. */
void mt_census_drop_places(struct mt_census *census);

#endif
