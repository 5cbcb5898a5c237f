/*
 * thread.c - threads come, go, and have events before and after that.
 * Inside the traced process.
 */
#include "preload/thread.h"

#include "preload/debug.h"
#include "preload/fence.h"
#include "preload/heaps.h"
#include "preload/large.h"
#include "tracer/record/syscall.h"

#include <limits.h>
#include <pthread.h>
#include <sys/single_threaded.h>
#include <unistd.h>

enum {
	/* Where glibc keeps the thread's id, from the thread pointer; verified at start. */
	TID_OFFSET = 720,
};

__thread struct thread *thread_self;

/* Set while thread_self cannot say it: the thread attaches, or an event has no slot. */
static __thread volatile bool is_busy;
static __thread bool has_retired;

static struct {
	struct thread *main; /* its thread_self is lost once when the loader makes TLS */
	pthread_key_t key;
	bool has_key;
	bool is_tid_in_tcb;
} threads;

/* Filled in by the loader's first kind of relocation, before any lookup of a symbol. */
static void *const volatile relocated = (void *)&relocated;

static uint32_t tid_in_tcb(void)
{
	const char *thread_pointer = __builtin_thread_pointer();
	return *(const volatile uint32_t *)(thread_pointer + TID_OFFSET);
}

/*
 * A program that forbids gettid may go on making threads, so the C library's note of it
 * is preferred where it is found.
 */
static uint32_t own_tid(void)
{
	if (threads.is_tid_in_tcb)
		return tid_in_tcb();
	return (uint32_t)mt_syscall3(SYS_gettid, 0, 0, 0);
}

static void on_thread_end(void *value);

static __thread bool has_fork_locks;

/*
 * A fork from a signal handler in the middle of an event must not wait for a lock that
 * this very thread may hold. Its child sees the lock held and begins new arenas.
 */
static void before_fork(void)
{
	struct thread *thread = thread_self;
	has_fork_locks = !__libc_single_threaded && thread &&
			 mt_guard_enter(&thread->recorder.guard);
	if (has_fork_locks)
		heaps_lock_for_fork();
}

/* In the parent and in the child. */
static void after_fork(void)
{
	if (!has_fork_locks)
		return;
	has_fork_locks = false;
	heaps_unlock_for_fork();
	mt_guard_leave(&thread_self->recorder.guard);
}

void thread_start(void)
{
	if (threads.has_key)
		return;
	threads.is_tid_in_tcb =
		tid_in_tcb() == (uint32_t)mt_syscall3(SYS_gettid, 0, 0, 0);
	pthread_atfork(before_fork, after_fork, after_fork);
	threads.has_key = pthread_key_create(&threads.key, on_thread_end) == 0;
	if (threads.has_key && thread_self)
		pthread_setspecific(threads.key, thread_self);
}

/* Only the plain life: modern geometry, and nothing to be done at the end of an event. */
void thread_give_pass(struct thread *thread)
{
	thread->recorder.pass = (struct mt_recorder_pass){
		.is_given = thread->is_recorded && thread->is_wiped &&
			    !thread->is_transient && pymalloc.is_modern};
}

static struct thread *thread_of_slot(uint32_t slot)
{
	struct thread *thread = heaps_thread(slot);
	if (!thread)
		thread = heaps_thread_create(slot);
	if (!thread)
		return NULL;
	thread->is_transient = false;
	thread->rounds = 0;
	thread->is_recorded = mt_recorder_open(&thread->recorder, slot);
	return thread;
}

struct thread *thread_attach(void)
{
	uint32_t tid = own_tid();
	if (threads.main && threads.main->recorder.shared &&
	    threads.main->recorder.shared->tid == tid && !has_retired)
		return thread_self = threads.main;
	uint32_t slot = mt_state_slot_open(tid);
	if (slot == UINT32_MAX)
		return NULL;
	struct thread *thread = thread_of_slot(slot);
	if (!thread) {
		mt_state_lose(MT_LOSS_THREADS_FULL);
		mt_state_slot_close(slot);
		return NULL;
	}
	thread->is_transient = has_retired;
	thread_give_pass(thread);
	if (!threads.main)
		threads.main = thread;
	thread_self = thread;
	return thread;
}

static void close_slot(struct thread *thread)
{
	thread_self = NULL;
	heaps_flush(&thread->heap);
	if (mt_state.heap_bytes)
		pymalloc_heap_settle(&thread->heap);
	uint32_t slot = thread->heap.slot;
	if (thread->is_recorded)
		mt_recorder_close(&thread->recorder);
	thread->recorder.guard.up = 0;
	mt_state_slot_close(slot);
}

/* A signal handler's event meets is_busy and is nested. */
void thread_retire(void)
{
	struct thread *thread = thread_self;
	if (!thread || !mt_guard_enter(&thread->recorder.guard))
		return;
	if (process_is_child())
		process_enter_child(thread);
	is_busy = true;
	has_retired = true;
	close_slot(thread);
	is_busy = false;
}

void thread_finish_nested(struct thread *thread)
{
	if (mt_state.heap_bytes)
		heaps_drain(&thread->heap);
	large_drain_deferred(thread);
	debug_drain_later(thread);
	fence_drain(thread);
}

void thread_leave_transient(struct thread *thread)
{
	is_busy = true;
	close_slot(thread);
	is_busy = false;
}

/* Destructors of the program may come after ours: be among the last of each round. */
static void on_thread_end(void *value)
{
	struct thread *thread = value;
	if (++thread->rounds >= PTHREAD_DESTRUCTOR_ITERATIONS ||
	    pthread_setspecific(threads.key, thread) != 0)
		thread_retire();
}

struct thread *thread_enter_slow(void)
{
	if (!relocated)
		return NULL;
	if (thread_self || is_busy) {
		mt_state_lose(MT_LOSS_NESTED);
		return NULL;
	}
	is_busy = true;
	struct thread *thread = process_start() ? thread_attach() : NULL;
	if (thread) {
		mt_guard_enter(&thread->recorder.guard);
		if (process_is_child())
			process_enter_child(thread);
		if (threads.has_key && !has_retired)
			pthread_setspecific(threads.key, thread);
	}
	is_busy = false;
	return thread;
}

enum thread_reason thread_why(void)
{
	if (!relocated)
		return THREAD_TOO_EARLY;
	return thread_self || is_busy ? THREAD_NESTED : THREAD_SLOTLESS;
}

void thread_enter_slotless(void)
{
	is_busy = true;
}

void thread_leave_slotless(void)
{
	is_busy = false;
}
