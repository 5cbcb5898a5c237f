/*
 * suppressions.h - known leaks that a gate lets pass: files of LeakSanitizer and of
 * Valgrind's Memcheck. Outside.
 *
 *     # max-bytes=4096 max-count=3 until=2027-01-31
 *     leak:libcache.so
 *
 *     {
 *        fonts are never freed
 *        Memcheck:Leak
 *        fun:malloc
 *        ...
 *        obj:*libfontconfig.so*
 *     }
 *
 * A comment made of such words bounds the rule that follows it or that it stands in; other
 * comments are just that. Rules for other kinds of errors are passed over.
 */
#ifndef MT_TRACER_ANALYZE_SUPPRESSIONS_H
#define MT_TRACER_ANALYZE_SUPPRESSIONS_H

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/profile.h"

enum mt_frame_pattern_kind {
	MT_PATTERN_ANY,      /* LeakSanitizer's: function, file or module of any frame */
	MT_PATTERN_FUNCTION, /* fun: */
	MT_PATTERN_OBJECT,   /* obj: */
	MT_PATTERN_SOURCE,   /* src: */
	MT_PATTERN_SKIP,     /* ...: any number of frames */
};

struct mt_frame_pattern {
	enum mt_frame_pattern_kind kind;
	/* * is any text and, but for MT_PATTERN_ANY, ? any byte. NULL for MT_PATTERN_SKIP */
	char *text;
	char *demangled;   /* of a function given by its linker name; else NULL */
	uint8_t *verdicts; /* by location, while a profile is matched */
};

enum mt_suppression_state {
	MT_SUPPRESSION_UNUSED,   /* nothing matches */
	MT_SUPPRESSION_USED,     /* what matches is let pass */
	MT_SUPPRESSION_EXPIRED,  /* its date is over: it lets nothing pass */
	MT_SUPPRESSION_EXCEEDED, /* more matches than it allows: it lets nothing pass */
};

struct mt_suppression {
	char *name;  /* "leak:PATTERN", or what a block calls itself */
	char *place; /* "FILE:LINE" */
	struct mt_frame_pattern *patterns;
	size_t pattern_count, pattern_capacity;
	bool is_leak_sanitizer;
	bool has_max_bytes, has_max_count;
	uint64_t max_bytes, max_count;
	char until[11]; /* "2027-01-31", the last day; empty: for ever */
	/* After mt_suppressions_judge. */
	enum mt_suppression_state state;
	struct mt_counts matched;
};

/* A zeroed struct is empty. */
struct mt_suppressions {
	struct mt_suppression *list;
	size_t count, capacity;
};

/*
 * Add a file's rules. MT_ERR_MISSING or MT_ERR_SYSTEM where it cannot be read,
 * MT_ERR_USAGE with file and line where it says what nobody understands.
 */
int mt_suppressions_read(struct mt_suppressions *suppressions, const char *path,
			 struct mt_error *err);
/* The same of a text, which is changed. */
int mt_suppressions_parse(struct mt_suppressions *suppressions, const char *name,
			  char *text, struct mt_error *err);
void mt_suppressions_deinit(struct mt_suppressions *suppressions);

/*
 * Find out what each rule matches among a profile's live blocks, and so which rules hold
 * on the day today ("2026-11-20"). Of several rules that match a traceback the first one
 * counts. Every frame of the profile must be resolved.
 */
int mt_suppressions_judge(struct mt_suppressions *suppressions,
			  const struct mt_profile *profile,
			  const struct mt_callsites *callsites, const char *today,
			  struct mt_error *err);

/* Take out of a profile what the rules that hold let pass; its live sum into *dropped. */
int mt_suppressions_drop(struct mt_suppressions *suppressions, struct mt_profile *profile,
			 const struct mt_callsites *callsites, struct mt_counts *dropped,
			 struct mt_error *err);

#endif
