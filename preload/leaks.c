/*
 * leaks.c - ask for a scan as late as possible. The debug modes look before _exit ends
 * the process, which runs no destructor.
 * Inside the traced process.
 *
 * What exit calls last was registered first: before main, and before the loader's own
 * function, which runs the destructors of the program and of all libraries. Ours is
 * registered by the constructor of a preloaded library and comes after all of them. It
 * belongs to no library, or it would be called with the destructors of that one.
 */
#include "preload/leaks.h"

#include "preload/config.h"
#include "preload/control.h"
#include "preload/door.h"
#include "preload/halt.h"
#include "preload/libc.h"
#include "preload/process.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A child of vfork has its parent's memory, and is not the one that is recorded. */
static bool is_own_process(void)
{
	return !process_is_child() && mt_state_is_handed_over() &&
	       (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0) == mt_state.header->pid;
}

static void scan_at_end(void *unused)
{
	static _Atomic uint32_t done_by;
	(void)unused;
	if (!config.finds_leaks || !is_own_process() ||
	    atomic_exchange(&done_by, mt_state.header->pid) == mt_state.header->pid)
		return;
	control_request_leaks(true, config.leaks_wishes);
}

/* Where the kernel lets only ancestors look into a process. */
static void let_collector_look(void)
{
	mt_syscall6(SYS_prctl, PR_SET_PTRACER, mt_state_collector_pid(), 0, 0, 0, 0);
}

void leaks_start(void)
{
	if (!config.finds_leaks)
		return;
	let_collector_look();
	halt_start();
	__cxa_atexit(scan_at_end, NULL, NULL);
	__cxa_at_quick_exit(scan_at_end, NULL);
}

void leaks_start_child(void)
{
	if (!config.finds_leaks)
		return;
	let_collector_look();
	halt_start_child();
}

__attribute__((noreturn)) static void end_process(int status)
{
	if (is_own_process())
		process_look("_exit");
	scan_at_end(NULL);
	for (;;)
		mt_syscall3(SYS_exit_group, status, 0, 0);
}

DOOR void _exit(int status)
{
	end_process(status);
}

DOOR void _Exit(int status)
{
	end_process(status);
}
