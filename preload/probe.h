/*
 * probe.h - read where there may be no memory.
 * Inside the traced process; async-signal-safe.
 */
#ifndef MT_PRELOAD_PROBE_H
#define MT_PRELOAD_PROBE_H

#include "tracer/record/syscall.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the 8 bytes at p can be read. The kernel looks at them, as a set of signals,
 * before it refuses what is to be done with that set.
 */
static inline bool probe_is_readable(const void *p)
{
	enum {
		NOTHING_KNOWN = -1, /* no way to change a mask */
		SET_BYTES = 8,
	};
	return mt_syscall6(SYS_rt_sigprocmask, NOTHING_KNOWN, (long)p, 0, SET_BYTES, 0,
			   0) == -EINVAL;
}

#endif
