/*
 * summary.h - the end of a recording in a few lines, for `run`. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SUMMARY_H
#define MT_TRACER_ANALYZE_SUMMARY_H

#include "tracer/analyze/profile.h"

struct mt_summary {
	struct mt_counts live, peak, total;
	uint64_t peak_bound_bytes; /* 0: the peak is exact */
	char **lines; /* text rows of the top call sites, as `top` has them */
	size_t line_count;
	size_t more_rows;               /* call sites beyond these */
	uint64_t losses[MT_LOSS_COUNT]; /* enum mt_loss */
	char *program;                  /* of the image; NULL: the trace does not say */
	char *unrecorded; /* what it executed then and was not recorded; NULL: nothing */
	bool has_no_environment; /* why: without LD_PRELOAD */
	bool has_own_malloc;     /* which served it all */
	bool is_incomplete;      /* remark says why */
	struct mt_error remark;
};

/*
 * Of the last state in a trace, with up to count call sites; directory as in struct
 * mt_question. On success *summary's lines are the caller's.
 */
int mt_summary_init(struct mt_summary *summary, const char *path, size_t count,
		    const char *directory, struct mt_error *err);
void mt_summary_deinit(struct mt_summary *summary);

#endif
