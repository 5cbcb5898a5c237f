/*
 * ancestors.h - tracebacks from before a fork: those of blocks that a child inherited.
 * Inside the traced process, under the guard; in the modes that report errors alone.
 *
 * A forked child begins with an empty state. What it needs to tell where an inherited block
 * came from is the state of the process that allocated it: its tables of frames stay mapped
 * for reading, by the number of forks between that process and the first one.
 */
#ifndef MT_PRELOAD_ANCESTORS_H
#define MT_PRELOAD_ANCESTORS_H

#include "formats/state.h"

#include <stdint.h>

/* In a forked child, before its own state takes the place of the other's. */
void ancestors_keep(void);

/*
 * An id of this process for a traceback of the process `generation` forks after the first;
 * 0: it is not known. Lock-free.
 */
mt_traceback_id ancestors_traceback(mt_traceback_id id, uint32_t generation);

#endif
