/*
 * filter.h - which tracebacks a question is about. Outside.
 *
 * As tracemalloc's Filter and DomainFilter: a traceback is kept if an inclusive filter of
 * each group that has some matches, and no exclusive one does. Filters drop whole
 * tracebacks, never frames.
 */
#ifndef MT_TRACER_ANALYZE_FILTER_H
#define MT_TRACER_ANALYZE_FILTER_H

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/profile.h"

enum mt_filter_subject {
	MT_FILTER_FILE,
	MT_FILTER_FUNCTION,
	MT_FILTER_MODULE,
	MT_FILTER_DOMAIN, /* only has_domain and domain count */
};

struct mt_filter {
	enum mt_filter_subject subject;
	unsigned group; /* below 8: inclusive filters of one group are alternatives */
	bool is_inclusive;
	bool all_frames; /* any location of the traceback may match, not only the key
				   frame */
	bool matches_base_name; /* a pattern without "/" may match the base name alone */
	bool has_line;
	bool has_domain;
	const char *pattern; /* of a function: of its whole name, or the plain one */
	uint32_t line;
	uint32_t domain;
};

/*
 * Drop the rows and cells of a profile that the filters do not keep. The callsites and,
 * for filters on all frames, the frames of every row must be resolved.
 */
int mt_filter_profile(struct mt_profile *profile, const struct mt_callsites *callsites,
		      const struct mt_filter *filters, size_t count,
		      struct mt_error *err);

/*
 * Shell patterns as Python's fnmatch reads them: *, ?, [seq], [!seq]; the whole text; a
 * slash is a character like any other, and a character is a code point.
 */
bool mt_glob_matches(const char *pattern, const char *text);

#endif
