/*
 * predict.h - what a walk leaves behind, so that the next event here needs none.
 * Inside the traced process, under the guard.
 */
#ifndef MT_TRACER_RECORD_PREDICT_H
#define MT_TRACER_RECORD_PREDICT_H

#include "tracer/record/unwind.h"

/* Where a prediction for this event is, or would be. */
struct mt_prediction *mt_predict_place(const struct mt_unwinder *u,
				       struct mt_caller caller);

/*
 * The stack just remembered, which was joined at `join`, has this traceback. p: the place
 * where its prediction is expected.
 */
void mt_predict(struct mt_recorder *recorder, struct mt_caller caller,
		struct mt_prediction *p, uint32_t join, mt_traceback_id id);

#endif
