/*
 * compare.c - in the check build: the traceback of an event beside another unwinder's.
 * Inside the traced process, under the guard; signals are held back meanwhile.
 *
 * Of the environment: MEMTRACE_CHECK names the file of the counts (report.h), which all
 * processes of a tree share; one in MEMTRACE_CHECK_EVERY (97) events of a thread is compared.
 * MEMTRACE_CHECK_FRESH keeps libunwind from remembering rules, where code may change unseen;
 * MEMTRACE_CHECK_SPOIL makes each traceback a wrong one, its outermost frame only, to see
 * that this is noticed.
 */
#include "tracer/record/check.h"

#include "preload/config.h"
#include "tests/tracebacks/oracle.h"
#include "tests/tracebacks/report.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/say.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"
#include "tracer/record/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>

enum {
	USUAL_SAMPLE = 97,
	MAX_SLOTS = 1 << 16,
};

/* What was recorded, in the oracle's form. */
struct recorded {
	mt_node_id root;
	uint32_t count;
	bool names_others; /* a frame is said to be in an object that is not there */
	uint64_t frames[ORACLE_MAX_FRAMES];
};

/* A thread slot's. */
struct checker {
	pid_t pid;
	uint32_t generation; /* of the modules, when the oracle learnt its rules */
	struct recorded recorded;
	struct oracle oracle;
};

static struct checker *checkers[MAX_SLOTS];
static __thread uint32_t passed __attribute__((tls_model("initial-exec")));
static _Atomic bool is_open;
static bool is_spoiling, is_always_fresh;

/* ---- fork waits for the comparisons under way: libunwind has locks ---- */

static _Atomic int under_way;
static _Atomic bool is_forking;

static void before_fork(void)
{
	atomic_store(&is_forking, true);
	while (atomic_load(&under_way))
		mt_syscall3(SYS_sched_yield, 0, 0, 0);
}

static void after_fork(void)
{
	atomic_store(&is_forking, false);
}

__attribute__((constructor)) static void start(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
	is_always_fresh = config_find(config_environment(), "MEMTRACE_CHECK_FRESH");
	is_spoiling = config_find(config_environment(), "MEMTRACE_CHECK_SPOIL");
	if (oracle_open())
		atomic_store(&is_open, true);
	else
		mt_say("libunwind or libgcc is not found: no traceback is checked");
}

/* ---- is it the same? ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t length = __builtin_strlen(text), wanted = __builtin_strlen(end);
	return length >= wanted && !__builtin_strcmp(text + length - wanted, end);
}

/* Whether the module that a frame was recorded with is what the loader has there now. */
static bool is_its_module(const struct mt_state_node *frame)
{
	uintptr_t at = frame->pc -
		       !(frame->traceback_kind >> MT_NODE_KIND_SHIFT & MT_NODE_EXACT_PC);
	const struct mt_state_module *row = &mt_state.modules[frame->module];
	struct dl_find_object object;
	if (_dl_find_object((void *)at, &object))
		return !frame->module;
	const char *name = object.dlfo_link_map->l_name;
	return frame->module && row->bias == object.dlfo_link_map->l_addr &&
	       (row->flags & (MT_MODULE_MAIN | MT_MODULE_VDSO) ||
		ends_with(mt_state.strings + row->path, name));
}

static void read_traceback(struct recorded *r, mt_traceback_id id)
{
	mt_node_id node = mt_state.tracebacks[id];
	r->names_others = false;
	for (r->count = 0; node >= MT_FIRST_NODE; node = mt_state.nodes[node].parent) {
		const struct mt_state_node *frame = &mt_state.nodes[node];
		bool is_interrupted =
			frame->traceback_kind >> MT_NODE_KIND_SHIFT & MT_NODE_EXACT_PC;
		r->names_others = r->names_others || !is_its_module(frame);
		if (r->count < ORACLE_MAX_FRAMES)
			r->frames[r->count++] = oracle_frame(frame->pc, is_interrupted);
	}
	r->root = node;
}

/*
 * Where libunwind has no information, the stack may begin all the same: as the kernel began
 * it, or with an address that only makecontext and its like put there, a
 * function's first.
 */
static bool may_begin_here(struct oracle *o)
{
	uint64_t last = o->frames[o->count - 1];
	return mt_stack_is_entry(o->sp[o->count - 1]) ||
	       (!(last & oracle_interrupted) && oracle_is_entry(o, last));
}

/*
 * A stack that is overwritten leads libunwind anywhere. We end where the caller's frame would
 * not lie further out on the thread's own stack, once we are on it, or between two words.
 */
static bool goes_astray(const struct oracle *o, uint32_t at)
{
	bool is_own = o->sp[at - 1] > o->low && o->sp[at - 1] <= o->high;
	return o->sp[at] % sizeof(uintptr_t) ||
	       (is_own && (o->sp[at] <= o->sp[at - 1] || o->sp[at] > o->high));
}

static bool is_right_end(const struct recorded *r, struct oracle *o,
			 enum oracle_ending ending)
{
	switch (r->root) {
	case MT_ROOT_DEEP:
		return o->count > MT_MAX_DEPTH;
	case MT_ROOT_TRUNCATED:
		return (o->count == r->count && ending != ORACLE_COMPLETE) ||
		       goes_astray(o, r->count);
	default:
		return o->count == r->count &&
		       (ending == ORACLE_COMPLETE ||
			(ending == ORACLE_UNKNOWN && may_begin_here(o)));
	}
}

static bool is_same(const struct recorded *r, struct oracle *o, enum oracle_ending ending)
{
	if (!r->count || r->names_others || o->count < r->count ||
	    !is_right_end(r, o, ending))
		return false;
	for (uint32_t i = 0; i < r->count; i++)
		if (r->frames[i] != o->frames[i])
			return false;
	return true;
}

/* ---- one event ---- */

static uint32_t number(const char *text, uint32_t otherwise)
{
	uint32_t result = 0;
	while (text && *text >= '0' && *text <= '9')
		result = result * 10 + (uint32_t)(*text++ - '0');
	return result ? result : otherwise;
}

static bool is_chosen(void)
{
	static uint32_t every;
	if (!every)
		every = number(config_find(config_environment(), "MEMTRACE_CHECK_EVERY"),
			       USUAL_SAMPLE);
	return ++passed % every == 0;
}

/* The slot's, but not in a child, whose parent's other threads may have been at work. */
static struct checker *find_checker(const struct mt_recorder *recorder)
{
	struct checker **place = &checkers[recorder->slot % MAX_SLOTS];
	pid_t pid = (pid_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	if (!*place || (*place)->pid != pid) {
		struct checker *new = mt_pages_map_sparse(sizeof(*new));
		if (!new)
			return NULL;
		new->pid = pid;
		oracle_init(&new->oracle);
		*place = new;
	}
	struct checker *c = *place;
	uint32_t generation = atomic_load(&mt_modules_generation);
	if (c->generation != generation)
		oracle_forget_rules(&c->oracle);
	c->generation = generation;
	c->oracle.low = recorder->unwinder->low;
	c->oracle.high = recorder->unwinder->stack_high;
	return c;
}

/*
 * libunwind remembers rules by address, the same for an address returned to and one
 * interrupted at: what differs is looked at again afresh.
 */
static void compare(const struct recorded *r, struct oracle *o, const uintptr_t *slot)
{
	enum oracle_ending ending = oracle_walk(o, slot, is_always_fresh);
	bool is_right = is_same(r, o, ending);
	if (!is_right && !is_always_fresh) {
		ending = oracle_walk(o, slot, true);
		is_right = is_same(r, o, ending);
	}
	report_compared(is_right, r->root == MT_ROOT_TRUNCATED, r->count);
	if (!is_right)
		report_mismatch(&(struct report){.got = r->frames,
						 .got_count = r->count,
						 .got_root = r->root,
						 .names_others = r->names_others,
						 .expected = o->frames,
						 .expected_count = o->count,
						 .ending = ending});
}

/* The stack of an event may be misaligned, which libunwind does not expect. */
__attribute__((noinline, force_align_arg_pointer)) void
mt_check_traceback(const struct mt_recorder *recorder, struct mt_caller caller,
		   mt_traceback_id id)
{
	if (!id || !atomic_load(&is_open) || !is_chosen())
		return;
	int before = errno;
	uint64_t all = UINT64_MAX, mask;
	mt_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&mask, sizeof(mask),
		    0, 0);
	atomic_fetch_add(&under_way, 1);
	struct checker *c = atomic_load(&is_forking) ? NULL : find_checker(recorder);
	if (c) {
		MT_REGISTERS_CAPTURE(&c->oracle.start);
		read_traceback(&c->recorded, id);
		if (is_spoiling)
			c->recorded.frames[c->recorded.count - 1]++;
		compare(&c->recorded, &c->oracle, caller.slot);
	}
	atomic_fetch_sub(&under_way, 1);
	mt_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	errno = before;
}
