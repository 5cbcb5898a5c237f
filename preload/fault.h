/*
 * fault.h - accesses to fenced pages are told, and then left to the program.
 * Inside the traced process; for `--malloc guard` alone.
 *
 * The kernel's action for SIGSEGV becomes ours. What the program sets by sigaction or
 * signal is kept aside, shown to it when it asks, and carried out after our report: its
 * handler is called as the kernel would have, or the kernel's default comes back and the
 * instruction faults again. Only the kernel knows where a raw system call sets another.
 */
#ifndef MT_PRELOAD_FAULT_H
#define MT_PRELOAD_FAULT_H

#include <stdbool.h>

/* When fences stand. False: no memory for the reports' stack. */
bool fault_start(void);

/* In a forked child at its first event. */
void fault_after_fork(void);

#endif
