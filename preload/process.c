/*
 * process.c - the life of the traced process: first event, constructor, main, forked child.
 * Inside the traced process.
 */
#include "preload/process.h"

#include "preload/ancestors.h"
#include "preload/aside.h"
#include "preload/breaks.h"
#include "preload/config.h"
#include "preload/control.h"
#include "preload/debug.h"
#include "preload/exec.h"
#include "preload/fault.h"
#include "preload/fence.h"
#include "preload/heaps.h"
#include "preload/launch.h"
#include "preload/leaks.h"
#include "preload/libc.h"
#include "preload/look.h"
#include "preload/python.h"
#include "preload/report.h"
#include "preload/setting.h"
#include "preload/thread.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/recorder.h"
#include "tracer/record/say.h"
#include "tracer/record/stack.h"
#include "tracer/record/start.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	HAND_OVER_TIMEOUT_MS =
		5000, /* a loaded machine's collector may be slow to start */
	CHILD_TIMEOUT_MS = 2000,
};

static uint32_t never_forked = 1;
volatile uint32_t *process_fork_word = &never_forked;

void process_note_filter(void)
{
	mt_state.has_filter = true;
}

void process_give_up(const char *why)
{
	static bool is_said;
	atomic_store(&mt_state.header->totals.tracing, 0);
	if (!is_said)
		mt_say(why);
	is_said = true;
}

/* Without the word, forks would go unseen: then nothing is recorded. */
static bool make_fork_word(void)
{
	uint32_t *word = mt_pages_map_present(MT_PAGE_BYTES);
	if (!word || !mt_pages_wipe_on_fork(word))
		return false;
	*word = 1;
	process_fork_word = word;
	return true;
}

static bool is_to_be_recorded(void)
{
	return !aside_for_valgrind &&
	       (!config.only_pid ||
		config.only_pid == (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0));
}

/* What every process comes to: the library's code, and its data but for the cold arrays. */
static void make_present(void)
{
	static char cold_begins __attribute__((section(".bss.begin_cold")));
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	extern const char __bss_start[] __attribute__((visibility("hidden")));
	mt_pages_populate_read(__ehdr_start, __bss_start);
	mt_pages_populate(__bss_start, (size_t)(&cold_begins - __bss_start));
}

bool process_start(void)
{
	static bool is_begun, is_recorded;
	if (is_begun)
		return is_recorded;
	is_begun = true;
	make_present();
	config_read();
	aside_look_for_valgrind();
	if (!is_to_be_recorded() || !make_fork_word())
		return false;
	const struct mt_state_options options = {.malloc_mode = config.malloc_mode,
						 .check_mode = config.check_mode,
						 .wants_scan = config.finds_leaks,
						 .geometry = config.geometry,
						 .nframe = config.nframe};
	is_recorded =
		mt_state_open(&options) && mt_recorder_start_process() && heaps_start();
	if (!is_recorded || config.is_tracing_off)
		atomic_store(&mt_state.header->totals.tracing, 0);
	if (!is_recorded)
		return false;
	breaks_introduce();
	if (config.check_mode == MT_CHECK_GUARD)
		fence_start(config.guard_budget_bytes, config.guard_sample);
	return is_recorded;
}

/*
 * To the tree's collector; where there is none, or none any more, to one of our own: then
 * the tree begins here, and what its environment has wrong is told once.
 */
static bool reach_collector(void)
{
	if (config.socket[0] &&
	    mt_state_hand_over(config.socket, HAND_OVER_TIMEOUT_MS, false))
		return true;
	setting_say_misunderstood();
	return launch_collector() &&
	       mt_state_hand_over(config.socket, HAND_OVER_TIMEOUT_MS, true);
}

/* The collector may say so at once or later. */
static bool is_without_trace(void)
{
	if (mt_state_has_trace())
		return false;
	process_give_up("not recorded: the trace cannot be written here; "
			"MEMTRACE_OUTPUT names another place");
	return true;
}

/*
 * Let the C library allocate a block, by whatever the name malloc means in this program,
 * and forget it: a gate can demand that it is found.
 */
static void leak_known_block(void)
{
	char text[MT_SELF_TEST_BYTES];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	/* No tail call, so that our frame is in the traceback; nor does it stay known. */
	char *volatile known = strdup(text);
	known = NULL;
	(void)known;
}

/*
 * Who serves malloc in this program, and is it an interpreter? What the C library may
 * allocate to answer is not the program's.
 */
static void look_around(void)
{
	mt_recorder_set_tracing(false);
	/* RTLD_DEFAULT would be ourselves first: we are bound to our own symbols. */
	void *everything = dlopen(NULL, RTLD_LAZY | RTLD_NOLOAD);
	mt_state.header->has_own_malloc =
		everything && dlsym(everything, "malloc") != (void *)malloc;
	python_start();
	mt_recorder_set_tracing(!config.is_tracing_off);
}

static void end_quickly(void *unused);

__attribute__((constructor(101))) static void process_construct(void)
{
	bool is_recorded = process_start();
	libc_start();
	exec_start();
	if (!is_to_be_recorded())
		return;
	if (!is_recorded) {
		process_give_up(mt_state_missing());
		return;
	}
	if (config.check_mode == MT_CHECK_GUARD && !(fence.bytes && fault_start()))
		mt_say("no block is guarded: no address space for it");
	libc_make_ready();
	mt_modules_scan();
	mt_start_introduce();
	thread_start();
	/* The first event may come after a filter of system calls. */
	mt_stack_learn_limit();
	look_around();
	mt_state.header->ready = 1;
	if (reach_collector())
		leaks_start();
	__cxa_at_quick_exit(end_quickly, NULL);
	if (!mt_state_is_handed_over()) {
		mt_state_close_fds();
		process_give_up("not recorded: no collector can be reached");
	} else if (!is_without_trace() && config.tests_itself) {
		leak_known_block();
	}
}

/* A shorter life is not made longer by asking what the kernel has mapped for it. */
static const uint64_t brief_ns = 50 * 1000 * 1000;

static uint64_t age_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec -
	       mt_state.header->start_monotonic_ns;
}

void process_look(const char *call)
{
	struct thread *thread =
		mt_state.header->check_mode != MT_CHECK_NONE ? thread_enter() : NULL;
	if (!thread)
		return;
	look_at_all(call, 0);
	thread_leave(thread);
}

/*
 * A collector that died is told to the user at the latest here. Killed programs cannot
 * say it; their trace ends early and `memtrace info` tells that.
 */
__attribute__((destructor)) static void process_destruct(void)
{
	/* A forked child that has had no event is not recorded, unless it has to tell. */
	if (process_is_child() && !look_would_find())
		return;
	process_look("exit");
	if (!mt_state_is_handed_over())
		return;
	if (!control_is_collector_alive())
		process_give_up("the collector is gone: the trace ends early");
	else if (!is_without_trace() && age_ns() >= brief_ns)
		control_request_layers();
}

/* quick_exit runs no destructors. */
static void end_quickly(void *unused)
{
	(void)unused;
	process_destruct();
}

static int (*real_main)(int, char **, char **);

/* The frame of main's caller is as it would be without us: this one is left by a jump. */
static int main_door(int argc, char **argv, char **environment)
{
	if (!mt_start_keep())
		control_request_start();
	return real_main(argc, argv, environment);
}

typedef int start_main(int (*main)(int, char **, char **), int argc, char **argv,
		       void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
		       void *stack_end);

start_main __libc_start_main;

/* Wrapped to take the snapshot `start` at the moment at which main is entered. */
__attribute__((visibility("default"))) int
__libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
		  void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
		  void *stack_end)
{
	start_main *next = (start_main *)dlsym(RTLD_NEXT, "__libc_start_main");
	if (!next)
		abort();
	real_main = main;
	bool is_wanted = mt_state_is_handed_over();
	return next(is_wanted ? main_door : main, argc, argv, init, fini, rtld_fini,
		    stack_end);
}

/*
 * Losses of a child that stays unrecorded are the parent's to tell: one more mapping of
 * its header, while the child's own takes the place of the old one.
 */
static struct mt_state_header *keep_parents_header(void)
{
	long at = mt_syscall6(SYS_mremap, (long)mt_state.header, 0, MT_PAGE_BYTES,
			      MREMAP_MAYMOVE, 0, 0);
	return mt_syscall_is_address(at) ? (struct mt_state_header *)at : NULL;
}

static bool is_child_recorded(void)
{
	return !mt_state.has_filter && is_to_be_recorded() && mt_state_is_handed_over() &&
	       mt_state.header->ready;
}

static void begin_child(struct thread *thread)
{
	uint32_t from = thread->recorder.slot;
	uint32_t to = mt_state_slot_open((uint32_t)mt_syscall3(SYS_gettid, 0, 0, 0));
	if (!mt_recorder_reopen_after_fork(&thread->recorder, to))
		atomic_store(&mt_state.header->totals.tracing, 0);
	heaps_after_fork(thread, from, to);
	thread_give_pass(thread);
}

void process_enter_child(struct thread *thread)
{
	*process_fork_word = 1;
	bool is_wanted = is_child_recorded();
	bool was_recorded = mt_state_is_handed_over();
	struct mt_state_header *parent = was_recorded ? keep_parents_header() : NULL;
	if (mt_state.header->check_mode != MT_CHECK_NONE)
		ancestors_keep();
	bool has_state = is_wanted && mt_state_reopen_after_fork();
	if (!is_wanted)
		mt_state_detach();
	begin_child(thread);
	fault_after_fork();
	report_after_fork();
	bool is_recorded = false;
	if (has_state) {
		breaks_introduce();
		mt_state.header->ready = 1;
		mt_start_introduce();
		is_recorded = mt_state_hand_over(config.socket, CHILD_TIMEOUT_MS, false);
	}
	if (config.is_tracing_off)
		atomic_store(&mt_state.header->totals.tracing, 0);
	if (is_recorded)
		leaks_start_child();
	if (!is_recorded) {
		mt_state_close_fds();
		atomic_store(&mt_state.header->totals.tracing, 0);
		if (parent && is_to_be_recorded())
			atomic_fetch_add(&parent->losses[MT_LOSS_CHILD_NO_HANDOVER], 1);
	}
	if (parent)
		mt_pages_unmap(parent, MT_PAGE_BYTES);
}
