/*
 * aside.h - step aside for those who serve the program's requests themselves.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_ASIDE_H
#define MT_PRELOAD_ASIDE_H

#include <stdbool.h>

/*
 * A tool of Valgrind serves them, memcheck for one: it takes the place of every library's
 * malloc, ours too, and of the other doors that it knows. Then nothing is recorded, and a
 * door that it does not know must go through one that it does.
 */
extern __attribute__((visibility("hidden"))) bool aside_for_valgrind;

/* Called once, at the first event. */
void aside_look_for_valgrind(void);

#endif
