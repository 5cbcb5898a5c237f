/*
 * exec.h - the doors through which other programs are started.
 * Inside the traced process. A program that is started without the variables that bring
 * the library along is not recorded: that is counted.
 */
#ifndef MT_PRELOAD_EXEC_H
#define MT_PRELOAD_EXEC_H

/* From the constructor: find the C library's own functions. */
void exec_start(void);

#endif
