/*
 * holders.h - paths from a root to blocks, as call sites: what holds many blocks in the
 * same way is one path. Outside.
 *
 * Where a path comes back to a call site that it had passed (the nodes of a list), what
 * lies between is left out and the step is marked as repeated.
 */
#ifndef MT_TRACER_ANALYZE_HOLDERS_H
#define MT_TRACER_ANALYZE_HOLDERS_H

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/roots.h"

enum {
	MT_NO_HOLDER = UINT32_MAX,
	MT_MAX_HOLDERS = 64, /* steps of a path; what lies deeper has the last one's */
};

struct mt_holder {
	uint32_t parent;     /* step towards the root; MT_NO_HOLDER: this is the first */
	mt_location_id site; /* of the block */
	const char *root;    /* first step: the name of what holds it; NULL: nothing */
	uint8_t kind;        /* enum mt_leak_kind of the block */
	bool is_in_cycle;    /* lost, and only its own cycle leads to it */
	bool is_repeated;    /* some paths come by more than once */
	uint32_t depth;
	uint32_t block;   /* the first one that came by */
	uint64_t offset;  /* of the pointer in the step before */
	bool has_offsets; /* it differs; first step: the places in root do */
	/* Repeated: of the pointer in one of them to the next. */
	uint64_t next_offset;
	bool has_next_offsets; /* it differs, or something else lies between */
	uint32_t tid;     /* first step: of the thread whose root it is; 0: of none */
	bool has_threads; /* it differs */
};

struct mt_holders {
	MT_LIST(struct mt_holder) list;
	struct mt_index index;
	uint32_t *of_block; /* the last step of each block's path: its own */
};

/* Of all blocks, whose call sites are resolved. */
int mt_holders_init(struct mt_holders *holders, const struct mt_heap *heap,
		    const struct mt_roots *roots, const struct mt_callsites *callsites,
		    struct mt_error *err);
void mt_holders_deinit(struct mt_holders *holders);

/* The steps of a path, the one next to the root first. Returns how many. */
uint32_t mt_holders_steps(const struct mt_holders *holders, uint32_t last,
			  uint32_t steps[MT_MAX_HOLDERS]);

#endif
