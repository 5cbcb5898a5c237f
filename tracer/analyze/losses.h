/*
 * losses.h - the words for what was not recorded. Outside.
 */
#ifndef MT_TRACER_ANALYZE_LOSSES_H
#define MT_TRACER_ANALYZE_LOSSES_H

#include "formats/state.h"

#include <stdbool.h>

/* For scripts: "nested"; for people: what happened. Of every reason below the count. */
const char *mt_loss_name(enum mt_loss reason);
const char *mt_loss_text(enum mt_loss reason);

/* Recorded as ever: only without the pages of its own that --malloc guard gives. */
bool mt_loss_is_unguarded(enum mt_loss reason);

#endif
