/*
 * fault.c - see fault.h. Inside the traced process, in a signal handler.
 */
#include "preload/fault.h"

#include "preload/config.h"
#include "preload/door.h"
#include "preload/fence.h"
#include "preload/process.h"
#include "preload/report.h"
#include "preload/thread.h"
#include "tracer/record/lock.h"
#include "tracer/record/pages.h"
#include "tracer/record/recorder.h"
#include "tracer/record/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

enum {
	ACTIONS = 16, /* a handler may read one while others are set */
	STACK_BYTES = 64 << 10,
	/* The processor's words about a fault of a page. */
	ERROR_WRITE = 1 << 1,
	ERROR_EXECUTE = 1 << 4,
};

typedef void simple_handler(int number);

simple_handler *bsd_signal(int number, simple_handler *handler);
simple_handler *__sysv_signal(int number, simple_handler *handler);
int __sigaction(int number, const struct sigaction *action, struct sigaction *old);

typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);
typedef simple_handler *signal_function(int, simple_handler *);

static struct {
	sigaction_function *sigaction;
	signal_function *signal, *sysv_signal;
} next;

static struct {
	bool is_on;
	pid_t pid;
	/* What the program wants for SIGSEGV: the one at `current` modulo ACTIONS. */
	struct sigaction actions[ACTIONS];
	_Atomic uint32_t current;
	struct mt_lock lock; /* to set another */
	char *stack;
	struct mt_lock stack_lock;
} faults;

struct fault {
	struct mt_caller caller;
	const siginfo_t *info;
	const ucontext_t *context;
	const struct fence_block *block; /* at or beside the address; NULL: none */
	bool is_again;                   /* after this very access was let through */
};

/* The access of this thread that was last let through. */
static __thread struct {
	const void *address;
	uintptr_t pc;
} last;

static void on_fault(int number, siginfo_t *info, void *context);

/* A constructor that runs before ours may come through a door already. */
static void need_next(void)
{
	if (next.sigaction)
		return;
	next.signal = (signal_function *)dlsym(RTLD_NEXT, "signal");
	next.sysv_signal = (signal_function *)dlsym(RTLD_NEXT, "__sysv_signal");
	next.sigaction = (sigaction_function *)dlsym(RTLD_NEXT, "sigaction");
}

static struct sigaction wanted_action(void)
{
	return faults.actions[atomic_load(&faults.current) % ACTIONS];
}

static void want_action(const struct sigaction *action)
{
	uint32_t place = atomic_load(&faults.current) + 1;
	faults.actions[place % ACTIONS] = *action;
	atomic_store(&faults.current, place);
}

/*
 * Ours, with the program's choices of stack, mask and restart. Its mask must not hold the
 * signal itself, which the kernel adds as the flags say.
 */
static struct sigaction kernel_action(const struct sigaction *wanted)
{
	struct sigaction action = *wanted;
	action.sa_sigaction = on_fault;
	action.sa_flags =
		SA_SIGINFO | (wanted->sa_flags & (SA_ONSTACK | SA_RESTART | SA_NODEFER));
	return action;
}

static bool is_ours(const struct sigaction *action)
{
	return action->sa_flags & SA_SIGINFO && action->sa_sigaction == on_fault;
}

/* A child of vfork has this memory, but signal actions of its own. */
static bool is_vfork_child(void)
{
	return !process_is_child() &&
	       faults.pid != (pid_t)mt_syscall3(SYS_getpid, 0, 0, 0);
}

/* Signals are held back meanwhile: a handler of the program may come here too. */
static int change_action(const struct sigaction *action, struct sigaction *old)
{
	const uint64_t all = UINT64_MAX;
	uint64_t before = 0;
	int result = 0;
	mt_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, sizeof all,
		    0, 0);
	mt_lock_take(&faults.lock);
	struct sigaction former = wanted_action();
	if (action) {
		struct sigaction ours = kernel_action(action);
		want_action(action);
		result = next.sigaction(SIGSEGV, &ours, NULL);
	}
	mt_lock_give(&faults.lock);
	mt_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0,
		    0);
	if (old)
		*old = former;
	return result;
}

DOOR int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	need_next();
	if (number != SIGSEGV || !faults.is_on)
		return next.sigaction(number, action, old);
	if (!is_vfork_child())
		return change_action(action, old);
	int result = next.sigaction(number, action, old);
	if (result == 0 && old && is_ours(old))
		*old = wanted_action();
	return result;
}

DOOR int __sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	return sigaction(number, action, old);
}

static simple_handler *set_handler(int number, simple_handler *handler, int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, old;
	return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

DOOR simple_handler *signal(int number, simple_handler *handler)
{
	need_next();
	if (number != SIGSEGV || !faults.is_on)
		return next.signal(number, handler);
	return set_handler(number, handler, SA_RESTART);
}

DOOR simple_handler *bsd_signal(int number, simple_handler *handler)
{
	return signal(number, handler);
}

DOOR simple_handler *ssignal(int number, simple_handler *handler)
{
	return signal(number, handler);
}

DOOR simple_handler *__sysv_signal(int number, simple_handler *handler)
{
	need_next();
	if (number != SIGSEGV || !faults.is_on)
		return next.sysv_signal(number, handler);
	return set_handler(number, handler, (int)SA_RESETHAND | SA_NODEFER);
}

DOOR simple_handler *sysv_signal(int number, simple_handler *handler)
{
	return __sysv_signal(number, handler);
}

/*
 * Whose the access was meant to be. Between two blocks it is nearer to one of them, and
 * more likely to be beyond one that is live. NULL: none is near.
 */
static const struct fence_block *block_at(const unsigned char *address)
{
	const struct fence_block *before = fence_around(address);
	const struct fence_block *after = fence_around(address + MT_PAGE_BYTES);
	if (before == after || !after)
		return before;
	size_t to_after = fence_distance(after, address);
	if (to_after > MT_PAGE_BYTES)
		return before;
	if (!before)
		return after;
	size_t to_before = fence_distance(before, address);
	if (!to_before || !fence_is_live(after) ||
	    (fence_is_live(before) && to_before <= to_after))
		return before;
	return after;
}

static uintptr_t register_of(const struct fault *fault, int number)
{
	return (uintptr_t)fault->context->uc_mcontext.gregs[number];
}

/* Where the processor does not say so, the address does. */
static bool is_execute(const struct fault *fault)
{
	return register_of(fault, REG_ERR) & ERROR_EXECUTE ||
	       register_of(fault, REG_RIP) == (uintptr_t)fault->info->si_addr;
}

static const char *name_of_access(const struct fault *fault)
{
	if (is_execute(fault))
		return "execute";
	return register_of(fault, REG_ERR) & ERROR_WRITE ? "write" : "read";
}

/* Its page is accessible, unless the program itself has closed it. */
static bool is_in_live_block(const struct fault *fault)
{
	return fault->block && fence_is_live(fault->block) &&
	       !fence_distance(fault->block, fault->info->si_addr);
}

/*
 * Of the faulting instruction: the handler was called by the kernel's frame, that by it.
 * After a jump nothing is known of the frame, but the call has left where it came from.
 */
static mt_traceback_id traceback_of(struct thread *thread, const struct fault *fault)
{
	if (!thread || !thread_is_traced(thread))
		return 0;
	if (!is_execute(fault))
		return mt_recorder_outer(
			mt_unwind_traceback(&thread->recorder, fault->caller));
	const struct mt_caller caller = {
		.slot = (const uintptr_t *)register_of(fault, REG_RSP),
		.frame_pointer = register_of(fault, REG_RBP)};
	return mt_unwind_traceback(&thread->recorder, caller);
}

static enum mt_error_kind kind_of(const struct fault *fault)
{
	if (is_in_live_block(fault))
		return MT_ERROR_EXECUTE;
	if (fault->block && !fence_is_live(fault->block))
		return MT_ERROR_ACCESS_AFTER_FREE;
	return MT_ERROR_ACCESS_OUTSIDE;
}

static void describe_block(struct report *report, const struct fence_block *block)
{
	report->block = fence_start_of(block);
	report->block_bytes = block->size;
	report->allocated = fence_allocated(block);
	report->freed = fence_freed(block);
}

/* On a stack of its own: the program's alternate one may be small. */
static void tell(void *argument)
{
	const struct fault *fault = argument;
	const void *address = fault->info->si_addr;
	const struct fence_block *block =
		fault->block ? fault->block : fence_nearest(address);
	struct thread *thread = thread_enter();
	struct report report = {.kind = kind_of(fault),
				.call = name_of_access(fault),
				.address = address,
				.here = traceback_of(thread, fault),
				.describe = fence_describe};
	if (block)
		describe_block(&report, block);
	report_fault(&report);
	if (thread)
		thread_leave(thread);
}

/* fault-stack.S: call function(argument) on the stack that ends at top. */
void fault_call_on_stack(void (*function)(void *), void *argument, void *top);

static void tell_on_own_stack(struct fault *fault)
{
	int before = errno;
	mt_lock_take(&faults.stack_lock);
	fault_call_on_stack(tell, fault, faults.stack + STACK_BYTES);
	mt_lock_give(&faults.stack_lock);
	errno = before;
}

/*
 * The kernel's own action: for a fault by trying the instruction again, for a signal that
 * somebody sent by sending it again.
 */
static void leave_to_kernel(int number, siginfo_t *info)
{
	const struct sigaction action = {.sa_handler = SIG_DFL};
	next.sigaction(number, &action, NULL);
	if (info->si_code <= 0)
		mt_syscall6(SYS_rt_tgsigqueueinfo, mt_syscall3(SYS_getpid, 0, 0, 0),
			    mt_syscall3(SYS_gettid, 0, 0, 0), number, (long)info, 0, 0);
}

/* As the kernel does it: the handler alone. */
static void reset_action(void)
{
	struct sigaction action = wanted_action();
	action.sa_handler = SIG_DFL;
	want_action(&action);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	struct sigaction wanted = wanted_action();
	if (wanted.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (wanted.sa_handler == SIG_DFL || wanted.sa_handler == SIG_IGN) {
		leave_to_kernel(number, info);
		return;
	}
	if (wanted.sa_flags & (int)SA_RESETHAND)
		reset_action();
	if (wanted.sa_flags & SA_SIGINFO)
		wanted.sa_sigaction(number, info, context);
	else
		wanted.sa_handler(number);
}

/*
 * Whether the instruction can go on: MEMTRACE_DEBUG=continue. No page becomes executable, an
 * access that is near no block is none of ours, and what did not help is not done again.
 * Into a live block it is tried again as it is: another thread may have just taken it.
 */
static bool goes_on(const struct fault *fault)
{
	const void *address = fault->info->si_addr;
	if (!config.goes_on || !fault->block || is_execute(fault) || fault->is_again)
		return false;
	if (!is_in_live_block(fault) && !fence_open(address))
		return false;
	last.address = address;
	last.pc = register_of(fault, REG_RIP);
	return true;
}

/* In the range of fences. True: nobody else has to know. */
static bool is_dealt_with(struct fault *fault)
{
	const void *address = fault->info->si_addr;
	fault->block = block_at(address);
	fault->is_again =
		last.address == address && last.pc == register_of(fault, REG_RIP);
	if (!fault->is_again && (!is_in_live_block(fault) || is_execute(fault)))
		tell_on_own_stack(fault);
	return goes_on(fault);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	struct fault fault = {.caller = MT_CALLER(), .info = info, .context = context};
	if (info->si_code > 0 && fence_is_inside(info->si_addr) && is_dealt_with(&fault))
		return;
	pass_on(number, info, context);
}

bool fault_start(void)
{
	struct sigaction now;
	faults.stack = mt_pages_map(STACK_BYTES);
	if (!faults.stack)
		return false;
	need_next();
	if (next.sigaction(SIGSEGV, NULL, &now))
		return false;
	want_action(&now);
	faults.pid = (pid_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	faults.is_on = true;
	struct sigaction ours = kernel_action(&now);
	return next.sigaction(SIGSEGV, &ours, NULL) == 0;
}

void fault_after_fork(void)
{
	faults.pid = (pid_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	faults.lock = (struct mt_lock){0};
	faults.stack_lock = (struct mt_lock){0};
}
