/*
 * table.h - the answer: typed columns and rows. Every renderer gets a struct mt_report
 * and nothing else, so that text, JSON and the rest cannot disagree. Outside.
 */
#ifndef MT_TRACER_ANALYZE_TABLE_H
#define MT_TRACER_ANALYZE_TABLE_H

#include "tracer/analyze/location.h"
#include "tracer/analyze/profile.h"

enum mt_column_kind {
	MT_COLUMN_TEXT,
	MT_COLUMN_NUMBER, /* signed */
	MT_COLUMN_SIZE,   /* bytes: a number that text shows with its unit */
	MT_COLUMN_TIME,   /* nanoseconds: a number that text shows as seconds */
	MT_COLUMN_FLAG,
	MT_COLUMN_FRAMES,
	MT_COLUMN_COUNTS, /* an object with size and count */
};

struct mt_column {
	const char *name;
	enum mt_column_kind kind;
};

/* A traceback, oldest first. */
struct mt_frame_list {
	size_t count;
	const struct mt_location *list[];
};

enum mt_value_state {
	MT_VALUE_NULL,
	MT_VALUE_SET,
	MT_VALUE_ABSENT, /* this row does not have the column at all */
};

struct mt_value {
	union {
		const char *text;
		int64_t number;
		const struct mt_frame_list *frames;
		struct mt_counts counts;
	};
	enum mt_value_state state;
};

static inline struct mt_value mt_value_number(int64_t number)
{
	return (struct mt_value){.number = number, .state = MT_VALUE_SET};
}

static inline struct mt_value mt_value_counts(struct mt_counts counts)
{
	return (struct mt_value){.counts = counts, .state = MT_VALUE_SET};
}

/* NULL: null. Borrowed. */
static inline struct mt_value mt_value_text(const char *text)
{
	return (struct mt_value){.text = text,
				 .state = text ? MT_VALUE_SET : MT_VALUE_NULL};
}

/* Totals of statistics: size and count, in a diff with their changes. */
struct mt_sums {
	struct mt_counts now;
	struct mt_counts diff;
	struct mt_counts
		spread; /* of the traces of a side: a smaller diff is no change */
};

enum {
	MT_TABLE_MAX_COLUMNS = 16,
	MT_MAX_SUBJECTS = 128, /* traces in one question */
};

/* Of so many rows those within the limit; 0: all. */
static inline size_t mt_shown(size_t count, size_t limit)
{
	return limit && count > limit ? limit : count;
}

struct mt_table {
	const char *name;  /* "rows", "snapshots" */
	const char *title; /* for text; NULL: none */
	const struct mt_column *columns;
	size_t column_count;
	struct mt_value *values; /* row by row */
	size_t row_count, value_capacity;
	/*
	 * Tables of statistics, as top and diff: each row has a label, which is the key in
	 * text, and sums; its columns size and count (size_diff, count_diff) are these.
	 */
	bool is_statistics, is_diff;
	bool has_spread; /* several traces on a side */
	/* A block may count in several rows: they do not add up to the totals. */
	bool has_overlap;
	char **labels;
	struct mt_sums *sums;
	size_t label_capacity, sum_capacity;
	struct mt_sums totals;
	struct mt_sums omitted;
	size_t omitted_rows;
};

/* One trace of the answer: which snapshot of it. */
struct mt_report_side {
	const char *trace;
	const char *label; /* NULL: none */
	int64_t index;     /* -1: none */
	uint64_t time_ns;
	bool is_old; /* the side of a diff; else the new one, or the only one */
};

/* A fact about the whole report. */
struct mt_fact {
	const char *name;
	const char *title; /* in text; NULL: text does not show it */
	enum mt_column_kind kind;
	struct mt_value value;
	/* In JSON: the object that holds it and its neighbours of the same; NULL: none. */
	const char *object;
};

struct mt_report {
	const char *schema; /* "memtrace.top/1" */
	struct mt_report_side sides[MT_MAX_SUBJECTS];
	size_t side_count;
	struct mt_fact *facts;
	size_t fact_count, fact_capacity;
	struct mt_table *tables;
	size_t table_count, table_capacity;
	bool is_incomplete;
	char **strings; /* owned: what the tables point to */
	size_t string_count, string_capacity;
};

void mt_report_deinit(struct mt_report *report);

/* A copy that lives as long as the report, or NULL with *err filled. */
const char *mt_report_string(struct mt_report *report, const char *string,
			     struct mt_error *err);

/* The report owns string from now on, also when this fails. */
int mt_report_own(struct mt_report *report, char *string, struct mt_error *err);

int mt_report_add_fact(struct mt_report *report, struct mt_fact fact,
		       struct mt_error *err);

/* Borrowed until the next table is added; NULL with *err filled. */
struct mt_table *mt_report_add_table(struct mt_report *report, const char *name,
				     const struct mt_column *columns, size_t column_count,
				     struct mt_error *err);

/* Room for one more row's values, all null; NULL with *err filled. */
struct mt_value *mt_table_add_row(struct mt_table *table, struct mt_error *err);

/* The same for a table of statistics, which takes label. */
struct mt_value *mt_table_add_statistic(struct mt_table *table, char *label,
					struct mt_sums sums, struct mt_error *err);

/*
 * The text of a row of statistics, as tracemalloc's str(), in malloc'ed memory.
 * NULL: out of memory.
 */
char *mt_table_row_text(const struct mt_table *table, size_t row);

#endif
