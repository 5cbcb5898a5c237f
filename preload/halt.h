/*
 * halt.h - stand still for a search for leaks where ptrace cannot make us.
 * Inside the traced process, with run --leaks only.
 */
#ifndef MT_PRELOAD_HALT_H
#define MT_PRELOAD_HALT_H

/* Take one real-time signal that the program has left alone. */
void halt_start(void);

/* In a forked child that has a state of its own: the same signal. */
void halt_start_child(void);

#endif
