/*
 * slots.c - thread slots and the string table of the shared state.
 * Inside the traced process: lock-free, system calls only.
 */
#include "tracer/record/state.h"

#include "tracer/record/syscall.h"

#include <signal.h>
#include <sys/prctl.h>

uint32_t mt_state_add_string(const char *text)
{
	uint32_t size = 1;
	while (text && text[size - 1])
		size++;
	return size == 1 ? 0 : mt_state_add_bytes(text, size);
}

uint32_t mt_state_add_bytes(const char *bytes, uint32_t size)
{
	if (!size)
		return 0;
	_Atomic uint32_t *used = &mt_state.header->used.strings_bytes;
	uint32_t at = atomic_load_explicit(used, memory_order_relaxed);
	do {
		if (size > mt_state.max_strings_bytes ||
		    at > mt_state.max_strings_bytes - size)
			return 0;
	} while (!atomic_compare_exchange_weak(used, &at, at + size));
	for (uint32_t i = 0; i < size; i++)
		mt_state.strings[at + i] = bytes[i];
	return at;
}

static uint32_t adopt_slot(void)
{
	uint32_t count = atomic_load(&mt_state.header->used.slots);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t expected = MT_THREAD_ENDED;
		if (atomic_load_explicit(&mt_state.threads[i].state,
					 memory_order_relaxed) == MT_THREAD_ENDED &&
		    atomic_compare_exchange_strong(&mt_state.threads[i].state, &expected,
						   MT_THREAD_LIVE))
			return i;
	}
	return UINT32_MAX;
}

static uint32_t new_slot(void)
{
	_Atomic uint32_t *used = &mt_state.header->used.slots;
	uint32_t slot = atomic_load(used);
	do {
		if (slot >= mt_state.max_threads)
			return UINT32_MAX;
	} while (!atomic_compare_exchange_weak(used, &slot, slot + 1));
	atomic_store(&mt_state.threads[slot].state, MT_THREAD_LIVE);
	return slot;
}

uint32_t mt_state_slot_open(uint32_t tid)
{
	uint32_t slot = adopt_slot();
	if (slot == UINT32_MAX)
		slot = new_slot();
	if (slot == UINT32_MAX) {
		mt_state_lose(MT_LOSS_THREADS_FULL);
		return slot;
	}
	struct mt_state_thread *thread = &mt_state.threads[slot];
	thread->tid = tid;
	thread->serial = atomic_fetch_add(&mt_state.header->totals.threads_ever, 1) + 1;
	thread->name[0] = '\0';
	thread->signal_stack_bytes = 0;
	/* In a forked child it is the parent's. */
	if (!mt_state.has_filter)
		mt_state_slot_note_signal_stack(slot);
	return slot;
}

void mt_state_slot_note_signal_stack(uint32_t slot)
{
	struct mt_state_thread *thread = &mt_state.threads[slot];
	stack_t stack;
	if (mt_syscall3(SYS_sigaltstack, 0, (long)&stack, 0) ||
	    stack.ss_flags & SS_DISABLE)
		stack.ss_size = 0;
	thread->signal_stack_bytes = 0;
	thread->signal_stack = (uintptr_t)stack.ss_sp;
	thread->signal_stack_bytes = stack.ss_size;
}

/* The name is kept for the trace: the kernel forgets it with the thread. */
void mt_state_slot_close(uint32_t slot)
{
	struct mt_state_thread *thread = &mt_state.threads[slot];
	if (!mt_state.has_filter)
		mt_syscall6(SYS_prctl, PR_GET_NAME, (long)thread->name, 0, 0, 0, 0);
	atomic_store(&thread->state, MT_THREAD_ENDED);
}
