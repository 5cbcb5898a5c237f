/*
 * breaks.h - which memory the program took by sbrk and brk for itself.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_BREAKS_H
#define MT_PRELOAD_BREAKS_H

/* Tell the state where it is noted; in a forked child's new state again. */
void breaks_introduce(void);

#endif
