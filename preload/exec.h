/*
 * exec.h - the doors through which other programs are started.
 * Inside the traced process. What is executed is announced in the shared state, so that
 * the collector misses who does not greet it: a static program, one with other rights, one
 * without the variables that bring the library along (which is counted, too).
 */
#ifndef MT_PRELOAD_EXEC_H
#define MT_PRELOAD_EXEC_H

/* From the constructor: find the C library's own functions. */
void exec_start(void);

#endif
