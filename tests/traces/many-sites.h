/*
 * many-sites.h - a trace of very many call sites, of which each holds one block: what tests
 * judge, and `make bench` measures.
 */
#ifndef MT_TESTS_TRACES_MANY_SITES_H
#define MT_TESTS_TRACES_MANY_SITES_H

#include "tests/traces/making.h"

enum {
	MADE_SITES = 100000,
	MADE_SITE_CALLERS = 1000,
};

static inline void made_plain_frame(struct made *made, uint32_t id)
{
	made_put(made,
		 (struct mt_record){.kind = MT_RECORD_FRAME,
				    .frame = {.id = id, .module = 1, .offset = 16 * id}});
}

/* One traceback for each site, three frames deep: main, one of the callers, the site. */
static inline uint32_t made_site_tracebacks(struct made *made)
{
	uint32_t frame = 0;
	made_plain_frame(made, ++frame);
	uint32_t main = made_call(made, MADE_ROOT, frame);
	uint32_t callers[MADE_SITE_CALLERS], first = 0;
	for (int i = 0; i < MADE_SITE_CALLERS; i++) {
		made_plain_frame(made, ++frame);
		callers[i] = made_call(made, main, frame);
	}
	for (int i = 0; i < MADE_SITES; i++) {
		made_plain_frame(made, ++frame);
		uint32_t leaf = made_call(made, callers[i % MADE_SITE_CALLERS], frame);
		first = first ? first : leaf;
	}
	return first;
}

/* The k-th site holds k bytes and extra ones. */
static inline void made_many_sites(struct made *made, int64_t extra)
{
	made_begin(made);
	uint32_t first = made_site_tracebacks(made);
	struct mt_record_snapshot snapshot = {.kind = MT_SNAPSHOT_EXIT};
	for (int64_t i = 0; i < MADE_SITES; i++)
		snapshot.live_bytes += i + extra;
	snapshot.live_count = MADE_SITES;
	snapshot.total_bytes = (uint64_t)snapshot.live_bytes;
	snapshot.total_count = MADE_SITES;
	made_snapshot(made, snapshot);
	for (int64_t i = 0; i < MADE_SITES; i++)
		made_row(made, first + (uint32_t)i, i + extra, 1);
	made_snapshot_end(made);
}

#endif
