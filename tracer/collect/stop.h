/*
 * stop.h - hold the threads of a process and look at their registers. Outside.
 */
#ifndef MT_TRACER_COLLECT_STOP_H
#define MT_TRACER_COLLECT_STOP_H

#include "formats/error.h"
#include "formats/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_STOP_REGISTERS = 17, /* in DWARF's numbering; 16: the instruction pointer */
	MT_STOP_SP = 7,
	MT_STOP_PC = 16,
};

struct mt_stop_thread {
	uint32_t tid;
	bool is_held; /* by ptrace, to be let go */
	bool is_known;
	bool is_in_call; /* the instruction pointer is a return address */
	int signal;      /* that was on its way to it; 0: none */
	uint64_t registers[MT_STOP_REGISTERS];
	uint64_t thread_pointer; /* 0: not known */
	uint64_t stack_from;     /* what lies below on its stack is nothing */
	uint8_t *kept;           /* of its stack: see frames.h; NULL: nothing */
	uint64_t kept_from, kept_bytes;
	char name[MT_NAME_BYTES]; /* empty: not known */
};

/* Zeroed is empty. */
struct mt_stop {
	struct mt_stop_thread *threads;
	size_t count, capacity;
	size_t missed; /* that could not be stopped, registers not known */
};

/*
 * Stop all threads by ptrace. Fails where that is not permitted (then nothing is held);
 * threads that do not stop in time are missed.
 */
int mt_stop_by_ptrace(struct mt_stop *stop, uint32_t pid, struct mt_error *err);

/*
 * Stop all threads by the signal that the library has taken, and have it make a copy of the
 * process: *copy is its pid. Threads that have blocked the signal are missed.
 */
struct mt_control;
int mt_stop_by_signal(struct mt_stop *stop, uint32_t pid, struct mt_control *control,
		      uint32_t *copy, struct mt_error *err);

/* Let the threads go on; and, when it is not needed any more, the copy end. */
void mt_stop_end_round(struct mt_control *control);
void mt_stop_end_copy(struct mt_control *control);

/* Another thread that needs not be stopped. NULL: out of memory. */
struct mt_stop_thread *mt_stop_add(struct mt_stop *stop, uint32_t tid);

/* How many threads the process has; 0: not shown. */
size_t mt_stop_count_threads(uint32_t pid);

/* By whose id the process's memory is found: the main thread may have ended before others. */
uint32_t mt_stop_living_thread(uint32_t pid);

/* Let all go on. */
void mt_stop_release(struct mt_stop *stop);
void mt_stop_deinit(struct mt_stop *stop);

#endif
