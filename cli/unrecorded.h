/*
 * unrecorded.h - why a program's memory was not seen, from its file. Outside.
 */
#ifndef MT_CLI_UNRECORDED_H
#define MT_CLI_UNRECORDED_H

#include <stdbool.h>

/* The program as it was given to run; a reason for people. */
const char *mt_unrecorded_why(const char *program);

/* It exports a malloc, which comes before ours for all libraries. */
bool mt_unrecorded_has_own_malloc(const char *program);

#endif
