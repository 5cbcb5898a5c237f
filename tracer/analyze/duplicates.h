/*
 * duplicates.h - live blocks with equal contents: what one shared copy would save.
 * Outside.
 *
 * Equal are blocks of the same size whose contents have the same hash.
 */
#ifndef MT_TRACER_ANALYZE_DUPLICATES_H
#define MT_TRACER_ANALYZE_DUPLICATES_H

#include "tracer/analyze/question.h"

/* Blocks of one traceback that have equals among themselves. */
struct mt_duplicate {
	uint32_t group; /* of answer.groups, by traceback */
	struct mt_counts copies;
	uint64_t distinct;     /* contents */
	uint64_t saving_bytes; /* if each of these were there once */
	/* Of the contents that alone would save most: */
	uint64_t most_saving_bytes;
	uint64_t most_copies;
	uint32_t most_block; /* one of them whose contents are known, or MT_NO_BLOCK */
};

struct mt_duplicates {
	struct mt_answer answer;           /* of one subject, with its scan */
	MT_LIST(struct mt_duplicate) rows; /* most savings first */
	struct mt_counts copies;         /* of the whole heap: blocks that have equals */
	uint64_t distinct, saving_bytes; /* the same, whoever asked for them */
};

/*
 * Answer about TRACE[@SNAP]. MT_ERR_MISSING where its scan took no hashes. Deinit in
 * either case.
 */
int mt_duplicates_init(struct mt_duplicates *duplicates, struct mt_question *question,
		       const char *argument, struct mt_error *err);
void mt_duplicates_deinit(struct mt_duplicates *duplicates);

/* As facts and a table of answer.report; limit rows, 0: all. */
int mt_duplicates_report(struct mt_duplicates *duplicates, size_t limit,
			 struct mt_error *err);

#endif
