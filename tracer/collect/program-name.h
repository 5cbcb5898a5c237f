/*
 * program-name.h - what a process's program is called. Outside.
 */
#ifndef MT_TRACER_COLLECT_PROGRAM_NAME_H
#define MT_TRACER_COLLECT_PROGRAM_NAME_H

#include "tracer/collect/tracee.h"

/* The last part of a path; borrowed. */
const char *mt_program_name_base(const char *path);

/* tracee->program: the command's name as the kernel has it, whole: it cuts long ones. */
void mt_program_name_find(struct mt_tracee *tracee);

#endif
