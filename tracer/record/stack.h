/*
 * stack.h - where a thread's stack lies, and which memory can be read.
 * Inside the traced process.
 */
#ifndef MT_TRACER_RECORD_STACK_H
#define MT_TRACER_RECORD_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* All between low and high can be read while the thread runs on it, from rsp up. */
struct mt_stack {
	uintptr_t low, high;
};

/* The calling thread's own; empty where it cannot be told: then all stacks are foreign. */
struct mt_stack mt_stack_of_thread(void);

/* The limit of the main thread's stack is another one now. */
void mt_stack_learn_limit(void);

/* Whether sp is where the kernel began the program: what called has no caller. */
bool mt_stack_is_entry(uintptr_t sp);

/* Whether the word at the aligned address can be read; asks the kernel. */
bool mt_stack_can_read(uintptr_t address);

#endif
