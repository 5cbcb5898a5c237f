/*
 * control.c - ask the collector for a snapshot and wait for it.
 * Inside the traced process: a futex in the shared control page, system calls only.
 */
#include "preload/control.h"

#include "preload/process.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <time.h>

enum {
	STEP_MS = 100, /* between looks whether the collector is there */
	LIMIT_STEPS = 100,
	LEAKS_STEPS = 600,
	ERROR_STEPS = 50,
};

/* Not private: the page is mapped by two processes. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	mt_syscall6(SYS_futex, (long)word, FUTEX_WAIT, value, (long)&step, 0, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
	mt_syscall3(SYS_futex, (long)word, FUTEX_WAKE, INT32_MAX);
}

bool control_is_collector_alive(void)
{
	uint32_t pid = mt_state_collector_pid();
	return !pid || mt_syscall3(SYS_kill, pid, 0, 0) != -ESRCH;
}

static bool lock(struct mt_control *control)
{
	for (int step = 0; step < LIMIT_STEPS; step++) {
		uint32_t free = 0;
		if (atomic_compare_exchange_strong(&control->lock, &free, 1))
			return true;
		futex_wait(&control->lock, free);
	}
	return false;
}

static void unlock(struct mt_control *control)
{
	atomic_store(&control->lock, 0);
	futex_wake(&control->lock);
}

static bool wait_until_done(struct mt_control *control, uint32_t request, int limit)
{
	for (int step = 0; step < limit; step++) {
		uint32_t done = atomic_load(&control->done);
		if (done == request)
			return true;
		futex_wait(&control->done, done);
		if (atomic_load(&control->done) != request &&
		    !control_is_collector_alive())
			break;
	}
	return atomic_load(&control->done) == request;
}

static void copy(char *to, size_t size, const char *from)
{
	size_t i = 0;
	for (; from && from[i] && i < size - 1; i++)
		to[i] = from[i];
	to[i] = '\0';
}

/* Whether it is done in time; then control->result says how. */
static bool put_request(struct mt_control *control, enum mt_request_kind kind, int limit)
{
	control->kind = kind;
	uint32_t request = atomic_fetch_add(&control->request, 1) + 1;
	futex_wake(&control->request);
	return wait_until_done(control, request, limit);
}

static int ask(struct mt_control *control, enum mt_request_kind kind, const char *label)
{
	copy(control->label, sizeof control->label, label);
	if (put_request(control, kind, LIMIT_STEPS))
		return control->result;
	atomic_store(&control->collector_gone, 1);
	process_give_up("the collector is gone: the trace ends early");
	return -1;
}

static bool is_reachable(void)
{
	return mt_state_is_handed_over() &&
	       !atomic_load(&mt_state.control->collector_gone);
}

static int request(enum mt_request_kind kind, const char *label)
{
	struct mt_control *control = mt_state.control;
	if (!is_reachable())
		return -1;
	int result = -1;
	if (lock(control)) {
		result = ask(control, kind, label);
		unlock(control);
	}
	if (result < 0)
		mt_state_lose(MT_LOSS_SNAPSHOT);
	return result;
}

void control_request_start(void)
{
	request(MT_REQUEST_SNAPSHOT_START, NULL);
}

void control_request_layers(void)
{
	request(MT_REQUEST_LAYERS, NULL);
}

/* What the caller's callers rely on, and where its frame is. */
static inline __attribute__((always_inline)) void
note_registers(struct mt_control_thread *asking)
{
	uint64_t *registers = asking->registers;
	for (int i = 0; i < MT_CONTROL_REGISTERS; i++)
		registers[i] = 0;
	asking->thread_pointer = (uint64_t)(uintptr_t)__builtin_thread_pointer();
#ifdef __x86_64__
	__asm__ volatile("movq %%rbx, 3*8(%0)\n\t"
			 "movq %%rbp, 6*8(%0)\n\t"
			 "movq %%rsp, 7*8(%0)\n\t"
			 "movq %%r12, 12*8(%0)\n\t"
			 "movq %%r13, 13*8(%0)\n\t"
			 "movq %%r14, 14*8(%0)\n\t"
			 "movq %%r15, 15*8(%0)\n\t"
			 "leaq 0f(%%rip), %%rax\n\t"
			 "movq %%rax, 16*8(%0)\n"
			 "0:"
			 :
			 : "r"(registers)
			 : "rax", "memory");
#endif
}

int control_request_leaks(bool is_at_end, uint32_t wishes)
{
	struct mt_control *control = mt_state.control;
	int result = -1;
	if (!is_reachable() || !lock(control))
		return -1;
	control->asking.tid = (uint32_t)mt_syscall3(SYS_gettid, 0, 0, 0);
	control->asking.wishes = wishes;
	note_registers(&control->asking);
	if (put_request(control, is_at_end ? MT_REQUEST_LEAKS_AT_END : MT_REQUEST_LEAKS,
			LEAKS_STEPS))
		result = control->result;
	unlock(control);
	return result;
}

bool control_request_error(const struct mt_state_error *error, const char *text)
{
	struct mt_control *control = mt_state.control;
	if (!is_reachable() || !control_is_collector_alive() || !lock(control))
		return false;
	control->error = *error;
	copy(control->text, sizeof control->text, text);
	bool is_answered = put_request(control, MT_REQUEST_ERROR, ERROR_STEPS) &&
			   control->result == 0;
	unlock(control);
	return is_answered;
}

int control_request_snapshot(const char *label)
{
	return request(MT_REQUEST_SNAPSHOT_LABEL, label);
}
