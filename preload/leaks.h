/*
 * leaks.h - a search for leaks at the end of the process, with run --leaks.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_LEAKS_H
#define MT_PRELOAD_LEAKS_H

/* From the library's constructor, when the collector is there; nothing without --leaks. */
void leaks_start(void);

/* In a forked child that has a state of its own. */
void leaks_start_child(void);

#endif
