/*
 * leaks.h - what a scan found by traceback or another key: what nothing points at any
 * more, what is lost with it, the cycles, and on demand the rest. Outside.
 */
#ifndef MT_TRACER_ANALYZE_LEAKS_H
#define MT_TRACER_ANALYZE_LEAKS_H

#include "tracer/analyze/question.h"

struct mt_leak_row {
	uint8_t kind;    /* enum mt_leak_kind */
	uint32_t group;  /* of answer.groups */
	uint32_t leader; /* indirect: row of the definite blocks it is lost with */
	struct mt_counts counts;
	struct mt_counts leads_to; /* definite: the indirect blocks below */
	struct mt_counts retained;
	uint64_t references; /* pointers to these blocks */
	uint32_t example;    /* one whose contents are known, or MT_NO_BLOCK */
};

enum {
	MT_NO_LEAK_ROW = UINT32_MAX,
};

/* A pointer within a cycle. */
struct mt_leak_link {
	uint64_t offset; /* in the block that has it */
	uint32_t to;     /* block */
};

/* Blocks of a cycle that look alike where they are shown; see leaks-cycles.c. */
struct mt_leak_member {
	uint32_t block; /* the first of them, whose the links are */
	uint64_t times;
	size_t first_link, link_count; /* by block that they lead to, then offset */
};

struct mt_leak_cycle {
	uint64_t times;        /* as many cycles look like this */
	struct mt_counts each; /* one of them */
	/* Of the first: its members, and its blocks in their order. */
	size_t first_member, member_count;
	size_t first_block;
};

struct mt_leaks {
	struct mt_answer answer; /* of one subject, with its scan */
	struct mt_counts summary[MT_LEAK_KINDS];
	MT_LIST(struct mt_leak_row) rows;
	/* What is shown, of rows: each definite row is followed by those that are lost with
	   it. Most bytes first. */
	MT_LIST(uint32_t) order;
	size_t omitted_rows;
	struct mt_counts omitted;
	MT_LIST(struct mt_leak_cycle) cycles; /* most bytes first */
	MT_LIST(struct mt_leak_member) members;
	MT_LIST(struct mt_leak_link) links;
	MT_LIST(uint32_t) cycle_blocks;
};

struct mt_leaks_question {
	struct mt_question base; /* by, filters, limit ...; sets is_of_scan itself */
	bool wants_reachable;
	bool wants_retained;
};

/* Answer about TRACE[@SNAP]. Deinit in either case. */
int mt_leaks_init(struct mt_leaks *leaks, struct mt_leaks_question *question,
		  const char *argument, struct mt_error *err);
void mt_leaks_deinit(struct mt_leaks *leaks);

static inline const struct mt_heap *mt_leaks_heap(const struct mt_leaks *leaks)
{
	return &leaks->answer.subjects[0].heap;
}

/* leaks-cycles.c: fills cycles and what they are made of. */
int mt_leaks_find_cycles(struct mt_leaks *leaks, const uint32_t *group_of_block,
			 struct mt_error *err);

/* By block that they lead to, then offset. */
void mt_leak_links_sort(struct mt_leak_link *links, size_t count);

/* leaks-report.c: as facts and tables of answer.report. */
int mt_leaks_report(struct mt_leaks *leaks, const struct mt_leaks_question *question,
		    struct mt_error *err);

/* How a scan was made, as facts of a report. */
int mt_leaks_report_scan(struct mt_report *report, const struct mt_record_scan *scan,
			 struct mt_error *err);

#endif
