/*
 * symbolize-cache.h - resolved addresses kept between runs, one file to a module.
 *
 * $XDG_CACHE_HOME/memtrace/sym/BUILD-ID.KEY, or beneath ~/.cache. It is only ever a help:
 * whatever is wrong with it, the answer is found again. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_CACHE_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_CACHE_H

#include "tracer/analyze/symbolize-resolved.h"

/* A zeroed one stores and finds nothing. */
struct mt_symbol_cache {
	char *directory; /* NULL: there is no place for a cache */
};

/* Find the directory by the environment; it is made when something is stored. */
void mt_symbol_cache_init(struct mt_symbol_cache *cache);
void mt_symbol_cache_deinit(struct mt_symbol_cache *cache);

/*
 * Fill an empty struct with what is kept of a module. *is_fresh: asking the files would
 * give the same; if not they may know more, or be gone. Of the same build it is in any case.
 */
bool mt_symbol_cache_load(const struct mt_symbol_cache *cache,
			  const struct mt_symbol_module *module,
			  const struct mt_symbolizer_options *options,
			  struct mt_resolved *resolved, bool *is_fresh);

/* Keep it, in place of what was kept before. */
void mt_symbol_cache_store(const struct mt_symbol_cache *cache,
			   const struct mt_symbol_module *module,
			   const struct mt_symbolizer_options *options,
			   struct mt_resolved *resolved);

#endif
