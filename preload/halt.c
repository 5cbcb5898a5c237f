/*
 * halt.c - see halt.h.
 * Inside the traced process. The handler makes system calls only, and takes no lock.
 */
#include "preload/halt.h"

#include "preload/control.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <time.h>

enum {
	/* Programs take theirs from the ends of the range. */
	FIRST_SIGNAL = 56,
	LAST_SIGNAL = 40,
	STEP_MS = 100, /* between looks whether the collector is there */
	LIMIT_STEPS = 600,
};

static uint32_t taken;

static void wait_on(_Atomic uint32_t *word, uint32_t value)
{
	struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	mt_syscall6(SYS_futex, (long)word, FUTEX_WAIT, value, (long)&step, 0, 0);
}

static void take_registers(struct mt_control_note *note, const ucontext_t *context)
{
#ifdef __x86_64__
	static const uint8_t order[MT_CONTROL_REGISTERS] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
		REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
		REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
	for (int i = 0; i < MT_CONTROL_REGISTERS; i++)
		note->registers[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
#else
	(void)note, (void)context;
#endif
	note->thread_pointer = (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

__attribute__((noreturn)) static void end_thread(void)
{
	for (;;)
		mt_syscall3(SYS_exit, 0, 0, 0);
}

/* The copy: it does nothing but to be there. */
__attribute__((noreturn)) static void be_copy(struct mt_control_halt *halt,
					      uint32_t collector)
{
	mt_syscall6(SYS_prctl, PR_SET_PTRACER, collector, 0, 0, 0, 0);
	for (int step = 0; step < LIMIT_STEPS; step++) {
		struct timespec pause = {.tv_nsec = STEP_MS * 1000000L};
		if (step && !atomic_load(&halt->copy))
			break;
		if (collector && mt_syscall3(SYS_kill, collector, 0, 0) == -ESRCH)
			break;
		mt_syscall3(SYS_nanosleep, (long)&pause, 0, 0);
	}
	for (;;)
		mt_syscall3(SYS_exit_group, 0, 0, 0);
}

/*
 * By way of a child that shares our memory and ends at once, so that the copy is nobody's
 * whom the program could wait for. No signal tells of either.
 */
static void make_copy(struct mt_control_halt *halt)
{
	uint32_t collector = mt_state_collector_pid();
	long child = mt_syscall6(SYS_clone, CLONE_VM | CLONE_VFORK, 0, 0, 0, 0, 0);
	if (child == 0) {
		long copy = mt_syscall6(SYS_clone, 0, 0, 0, 0, 0, 0);
		if (copy == 0)
			be_copy(halt, collector);
		atomic_store(&halt->copy, copy > 0 ? (int32_t)copy : -1);
		end_thread();
	}
	if (child < 0)
		atomic_store(&halt->copy, -1);
	else
		mt_syscall6(SYS_wait4, child, 0, __WALL, 0, 0, 0);
}

static void put_note(struct mt_control_halt *halt, struct mt_control_note *note)
{
	uint64_t first = atomic_load(&halt->notes);
	do {
		note->next = first;
	} while (!atomic_compare_exchange_weak(&halt->notes, &first,
					       (uint64_t)(uintptr_t)note));
	atomic_fetch_add(&halt->waiting, 1);
}

static void wait_for_end(struct mt_control_halt *halt, const struct mt_control_note *note)
{
	for (int step = 0; step < LIMIT_STEPS; step++) {
		uint32_t copier = atomic_load(&halt->copier);
		if (atomic_load(&halt->round) != note->round)
			return;
		if (copier == note->tid && !atomic_load(&halt->copy))
			make_copy(halt);
		if (copier)
			wait_on(&halt->round, note->round);
		else
			wait_on(&halt->copier, 0);
		if (!control_is_collector_alive())
			return;
	}
}

/* Under a filter of system calls nothing of this may be tried. */
static void on_halt(int number, siginfo_t *info, void *context)
{
	struct mt_control_halt *halt = &mt_state.control->halt;
	uint32_t round = atomic_load(&halt->round);
	(void)number, (void)info;
	if (round % 2 == 0 || mt_state.has_filter)
		return;
	struct mt_control_note note = {.tid = (uint32_t)mt_syscall3(SYS_gettid, 0, 0, 0),
				       .round = round};
	take_registers(&note, context);
	put_note(halt, &note);
	wait_for_end(halt, &note);
}

static bool take(int number)
{
	struct sigaction action;
	if (sigaction(number, NULL, &action) || action.sa_handler != SIG_DFL)
		return false;
	action = (struct sigaction){.sa_sigaction = on_halt,
				    .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
	for (size_t i = 0; i < sizeof action.sa_mask; i++)
		((unsigned char *)&action.sa_mask)[i] = 0xff;
	return !sigaction(number, &action, NULL);
}

void halt_start(void)
{
	int number = FIRST_SIGNAL;
	while (number >= LAST_SIGNAL && !take(number))
		number--;
	taken = number >= LAST_SIGNAL ? (uint32_t)number : 0;
	mt_state.control->halt.signal = taken;
}

void halt_start_child(void)
{
	mt_state.control->halt.signal = taken;
}
