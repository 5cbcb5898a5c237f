/*
 * near.h - the walk that most events without a prediction need: a few plain frames on the
 * thread's own stack, up to what is remembered.
 * Inside the traced process, under the guard.
 */
#ifndef MT_TRACER_RECORD_NEAR_H
#define MT_TRACER_RECORD_NEAR_H

#include "tracer/record/unwind.h"

/*
 * Where in the remembered stack the walk joined it; *id is as mt_unwind_miss returns it. 0: this
 * stack takes the walk of unwind.c, which gives the same answer for all that this one
 * understands; nothing has changed. Only with the unwinder up to date, and where the inline part
 * is not passed by.
 */
uint32_t mt_near_walk(struct mt_recorder *recorder, struct mt_caller caller,
		      mt_traceback_id *id);

#endif
