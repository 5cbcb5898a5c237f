/*
 * rows.h - statistics as the rows of a table, with the columns of their key. Outside.
 */
#ifndef MT_TRACER_ANALYZE_ROWS_H
#define MT_TRACER_ANALYZE_ROWS_H

#include "tracer/analyze/statistic.h"
#include "tracer/analyze/table.h"

/*
 * Add the table "rows" to a report. Its rows borrow from groups, which must outlive it;
 * totals are left to the caller. Labels are relative to directory, NULL: absolute.
 */
int mt_rows_add(struct mt_report *report, const struct mt_groups *groups,
		const struct mt_statistics *statistics, bool is_diff,
		const char *directory, struct mt_error *err);

/* The columns of a key, and their values for a group. */
const struct mt_column *mt_rows_key_columns(enum mt_by by, size_t *count);
int mt_rows_fill_key(struct mt_report *report, struct mt_value *values,
		     const struct mt_groups *groups, const struct mt_group *group,
		     struct mt_error *err);

/* How a block begins, in words of preview.h; absent: not known. */
int mt_rows_fill_contents(struct mt_report *report, struct mt_value *value,
			  struct mt_bytes contents, struct mt_error *err);

/* The traceback of a node whose chain is resolved, owned by report; NULL: no memory. */
const struct mt_frame_list *mt_rows_frames(struct mt_report *report,
					   const struct mt_frame_locations *frames,
					   uint32_t node, struct mt_error *err);

#endif
