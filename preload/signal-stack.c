/*
 * signal-stack.c - the door of sigaltstack.
 * Inside the traced process. Only the kernel knows where a thread's alternate stack is, and tells
 * only the thread: for a search for leaks it is written down.
 */
#include "preload/door.h"
#include "preload/thread.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

/* A thread without a slot gets one, as at its first event. */
static void note(void)
{
	struct thread *thread = thread_self;
	if (!thread && (thread = thread_enter()))
		thread_leave(thread);
	thread = thread_self;
	if (thread && thread->is_recorded)
		mt_state_slot_note_signal_stack(thread->recorder.slot);
}

DOOR int sigaltstack(const stack_t *restrict stack, stack_t *restrict old)
{
	long result = mt_syscall3(SYS_sigaltstack, (long)stack, (long)old, 0);
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	if (stack)
		note();
	return 0;
}
