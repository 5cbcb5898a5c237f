/*
 * limits.c - doors through which a program limits itself.
 * Inside the traced process. Our reservations must not stand in the way of a limit of
 * address space, and a filter of system calls must not meet calls that malloc would not
 * make.
 */
#include "preload/arenas.h"
#include "preload/debug-blocks.h"
#include "preload/door.h"
#include "preload/fence.h"
#include "preload/process.h"
#include "preload/thread.h"
#include "tracer/record/stack.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int result_of(long result)
{
	if (result >= 0)
		return (int)result;
	errno = (int)-result;
	return -1;
}

/* Under the guard: a signal handler must not find the arenas locked by its own thread. */
static void give_up_reservations(uint64_t limit)
{
	struct thread *thread = thread_enter();
	if (!thread)
		return;
	mt_state_shrink(limit);
	arenas_shrink();
	fence_shrink();
	debug_blocks_shrink();
	thread_leave(thread);
}

/* What the kernel takes is the 64-bit form, which struct rlimit has on these machines. */
static int change(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *old)
{
	bool is_own = pid == 0 || pid == (pid_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	if (is_own && limit && resource == RLIMIT_AS)
		give_up_reservations(limit->rlim_cur);
	int result = result_of(
		mt_syscall6(SYS_prlimit64, pid, resource, (long)limit, (long)old, 0, 0));
	if (is_own && limit && resource == RLIMIT_STACK && result == 0)
		mt_stack_learn_limit();
	return result;
}

DOOR int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	return change(0, (int)resource, limit, NULL);
}

DOOR int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	return change(0, (int)resource, (const struct rlimit *)limit, NULL);
}

DOOR int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit,
		 struct rlimit *old)
{
	return change(pid, (int)resource, limit, old);
}

DOOR int prlimit64(pid_t pid, enum __rlimit_resource resource,
		   const struct rlimit64 *limit, struct rlimit64 *old)
{
	return change(pid, (int)resource, (const struct rlimit *)limit,
		      (struct rlimit *)old);
}

/*
 * Our tables are as large as they may become and touched only as used: locking must not
 * fill them. Whatever else the program has is locked from its first touch too.
 */
DOOR int mlockall(int flags)
{
	return result_of(mt_syscall3(SYS_mlockall, flags | MCL_ONFAULT, 0, 0));
}

DOOR int prctl(int option, ...)
{
	va_list list;
	va_start(list, option);
	long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long),
	     d = va_arg(list, long);
	va_end(list);
	if (option == PR_SET_SECCOMP)
		process_note_filter();
	return result_of(mt_syscall6(SYS_prctl, option, a, b, c, d, 0));
}
