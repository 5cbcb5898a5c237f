/*
 * frames.c - see frames.h. Outside.
 */
#include "tracer/collect/frames.h"

#include <libunwind-ptrace.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_MAX = 1 << 20, /* bytes of a stack */
	CALLEE_SAVED = 1 << UNW_X86_64_RBX | 1 << UNW_X86_64_RBP | 1 << UNW_X86_64_R12 |
		       1 << UNW_X86_64_R13 | 1 << UNW_X86_64_R14 | 1 << UNW_X86_64_R15,
};

/* libunwind hands its own context to some callbacks, so ours is here. */
static struct {
	struct mt_memory *memory;
	const struct mt_stop_thread *thread;
} current;

static int find_info(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t *info,
		     int needs_unwind_info, void *context)
{
	return _UPT_find_proc_info(space, pc, info, needs_unwind_info, context);
}

static void put_info(unw_addr_space_t space, unw_proc_info_t *info, void *context)
{
	_UPT_put_unwind_info(space, info, context);
}

static int no_list(unw_addr_space_t space, unw_word_t *address, void *context)
{
	(void)space, (void)address, (void)context;
	return -UNW_ENOINFO;
}

static int read_word(unw_addr_space_t space, unw_word_t address, unw_word_t *word,
		     int is_write, void *context)
{
	(void)space, (void)context;
	const struct mt_stop_thread *thread = current.thread;
	if (is_write)
		return -UNW_EINVAL;
	if (thread->kept && address - thread->kept_from < thread->kept_bytes &&
	    address - thread->kept_from + sizeof *word <= thread->kept_bytes) {
		memcpy(word, thread->kept + (address - thread->kept_from), sizeof *word);
		return 0;
	}
	return mt_memory_read(current.memory, address, word, sizeof *word) ? 0
									   : -UNW_EINVAL;
}

static int read_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value,
			 int is_write, void *context)
{
	(void)space, (void)context;
	if (is_write || number < 0 || number >= MT_STOP_REGISTERS)
		return -UNW_EBADREG;
	*value = current.thread->registers[number];
	/* Behind a call that never comes back there may be another function, with other rules. */
	if (number == MT_STOP_PC && current.thread->is_in_call)
		--*value;
	return 0;
}

static int no_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value,
		    int is_write, void *context)
{
	(void)space, (void)number, (void)value, (void)is_write, (void)context;
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *context)
{
	(void)space, (void)cursor, (void)context;
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t pc, char *name, size_t size,
		   unw_word_t *offset, void *context)
{
	(void)space, (void)pc, (void)name, (void)size, (void)offset, (void)context;
	return -UNW_ENOINFO;
}

/* One walk over a thread's frames. */
struct walk {
	unw_addr_space_t space;
	void *process;
	unw_cursor_t cursor;
	bool is_ready;
};

static void begin(struct walk *walk, struct mt_memory *memory,
		  const struct mt_stop_thread *thread)
{
	static unw_accessors_t accessors = {.find_proc_info = find_info,
					    .put_unwind_info = put_info,
					    .get_dyn_info_list_addr = no_list,
					    .access_mem = read_word,
					    .access_reg = read_register,
					    .access_fpreg = no_float,
					    .resume = no_resume,
					    .get_proc_name = no_name};
	current.memory = memory;
	current.thread = thread;
	walk->space = unw_create_addr_space(&accessors, 0);
	walk->process = walk->space ? _UPT_create((pid_t)memory->pid) : NULL;
	walk->is_ready = walk->process &&
			 !unw_init_remote(&walk->cursor, walk->space, walk->process);
}

static void end(struct walk *walk)
{
	if (walk->process)
		_UPT_destroy(walk->process);
	if (walk->space)
		unw_destroy_addr_space(walk->space);
}

static uint64_t register_of(struct walk *walk, int number)
{
	unw_word_t value = 0;
	return unw_get_reg(&walk->cursor, number, &value) < 0 ? 0 : value;
}

static bool is_skipped(const struct mt_objects *objects, uint64_t pc, bool all)
{
	const struct mt_object *object = mt_objects_at(objects, pc - 1);
	if (!object)
		return false;
	return object->flags & MT_MODULE_MEMTRACE ||
	       (all && (object->is_libc || object->flags & MT_MODULE_LOADER));
}

/* What a function may change without saving it is gone in its callers. */
static void take_registers(struct walk *walk, struct mt_stop_thread *thread)
{
	uint64_t registers[MT_STOP_REGISTERS] = {0};
	for (int i = 0; i < MT_STOP_REGISTERS; i++)
		if (1 << i & CALLEE_SAVED)
			registers[i] = register_of(walk, i);
	registers[MT_STOP_SP] = register_of(walk, UNW_REG_SP);
	registers[MT_STOP_PC] = register_of(walk, UNW_REG_IP);
	memcpy(thread->registers, registers, sizeof registers);
}

void mt_frames_skip(struct mt_memory *memory, const struct mt_objects *objects,
		    struct mt_stop_thread *thread, bool all)
{
	struct walk walk;
	begin(&walk, memory, thread);
	bool has_moved = false, is_in_call = false, goes_on = walk.is_ready;
	while (goes_on && is_skipped(objects, register_of(&walk, UNW_REG_IP), all)) {
		bool is_call = unw_is_signal_frame(&walk.cursor) <= 0;
		goes_on = unw_step(&walk.cursor) > 0;
		if (goes_on)
			is_in_call = is_call;
		has_moved |= goes_on;
	}
	if (has_moved) {
		take_registers(&walk, thread);
		thread->is_in_call = is_in_call;
	}
	end(&walk);
}

void mt_frames_keep(struct mt_memory *memory, struct mt_stop_thread *thread,
		    uint64_t stack_end)
{
	uint64_t from = thread->registers[MT_STOP_SP];
	uint64_t size = stack_end > from ? stack_end - from : 0;
	if (size > KEPT_MAX)
		size = KEPT_MAX;
	thread->kept = size ? malloc(size) : NULL;
	if (!thread->kept)
		return;
	thread->kept_from = from;
	thread->kept_bytes = mt_memory_read_some(memory, from, thread->kept, size);
}

void mt_frames_walk(struct mt_memory *memory, const struct mt_stop_thread *thread,
		    struct mt_frames *frames)
{
	struct walk walk;
	frames->count = 0;
	begin(&walk, memory, thread);
	while (walk.is_ready && frames->count < MT_FRAMES_MAX) {
		struct mt_frame *frame = &frames->list[frames->count++];
		frame->pc = register_of(&walk, UNW_REG_IP);
		if (frame == frames->list && thread->is_in_call)
			frame->pc++;
		frame->start = register_of(&walk, UNW_REG_SP);
		frame->end = UINT64_MAX;
		if (unw_step(&walk.cursor) <= 0)
			break;
		frame->end = register_of(&walk, UNW_REG_SP);
		if (frame->end <= frame->start)
			break;
	}
	end(&walk);
}
