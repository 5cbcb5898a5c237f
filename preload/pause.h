/*
 * pause.h - a moment at which no thread is inside an event.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_PAUSE_H
#define MT_PRELOAD_PAUSE_H

#include <stdbool.h>

/*
 * Stop tracing, wait (with a limit) for the events that are under way, forget all blocks
 * and counts; then go on tracing if `resumes`. Events meanwhile are not recorded: they
 * belong to what is forgotten.
 */
void pause_and_forget(bool resumes);

#endif
