/*
 * name-frames.h - the frames of an error's tracebacks in words, for the collector,
 * and for who reads the trace. Outside.
 */
#ifndef MT_CLI_NAME_FRAMES_H
#define MT_CLI_NAME_FRAMES_H

#include "tracer/analyze/location.h"
#include "tracer/collect/errors.h"

#include <stdio.h>

mt_name_frames name_frames;

/* One line of a traceback, as the interpreter prints it; names may hold anything. */
void name_location(FILE *out, const struct mt_location *location);

#endif
