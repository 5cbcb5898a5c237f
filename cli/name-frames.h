/*
 * name-frames.h - the frames of an error's tracebacks in words, for the collector. Outside.
 */
#ifndef MT_CLI_NAME_FRAMES_H
#define MT_CLI_NAME_FRAMES_H

#include "tracer/collect/errors.h"

mt_name_frames name_frames;

#endif
