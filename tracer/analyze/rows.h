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

#endif
