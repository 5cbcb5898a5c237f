/*
 * near.h - the walk that most events without a prediction need: a few plain frames on the
 * thread's own stack, up to what is remembered.
 * Inside the traced process, under the guard.
 */
#ifndef MT_TRACER_RECORD_NEAR_H
#define MT_TRACER_RECORD_NEAR_H

#include "tracer/record/unwind.h"

/*
 * False: this stack takes the walk of unwind.c, which gives the same answer for all that
 * this one understands; nothing has changed. True: *id is as mt_unwind_miss returns it. p: the
 * prediction that did not apply, to be made anew; NULL: none is. Only with the unwinder up to date, and where the
 * inline part is not passed by.
 */
bool mt_near_walk(struct mt_recorder *recorder, struct mt_caller caller,
		  struct mt_prediction *p, mt_traceback_id *id);

#endif
