/*
 * launch.h - a collector for a program that was preloaded without `memtrace run`.
 * Inside the traced process, from the constructor.
 */
#ifndef MT_PRELOAD_LAUNCH_H
#define MT_PRELOAD_LAUNCH_H

#include <stdbool.h>

/*
 * Start `memtrace collect`, detached: no child that the program could wait for, no
 * SIGCHLD, no descriptor left. Its socket goes to config.socket and to the environment,
 * for the program's own children. False: it cannot be started; whether it then runs
 * shows at the hand-over.
 */
bool launch_collector(void);

#endif
