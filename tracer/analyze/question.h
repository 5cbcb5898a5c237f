/*
 * question.h - top and diff: from trace files to a report. Outside.
 */
#ifndef MT_TRACER_ANALYZE_QUESTION_H
#define MT_TRACER_ANALYZE_QUESTION_H

#include "tracer/analyze/filter.h"
#include "tracer/analyze/group.h"
#include "tracer/analyze/heap-profile.h"
#include "tracer/analyze/statistic.h"
#include "tracer/analyze/table.h"

struct mt_question {
	enum mt_by by;
	enum mt_metric metric;
	enum mt_sort sort;
	bool is_cumulative;
	bool has_raw_frames;
	bool matches_functions;      /* diff by lineno: see match.h */
	bool needs_all_frames;       /* of every traceback, for other reasons than by */
	bool is_of_scan;             /* live are the blocks of the scan, and only they */
	size_t limit;                /* rows; 0: all */
	struct mt_wrappers wrappers; /* further ones */
	const struct mt_filter *filters;
	size_t filter_count;
	const char *directory; /* labels are relative to it; NULL: absolute */
	/* A remark on a module without usable symbols; NULL: not wanted. */
	void (*notice)(void *context, const char *module, const char *text);
	void *notice_context;
};

/* A trace with what a question has found out about it. */
struct mt_subject {
	char *name; /* the trace as it was named, without the snapshot */
	enum mt_side side;
	struct mt_trace *trace;
	bool owns_trace; /* subjects may be of one trace */
	struct mt_profile profile;
	struct mt_frame_locations *frames;
	struct mt_frame_locations own_frames;
	struct mt_callsites callsites;
	/* Only where the question needs a scan. */
	struct mt_heap heap;
	struct mt_types types;
};

struct mt_answer {
	struct mt_locations locations;
	struct mt_symbolizer *symbolizer;
	struct mt_subject subjects[MT_MAX_SUBJECTS]; /* the new side's first */
	size_t subject_count;
	struct mt_groups groups;
	struct mt_report report;
	/*
	 * What should be said beside the report: a damaged chunk (its code), or that a file
	 * ends early (MT_ERR_INCOMPLETE). Code 0: nothing.
	 */
	struct mt_error remark;
};

/* What was named on one side: each TRACE[@SNAP]. Borrowed. */
struct mt_names {
	const char *const *list;
	size_t count;
};

/*
 * Answer about one side, or two where old_side names something. MT_ERR_USAGE where the
 * question cannot be answered from such a trace. Deinit in either case.
 */
int mt_answer_init(struct mt_answer *answer, const struct mt_question *question,
		   struct mt_names new_side, struct mt_names old_side,
		   struct mt_error *err);
void mt_answer_deinit(struct mt_answer *answer);

/*
 * The steps of it, for those that have traces in memory: profiles that are filled, sites
 * that are resolved. They end in the groups, or in the report. Locations are to be
 * initialized before.
 */
int mt_answer_open(struct mt_answer *answer, const struct mt_question *question,
		   enum mt_side side, const char *argument, struct mt_error *err);
int mt_subject_resolve(struct mt_subject *subject, const struct mt_question *question,
		       struct mt_error *err);
int mt_answer_group(struct mt_answer *answer, const struct mt_question *question,
		    struct mt_error *err);
int mt_answer_report(struct mt_answer *answer, const struct mt_question *question,
		     struct mt_error *err);

/* Remark and report say what is wrong with a subject's trace. */
void mt_answer_note_state(struct mt_answer *answer, const struct mt_subject *subject);

/* Which snapshot of which trace it is, for a report. */
int mt_answer_add_side(struct mt_report *report, const struct mt_subject *subject,
		       struct mt_error *err);

/* By type, retained, of the scan. */
bool mt_question_needs_scan(const struct mt_question *question);
bool mt_question_needs_symbols(const struct mt_question *question);

/* A combination that no trace can answer. */
int mt_question_check(const struct mt_question *question, struct mt_error *err);

#endif
