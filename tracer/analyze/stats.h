/*
 * stats.h - size classes, pools and arenas of a snapshot, and the layers below and above
 * them, reconciled with the kernel's figures. Outside.
 */
#ifndef MT_TRACER_ANALYZE_STATS_H
#define MT_TRACER_ANALYZE_STATS_H

#include "tracer/analyze/places.h"
#include "tracer/analyze/profile.h"
#include "tracer/analyze/table.h"

struct mt_stats_class {
	uint32_t index, size;
	uint64_t pools, blocks_in_use, blocks_available;
	uint64_t requested_bytes; /* without those of inherited blocks */
	uint64_t inherited;       /* of blocks_in_use */
	uint64_t waiting; /* besides: freed, and in the quarantine of debug modes */
};

/* All that an arena's bytes are used for. */
struct mt_stats_bytes {
	uint64_t in_use, available, unused_pools, pool_headers, quantization;
	uint64_t arena_alignment; /* always 0: arenas lie where pools begin */
	uint64_t waiting;         /* freed blocks in the quarantine of debug modes */
};

/* A figure of a layer that does not apply, or is not known. */
static const int64_t mt_stats_none = INT64_MIN;

/* One line of the layers. */
struct mt_stats_layer {
	int layer;
	const char *name;
	int64_t count, bytes, resident_bytes, swapped_bytes;
	/*
	 * What the other lines do not explain: may be negative. Without bytes where the
	 * kernel was asked at another moment than the rest is of.
	 */
	bool is_remainder;
};

enum {
	MT_STATS_NAME_BYTES = 32, /* of a domain's line */
};

struct mt_stats {
	const struct mt_places *places;
	struct mt_stats_class classes[MT_MAX_CLASSES]; /* those with pools */
	size_t class_count;
	uint64_t unused_pool_count;
	struct mt_stats_bytes bytes;
	MT_LIST(struct mt_stats_layer) layers;
	uint64_t layers_time_ns; /* when the kernel was asked */
	/* From before a fork, and live: those that the classes do not count. */
	uint64_t inherited_blocks, inherited_bytes;
	char (*domain_names)[MT_STATS_NAME_BYTES];
};

/*
 * Of places, borrowed until deinit; rows are the same moment's, for the domains. On
 * success *stats' lists are the caller's.
 */
int mt_stats_init(struct mt_stats *stats, const struct mt_places *places,
		  const struct mt_profile *rows, struct mt_error *err);
void mt_stats_deinit(struct mt_stats *stats);

/* The same as tables and facts of a report. */
int mt_stats_report(const struct mt_stats *stats, struct mt_report *report,
		    struct mt_error *err);

#endif
