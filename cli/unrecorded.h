/*
 * unrecorded.h - why a program's memory was not seen, from its file. Outside.
 */
#ifndef MT_CLI_UNRECORDED_H
#define MT_CLI_UNRECORDED_H

/* The program as it was given to run; a reason for people. */
const char *mt_unrecorded_why(const char *program);

#endif
