/*
 * say.h - one line on the program's stderr, when there is no better place.
 * Inside the traced process: one write(2), no stdio, errno kept, and no signal where
 * stderr is a pipe that nobody reads or a file that may not grow.
 */
#ifndef MT_TRACER_RECORD_SAY_H
#define MT_TRACER_RECORD_SAY_H

#include "tracer/record/syscall.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	MT_SAY_BYTES = 512,
	MT_SIGNALS_BYTES = 8, /* the kernel's set of signals */
};

static inline uint64_t mt_say_signal(int number)
{
	return UINT64_C(1) << (number - 1);
}

/* write(2) with its signals held back; one of ours is taken, an earlier one stays. */
static inline void mt_say_bytes(const char *line, size_t length)
{
	static const struct timespec at_once;
	const uint64_t signals = mt_say_signal(SIGPIPE) | mt_say_signal(SIGXFSZ);
	uint64_t before = 0, pending = 0;
	mt_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&signals, (long)&before,
		    MT_SIGNALS_BYTES, 0, 0);
	mt_syscall3(SYS_rt_sigpending, (long)&pending, MT_SIGNALS_BYTES, 0);
	long result = mt_syscall3(SYS_write, 2, (long)line, (long)length);
	uint64_t raised = result == -EPIPE   ? mt_say_signal(SIGPIPE)
			  : result == -EFBIG ? mt_say_signal(SIGXFSZ)
					     : 0;
	raised &= ~pending;
	if (raised)
		mt_syscall6(SYS_rt_sigtimedwait, (long)&raised, 0, (long)&at_once,
			    MT_SIGNALS_BYTES, 0, 0);
	mt_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, MT_SIGNALS_BYTES,
		    0, 0);
}

/* Says "memtrace: " and the text; longer lines are cut. */
static inline void mt_say(const char *text)
{
	static const char name[] = "memtrace: ";
	char line[MT_SAY_BYTES];
	size_t length = 0;
	for (const char *from = name; *from; from++)
		line[length++] = *from;
	for (; *text && length < sizeof(line) - 1; text++)
		line[length++] = *text;
	line[length++] = '\n';
	mt_say_bytes(line, length);
}

#endif
