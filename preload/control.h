/*
 * control.h - requests to the collector through the control page.
 * Inside the traced process. Every wait has a limit; a collector that does not answer
 * costs the program that time once.
 */
#ifndef MT_PRELOAD_CONTROL_H
#define MT_PRELOAD_CONTROL_H

#include "formats/state.h"

#include <stdbool.h>

/* The snapshot `start`: main is about to be entered. Failure is counted. */
void control_request_start(void);

/* A snapshot with a valid label; returns when it is taken. 0, or -1. */
int control_request_snapshot(const char *label);

/* The process is about to end: the kernel's last figures of it. */
void control_request_layers(void);

/*
 * A scan for leaks, while the calling thread waits, a minute at most: how many blocks are
 * leaked, or -1. wishes: enum mt_snapshot_wish.
 */
int control_request_leaks(bool is_at_end, uint32_t wishes);

/*
 * An error of the program, for the trace; text is what is said of it. True: the control
 * page's text has its tracebacks in words. Waits five seconds at most.
 */
bool control_request_error(const struct mt_state_error *error, const char *text);

/* Whether the collector that has our state still runs, as far as can be seen. */
bool control_is_collector_alive(void);

#endif
