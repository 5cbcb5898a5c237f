/*
 * sidetable.h - which traceback owns each granule of the small-object heap.
 * Inside the traced process, under the guard. The word of a block is written by the
 * thread that allocates the block and taken by the one that frees it, so plain loads and
 * stores do; they are atomic only so that the collector never sees half a word.
 */
#ifndef MT_TRACER_RECORD_SIDETABLE_H
#define MT_TRACER_RECORD_SIDETABLE_H

#include "tracer/record/state.h"

/* 0 where no block begins, or one without a record. */
typedef uint32_t mt_side_word;

static inline mt_side_word mt_side_word_make(mt_traceback_id id, uint32_t slack)
{
	return id << MT_SLACK_BITS | slack;
}

static inline mt_traceback_id mt_side_word_id(mt_side_word word)
{
	return word >> MT_SLACK_BITS;
}

/* Class size - requested size. */
static inline uint32_t mt_side_word_slack(mt_side_word word)
{
	return word & MT_SLACK_MASK;
}

/* log2 of the geometry's granule; set by mt_recorder_start_process. */
extern uint32_t mt_sidetable_granule_shift;

/* The place of the word for the block at p, which lies in the small-object heap. */
static inline uint32_t *mt_sidetable_at(const void *p)
{
	size_t offset = (size_t)((const unsigned char *)p - mt_state.heap);
	return &mt_state.side[offset >> mt_sidetable_granule_shift];
}

/* id 0 leaves the block without a record. */
static inline void mt_sidetable_set(const void *p, mt_traceback_id id, uint32_t slack)
{
	__atomic_store_n(mt_sidetable_at(p), id ? mt_side_word_make(id, slack) : 0,
			 __ATOMIC_RELAXED);
}

static inline mt_side_word mt_sidetable_get(const void *p)
{
	return __atomic_load_n(mt_sidetable_at(p), __ATOMIC_RELAXED);
}

/* Read and clear: a second free of the same block finds nothing. */
static inline mt_side_word mt_sidetable_take(const void *p)
{
	uint32_t *place = mt_sidetable_at(p);
	mt_side_word word = __atomic_load_n(place, __ATOMIC_RELAXED);
	__atomic_store_n(place, 0, __ATOMIC_RELAXED);
	return word;
}

#endif
