/*
 * check.h - where the check build compares an event's traceback with another unwinder's.
 * Inside the traced process, under the guard. In all other builds this is nothing:
 * `make check-tracebacks` builds it, tests/tracebacks/compare.c has the other side.
 */
#ifndef MT_TRACER_RECORD_CHECK_H
#define MT_TRACER_RECORD_CHECK_H

#include "tracer/record/recorder.h"

#ifdef MT_CHECK
/* id: as it will be recorded; 0: none will be. */
void mt_check_traceback(const struct mt_recorder *recorder, struct mt_caller caller,
			mt_traceback_id id);
#else
static inline void mt_check_traceback(const struct mt_recorder *recorder,
				      struct mt_caller caller, mt_traceback_id id)
{
	(void)recorder;
	(void)caller;
	(void)id;
}
#endif

#endif
