/*
 * predict.h - what a walk leaves behind, so that the next event here needs none.
 * Inside the traced process, under the guard.
 */
#ifndef MT_TRACER_RECORD_PREDICT_H
#define MT_TRACER_RECORD_PREDICT_H

#include "tracer/record/unwind.h"

/* The stack just remembered, which was joined at `join`, has this traceback. */
void mt_predict(struct mt_recorder *recorder, struct mt_caller caller, uint32_t join,
		mt_traceback_id id);

#endif
