/*
 * door.h - a function of ours that takes the place of the program's.
 * Inside the traced process; doors are all that the library exports, besides its interface.
 */
#ifndef MT_PRELOAD_DOOR_H
#define MT_PRELOAD_DOOR_H

/* Never inlined into another door: its frame is where the traceback begins. */
#define DOOR __attribute__((visibility("default"), noinline))

#endif
