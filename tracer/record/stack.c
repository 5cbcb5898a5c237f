/*
 * stack.c - see stack.h. Inside the traced process: nothing is asked of the C library.
 */
#include "tracer/record/stack.h"

#include "tracer/record/syscall.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>

enum {
	PAGE = 4096,
	/* struct pthread: where we look for the stack's base, its size and its guard. */
	SEARCH_FROM = 0x100,
	SEARCH_TO = 0x800,
	ENTRY_SLACK = 16, /* the loader aligns the stack before it calls constructors */
};

static const uintptr_t max_stack = UINT64_C(1) << 40;
/* No mapping is placed so near below the main stack, whatever its limit. */
static const uintptr_t always_free = 8 << 20;

/* What the kernel gave the program: argc and all that follows lie from here up. */
extern void *__libc_stack_end;

static uintptr_t thread_pointer(void)
{
	uintptr_t self;
#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(self));
#else
	self = (uintptr_t)__builtin_thread_pointer();
#endif
	return self;
}

/*
 * A thread of the C library has its descriptor at the top of its stack, and in it the
 * stack's base, size and guard size, one after the other. Where in the descriptor differs
 * between versions, but no other words can be such a base and size.
 */
static struct mt_stack find_in_descriptor(uintptr_t self)
{
	for (size_t at = SEARCH_FROM; at < SEARCH_TO; at += sizeof(uintptr_t)) {
		const uintptr_t *words = (const uintptr_t *)(self + at);
		uintptr_t base = words[0], bytes = words[1], guard = words[2];
		if (!base || base >= self || bytes > max_stack || base + bytes <= self ||
		    guard >= bytes || base % sizeof(uintptr_t) ||
		    base + bytes - self > 64 * PAGE || bytes < PAGE)
			continue;
		return (struct mt_stack){.low = base + guard, .high = self};
	}
	return (struct mt_stack){0};
}

/* Asked for once and where it changes: a filter of system calls may forbid it later. */
static _Atomic uintptr_t main_bytes;

void mt_stack_learn_limit(void)
{
	struct rlimit limit = {0};
	mt_syscall6(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0, 0);
	bool is_known = limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < max_stack;
	atomic_store_explicit(&main_bytes, is_known ? limit.rlim_cur : always_free,
			      memory_order_relaxed);
}

static struct mt_stack find_main(void)
{
	uintptr_t high = (uintptr_t)__libc_stack_end;
	uintptr_t bytes = atomic_load_explicit(&main_bytes, memory_order_relaxed);
	if (!bytes) {
		mt_stack_learn_limit();
		bytes = atomic_load_explicit(&main_bytes, memory_order_relaxed);
	}
	return (struct mt_stack){.low = high > bytes ? high - bytes : 0, .high = high};
}

static bool is_on(const struct mt_stack *stack, uintptr_t address)
{
	return address - stack->low < stack->high - stack->low;
}

struct mt_stack mt_stack_of_thread(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	struct mt_stack stack = find_main();
	if (is_on(&stack, here))
		return stack;
	return find_in_descriptor(thread_pointer());
}

bool mt_stack_is_entry(uintptr_t sp)
{
	uintptr_t entry = (uintptr_t)__libc_stack_end;
	return sp <= entry && entry - sp <= ENTRY_SLACK;
}

/*
 * FUTEX_CMP_REQUEUE loads the word and, as there is nobody to wake or to move, does no more:
 * a system call that the C library makes too, so a seccomp filter lets it pass.
 */
bool mt_stack_can_read(uintptr_t address)
{
	enum {
		EFAULT_CODE = 14,
		EINVAL_CODE = 22
	};
	long result = mt_syscall6(SYS_futex, (long)address, FUTEX_CMP_REQUEUE_PRIVATE, 0,
				  0, (long)address, 0);
	return result != -EFAULT_CODE && result != -EINVAL_CODE;
}
