/*
 * why.h - why blocks are still there: the paths that hold those of a call site, most
 * common first, or the path of one block. Outside.
 */
#ifndef MT_TRACER_ANALYZE_WHY_H
#define MT_TRACER_ANALYZE_WHY_H

#include "tracer/analyze/holders.h"
#include "tracer/analyze/question.h"

struct mt_why_path {
	uint32_t group;
	uint32_t last; /* step of holders: the blocks themselves */
	struct mt_counts counts;
};

struct mt_why_site {
	uint32_t group; /* of answer.groups, by lineno */
	struct mt_counts counts;
	struct mt_counts leaked; /* of these: definite and indirect */
	size_t first_path, path_count;
};

struct mt_why {
	struct mt_answer answer; /* of one subject, with its scan */
	struct mt_roots roots;
	struct mt_holders holders;
	MT_LIST(struct mt_why_site) sites; /* most bytes first */
	MT_LIST(struct mt_why_path) paths; /* by site, most blocks first */
	uint32_t block;                    /* that was asked for, or MT_NO_BLOCK */
	/*
	 * Where it is lost in a cycle, or with one: what is in that, and its blocks from the
	 * one asked for on, or from the one that leads to it, in the order of their pointers.
	 */
	struct mt_counts cycle;
	MT_LIST(uint32_t) cycle_blocks;
};

struct mt_why_question {
	struct mt_question
		base; /* filters say which call sites; sets is_of_scan itself */
	bool has_address;
	uint64_t address;
};

/*
 * Answer about TRACE[@SNAP]. MT_ERR_MISSING where no block is at the address, or none fits
 * the filters. Deinit in either case.
 */
int mt_why_init(struct mt_why *why, struct mt_why_question *question,
		const char *argument, struct mt_error *err);
void mt_why_deinit(struct mt_why *why);

static inline const struct mt_heap *mt_why_heap(const struct mt_why *why)
{
	return &why->answer.subjects[0].heap;
}

/*
 * The blocks from the one next to the root to block: how many, with the first limit of
 * them in blocks where there are more than that.
 */
size_t mt_why_chain(const struct mt_why *why, uint32_t block, uint32_t *blocks,
		    size_t limit);

/* why-cycle.c: of the block that was asked for. */
int mt_why_find_cycle(struct mt_why *why, struct mt_error *err);

/* Whether one block of a cycle has a pointer to the other. */
bool mt_why_leads_to(const struct mt_why *why, uint32_t from, uint32_t to);

/* What holds the first step of a path: its label, or its name where places differ; NULL. */
const char *mt_why_root(const struct mt_why *why, uint32_t first);

/* The thread's name, or NULL. */
const char *mt_why_thread(const struct mt_why *why, uint32_t tid);

/* why-report.c: as tables of answer.report. limit: sites, and paths of each; 0: all. */
int mt_why_report(struct mt_why *why, size_t limit, struct mt_error *err);

#endif
