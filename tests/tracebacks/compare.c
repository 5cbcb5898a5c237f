/*
 * compare.c - in the check build only: tracebacks of events beside those of libunwind.
 * Inside the traced process, under the guard; signals are held back meanwhile.
 *
 * Of the environment: MEMTRACE_CHECK names the file of the counts (report.h), which all
 * processes of a tree share, one in MEMTRACE_CHECK_EVERY (97) events of a thread is compared.
 *
 * libunwind is used as for another process: it asks us for registers, words and
 * unwind tables. So it takes no lock of the loader, and a guess of it that leads to memory
 * which cannot be read crashes nothing. All frames are its own work, from our own innermost one.
 * It is opened with its names kept local: were they in the scope of the program, C++ would throw
 * its exceptions by libunwind.
 */
#include "tracer/record/check.h"

#include "preload/config.h"
#include "tests/tracebacks/report.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/registers.h"
#include "tracer/record/say.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"
#include "tracer/record/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum {
	USUAL_SAMPLE = 97,
	MAX_FRAMES = 1 << 17,
	MAX_SLOTS = 1 << 16,
	CACHE_LOG_SIZE = 12,
	RED_ZONE = 128,
	HEADER_BYTES = 12, /* of .eh_frame_hdr: what comes before the table */
	HEADER_ENCODINGS =
		0x3b031b01, /* version 1, pcrel sdata4, udata4, datarel sdata4 */
};

static const uint64_t exact_bit = UINT64_C(1) << 63;

enum ending {
	ENDS_COMPLETE, /* libunwind says that there is no caller */
	ENDS_UNKNOWN,  /* no unwind information */
	ENDS_BROKEN,   /* there is, but it leads nowhere */
};

/* A thread slot's libunwind. */
struct oracle {
	unw_addr_space_t space;
	pid_t pid;
	uint32_t generation;    /* of the modules, when it cached what it did */
	bool lacks_information; /* it was asked for in vain */
	struct mt_registers start;
	uintptr_t low, high; /* the thread's own stack */
	uintptr_t last_sp;   /* of the outermost frame */
	uint32_t count;
	uint64_t frames[MAX_FRAMES]; /* pc | exact_bit */
	uint32_t got_count;
	uint64_t got[MAX_FRAMES];
};

static struct oracle *oracles[MAX_SLOTS];
static __thread uint32_t passed __attribute__((tls_model("initial-exec")));

/* fork waits for the comparisons under way: libunwind has locks. */
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

/* ---- libunwind ---- */

static struct {
	__typeof__(unw_create_addr_space) *create_addr_space;
	__typeof__(unw_set_caching_policy) *set_caching_policy;
	__typeof__(unw_set_cache_size) *set_cache_size;
	__typeof__(unw_flush_cache) *flush_cache;
	__typeof__(unw_init_remote) *init_remote;
	__typeof__(unw_step) *step;
	__typeof__(unw_get_reg) *get_reg;
	__typeof__(unw_is_signal_frame) *is_signal_frame;
	/* Exported for this use, but in no header. */
	int (*search_table)(unw_addr_space_t space, unw_word_t pc, unw_dyn_info_t *table,
			    unw_proc_info_t *info, int wants_all, void *data);
} libunwind;

static _Atomic bool is_open;

#define NAME_OF(name)     NAME_OF_OBJECT(UNW_OBJ(name))
#define NAME_OF_OBJECT(x) NAME_OF_TEXT(x)
#define NAME_OF_TEXT(x)   #x

static bool open_libunwind(void)
{
	const struct {
		const char *name;
		void *place;
	} functions[] = {
		{NAME_OF(create_addr_space), &libunwind.create_addr_space},
		{NAME_OF(set_caching_policy), &libunwind.set_caching_policy},
		{NAME_OF(set_cache_size), &libunwind.set_cache_size},
		{NAME_OF(flush_cache), &libunwind.flush_cache},
		{NAME_OF(init_remote), &libunwind.init_remote},
		{NAME_OF(step), &libunwind.step},
		{NAME_OF(get_reg), &libunwind.get_reg},
		{NAME_OF(is_signal_frame), &libunwind.is_signal_frame},
		{NAME_OF(dwarf_search_unwind_table), &libunwind.search_table},
	};
	void *library = dlopen("libunwind-generic.so", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < sizeof(functions) / sizeof(*functions); i++) {
		void *function = dlsym(library, functions[i].name);
		__builtin_memcpy(functions[i].place, &function, sizeof(function));
		if (!function)
			return false;
	}
	return library;
}

__attribute__((constructor)) static void start(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
	if (open_libunwind())
		atomic_store(&is_open, true);
	else
		mt_say("libunwind-generic.so is not found: no traceback is checked");
}

/* ---- what it asks for ---- */

static bool is_object(uintptr_t address)
{
	struct dl_find_object object;
	return !_dl_find_object((void *)address, &object);
}

static int access_word(unw_addr_space_t space, unw_word_t address, unw_word_t *value,
		       int write, void *data)
{
	(void)space;
	const struct oracle *o = data;
	bool is_own = address >= o->low && address < o->high;
	if (write || (!is_own && !is_object(address) &&
		      !mt_stack_can_read(address & ~(uintptr_t)7)))
		return -UNW_EINVAL;
	__builtin_memcpy(value, (const void *)address, sizeof(*value));
	return 0;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value,
			   int write, void *data)
{
	(void)space;
	const struct oracle *o = data;
	if (write || number < 0 || number >= MT_REG_COUNT ||
	    !(o->start.known >> number & 1))
		return -UNW_EBADREG;
	*value = o->start.values[number];
	return 0;
}

static int access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value,
			int write, void *data)
{
	(void)space, (void)number, (void)value, (void)write, (void)data;
	return -UNW_EBADREG;
}

static int find_information(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t *info,
			    int wants_all, void *data)
{
	struct oracle *o = data;
	struct dl_find_object object;
	o->lacks_information = true;
	if (_dl_find_object((void *)pc, &object) || !object.dlfo_eh_frame)
		return -UNW_ENOINFO;
	const uint32_t *header = object.dlfo_eh_frame;
	if (header[0] != HEADER_ENCODINGS)
		return -UNW_ENOINFO;
	unw_dyn_info_t table = {
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
		.start_ip = (unw_word_t)object.dlfo_map_start,
		.end_ip = (unw_word_t)object.dlfo_map_end,
		.u.rti = {.segbase = (unw_word_t)header,
			  .table_len = header[2],
			  .table_data = (unw_word_t)header + HEADER_BYTES},
	};
	int rc = libunwind.search_table(space, pc, &table, info, wants_all, data);
	o->lacks_information = rc < 0;
	return rc;
}

static void put_information(unw_addr_space_t space, unw_proc_info_t *info, void *data)
{
	(void)space, (void)info, (void)data;
}

static int find_dynamic_list(unw_addr_space_t space, unw_word_t *address, void *data)
{
	(void)space, (void)address, (void)data;
	return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *data)
{
	(void)space, (void)cursor, (void)data;
	return -UNW_EINVAL;
}

static int find_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size,
		     unw_word_t *offset, void *data)
{
	(void)space, (void)address, (void)name, (void)size, (void)offset, (void)data;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_information,
	.put_unwind_info = put_information,
	.get_dyn_info_list_addr = find_dynamic_list,
	.access_mem = access_word,
	.access_reg = access_register,
	.access_fpreg = access_float,
	.resume = resume,
	.get_proc_name = find_name,
};

/* ---- its walk ---- */

/* The frames from the caller outward, all of them by libunwind. */
static enum ending walk(struct oracle *o, const uintptr_t *slot)
{
	unw_cursor_t cursor;
	libunwind.init_remote(&cursor, o->space, o);
	o->count = 0;
	o->lacks_information = false;
	bool is_ours = true, is_exact = false;
	int rc = 1;
	for (; rc > 0 && !o->lacks_information; rc = libunwind.step(&cursor)) {
		unw_word_t pc, sp;
		libunwind.get_reg(&cursor, UNW_REG_IP, &pc);
		libunwind.get_reg(&cursor, UNW_REG_SP, &sp);
		is_ours = is_ours && sp != (uintptr_t)(slot + 1);
		if (!pc)
			return ENDS_COMPLETE;
		if (o->count == MAX_FRAMES)
			return ENDS_BROKEN;
		if (!is_ours)
			o->frames[o->count++] = pc | (is_exact ? exact_bit : 0);
		is_exact = libunwind.is_signal_frame(&cursor) > 0;
		o->last_sp = sp;
	}
	if (o->lacks_information)
		return ENDS_UNKNOWN;
	return rc ? ENDS_BROKEN : ENDS_COMPLETE;
}

/* ---- ours ---- */

/* Our frames into o->got; the root. */
static mt_node_id read_traceback(struct oracle *o, mt_traceback_id id)
{
	mt_node_id node = mt_state.tracebacks[id];
	for (o->got_count = 0; node >= MT_FIRST_NODE;
	     node = mt_state.nodes[node].parent) {
		const struct mt_state_node *frame = &mt_state.nodes[node];
		bool is_exact =
			frame->traceback_kind >> MT_NODE_KIND_SHIFT & MT_NODE_EXACT_PC;
		if (o->got_count < MAX_FRAMES)
			o->got[o->got_count++] = frame->pc | (is_exact ? exact_bit : 0);
	}
	return node;
}

/*
 * Where libunwind has no information, the stack may begin all the same: as the kernel began
 * it, or with an address that only makecontext and its like put there, a
 * function's first.
 */
static bool may_begin_here(struct oracle *o)
{
	unw_proc_info_t info;
	uint64_t last = o->frames[o->count - 1];
	if (mt_stack_is_entry(o->last_sp))
		return true;
	return !(last & exact_bit) && !find_information(o->space, last, &info, 0, o) &&
	       info.start_ip == last;
}

static bool is_same(struct oracle *o, mt_node_id root, enum ending ending)
{
	uint32_t count = root == MT_ROOT_DEEP ? o->got_count : o->count;
	if (o->got_count != count || o->count < count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (o->got[i] != o->frames[i])
			return false;
	if (root == MT_ROOT_DEEP)
		return o->count > MT_MAX_DEPTH;
	if (root == MT_ROOT_TRUNCATED)
		return ending != ENDS_COMPLETE;
	return ending == ENDS_COMPLETE || (ending == ENDS_UNKNOWN && may_begin_here(o));
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

/* The calling thread's, also in a child, whose parent's other threads may have been at work. */
static struct oracle *find_oracle(const struct mt_recorder *recorder)
{
	struct oracle **place = &oracles[recorder->slot % MAX_SLOTS];
	pid_t pid = (pid_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	if (!*place || (*place)->pid != pid) {
		struct oracle *o = mt_pages_map_sparse(sizeof(*o));
		if (!o)
			return NULL;
		o->pid = pid;
		o->space = libunwind.create_addr_space(&accessors, 0);
		libunwind.set_cache_size(o->space, 1 << CACHE_LOG_SIZE, 0);
		*place = o;
	}
	struct oracle *o = *place;
	uint32_t generation = atomic_load(&mt_modules_generation);
	if (o->generation != generation)
		libunwind.flush_cache(o->space, 0, 0);
	o->generation = generation;
	o->low = recorder->unwinder->low;
	o->high = recorder->unwinder->stack_high;
	return o;
}

/*
 * libunwind remembers rules by address, the same for an address returned to and one
 * interrupted at: what differs is looked at again without memory.
 */
static void compare(struct oracle *o, struct mt_caller caller, mt_traceback_id id)
{
	mt_node_id root = read_traceback(o, id);
	libunwind.set_caching_policy(o->space, UNW_CACHE_GLOBAL);
	enum ending ending = walk(o, caller.slot);
	bool is_right = is_same(o, root, ending);
	if (!is_right) {
		libunwind.set_caching_policy(o->space, UNW_CACHE_NONE);
		ending = walk(o, caller.slot);
		is_right = is_same(o, root, ending);
	}
	report_compared(is_right, root == MT_ROOT_TRUNCATED, o->count);
	if (!is_right)
		report_mismatch(&(struct report){.got = o->got,
						 .got_count = o->got_count,
						 .got_root = root,
						 .expected = o->frames,
						 .expected_count = o->count,
						 .ending = (int)ending});
}

__attribute__((noinline)) void mt_check_traceback(const struct mt_recorder *recorder,
						  struct mt_caller caller,
						  mt_traceback_id id)
{
	if (!id || !atomic_load(&is_open) || !is_chosen())
		return;
	int before = errno;
	uint64_t all = UINT64_MAX, mask;
	mt_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&mask, sizeof(mask),
		    0, 0);
	atomic_fetch_add(&under_way, 1);
	struct oracle *o = atomic_load(&is_forking) ? NULL : find_oracle(recorder);
	if (o) {
		MT_REGISTERS_CAPTURE(&o->start);
		compare(o, caller, id);
	}
	atomic_fetch_sub(&under_way, 1);
	mt_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	errno = before;
}
