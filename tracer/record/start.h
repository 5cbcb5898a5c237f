/*
 * start.h - what the process is like when it says hello, and when main is entered.
 * Inside the traced process.
 */
#ifndef MT_TRACER_RECORD_START_H
#define MT_TRACER_RECORD_START_H

#include <stdbool.h>

/*
 * Who this is, into the header: its creator, name, directory and arguments. The process
 * may be gone when the collector comes to it. From the constructor, and in a forked child
 * that has a fresh state.
 */
void mt_start_introduce(void);

/*
 * Keep in the state what it holds now and may change. False: that is too much, and the
 * collector has to be waited for.
 */
bool mt_start_keep(void);

#endif
