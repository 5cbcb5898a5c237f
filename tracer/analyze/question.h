/*
 * question.h - top and diff: from trace files to a report. Outside.
 */
#ifndef MT_TRACER_ANALYZE_QUESTION_H
#define MT_TRACER_ANALYZE_QUESTION_H

#include "tracer/analyze/filter.h"
#include "tracer/analyze/group.h"
#include "tracer/analyze/statistic.h"
#include "tracer/analyze/table.h"

struct mt_question {
	enum mt_by by;
	enum mt_metric metric;
	enum mt_sort sort;
	bool is_cumulative;
	bool has_raw_frames;
	bool matches_functions;      /* diff by lineno: see match.h */
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
	struct mt_trace *trace;
	bool owns_trace; /* both sides of a diff may be of one trace */
	struct mt_profile profile;
	struct mt_frame_locations *frames;
	struct mt_frame_locations own_frames;
	struct mt_callsites callsites;
};

struct mt_answer {
	struct mt_locations locations;
	struct mt_symbolizer *symbolizer;
	struct mt_subject subjects[2]; /* enum mt_side */
	size_t subject_count;
	struct mt_groups groups;
	struct mt_report report;
	/*
	 * What should be said beside the report: a damaged chunk (its code), or that a file
	 * ends early (MT_ERR_INCOMPLETE). Code 0: nothing.
	 */
	struct mt_error remark;
};

/*
 * Answer about one side (TRACE[@SNAP]) or two. MT_ERR_USAGE where the question cannot be
 * answered from such a trace. Deinit in either case.
 */
int mt_answer_init(struct mt_answer *answer, const struct mt_question *question,
		   const char *new_side, const char *old_side, struct mt_error *err);
void mt_answer_deinit(struct mt_answer *answer);

/*
 * The steps of it, for those that have traces in memory: profiles that are filled, sites
 * that are resolved. They end in the report.
 */
int mt_subject_resolve(struct mt_subject *subject, const struct mt_question *question,
		       struct mt_error *err);
int mt_answer_report(struct mt_answer *answer, const struct mt_question *question,
		     struct mt_error *err);

/* A combination that no trace can answer. */
int mt_question_check(const struct mt_question *question, struct mt_error *err);

#endif
