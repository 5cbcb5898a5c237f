/*
 * report.c - see report.h.
 * Inside the traced process.
 */
#include "preload/report.h"

#include "preload/api-id.h"
#include "preload/config.h"
#include "preload/control.h"
#include "tracer/record/lock.h"
#include "tracer/record/modules.h"
#include "tracer/record/recorder.h"
#include "tracer/record/say.h"
#include "tracer/record/state.h"

#include <stdlib.h>
#include <time.h>

enum {
	TEXT_BYTES = 8192,
	MAX_FRAMES = 64, /* where nobody names them */
	END_STEPS = 100, /* of a hundredth of a second */
};

/* One report at a time; kept out of the stack, of which little may be left. */
static struct mt_lock lock;
static char bytes[TEXT_BYTES];

/* The thread that aborts the program; 0: none does. */
static _Atomic uint32_t ending;

static const char *const sentences[MT_ERROR_KIND_COUNT] = {
	[MT_ERROR_DOUBLE_FREE] = "double free: the block was freed before",
	[MT_ERROR_INTERIOR_FREE] = "pointer into the middle of a block",
	[MT_ERROR_WILD_FREE] = "pointer to no block of the heap",
	[MT_ERROR_OTHER_FAMILY] = "bad ID",
	[MT_ERROR_OTHER_SIZE] = "size is not the one requested",
	[MT_ERROR_WRITE_BEFORE] = "bad leading pad byte",
	[MT_ERROR_WRITE_BEYOND] = "bad trailing pad byte",
	[MT_ERROR_WRITE_AFTER_FREE] = "freed block was written to",
	[MT_ERROR_ACCESS_OUTSIDE] = "access outside of a block",
	[MT_ERROR_ACCESS_AFTER_FREE] = "access to a freed block",
	[MT_ERROR_EXECUTE] = "jump into a block",
	[MT_ERROR_REALLOC_AFTER_FREE] = "realloc of a freed block",
};

static void put_apis(struct text *text, const struct report *report)
{
	if (report->kind != MT_ERROR_OTHER_FAMILY)
		return;
	text_put(text, ": Allocated using API '");
	text_char(text, (char)report->allocated_by);
	text_put(text, "', verified using API '");
	text_char(text, (char)report->called_by);
	text_char(text, '\'');
}

static void put_headline(struct text *text, const struct report *report)
{
	text_put(text, "Memory error: ");
	text_put(text, report->call);
	text_put(text, ": ");
	text_put(text, sentences[report->kind]);
	put_apis(text, report);
	text_put(text, ": ");
	text_hex(text, (uintptr_t)report->address);
	text_char(text, '\n');
}

/* What the letters of a bad ID stand for. */
static void put_meaning(struct text *text, const struct report *report)
{
	if (report->kind != MT_ERROR_OTHER_FAMILY)
		return;
	text_put(text, "    made by ");
	text_put(text, api_name_of_alloc(api_of_letter((char)report->allocated_by)));
	text_put(text, ", given to ");
	text_put(text, report->call);
	text_char(text, '\n');
}

/* As module+0xoffset. */
static void put_place(struct text *text, uintptr_t address)
{
	uint32_t id = mt_modules_id(address);
	if (id) {
		text_put(text, mt_state.strings + mt_state.modules[id].path);
		text_char(text, '+');
		address -= mt_state.modules[id].bias;
	}
	text_hex(text, address);
}

static void say_frame(uintptr_t pc)
{
	char line[MT_SAY_BYTES];
	struct text text = text_over(line, sizeof line);
	text_put(&text, "  ");
	put_place(&text, pc);
	text_char(&text, '\n');
	mt_say_bytes(line, text.length);
}

static void say_words(const char *words)
{
	size_t length = 0;
	while (words[length])
		length++;
	mt_say_bytes(words, length);
}

/* Without the collector: where the frames are, to be looked up by hand. */
static void say_addresses(const char *title, mt_traceback_id id)
{
	uintptr_t frames[MAX_FRAMES];
	if (!id)
		return;
	int count = mt_recorder_frames(id, frames, MAX_FRAMES);
	say_words(title);
	for (int i = 0; i < count && i < MAX_FRAMES; i++)
		say_frame(frames[i]);
	say_words("\n");
}

static void say_tracebacks(const struct report *report, bool is_answered)
{
	if (is_answered) {
		say_words(mt_state.control->text);
		return;
	}
	say_addresses("Memory block allocated at (most recent call first):\n",
		      report->allocated);
	say_addresses("Memory block freed at (most recent call first):\n", report->freed);
	say_addresses("This call (most recent call first):\n", report->here);
}

static uint32_t own_tid(void)
{
	return (uint32_t)mt_syscall3(SYS_gettid, 0, 0, 0);
}

/*
 * Nobody begins a report while another thread ends the program: it would break off in the
 * middle. With a limit, for a handler of SIGABRT may save the program.
 */
static void begin_report(void)
{
	struct timespec step = {.tv_nsec = 10000000};
	for (int i = 0; i < END_STEPS; i++) {
		mt_lock_take(&lock);
		uint32_t tid = atomic_load(&ending);
		if (!tid || tid == own_tid())
			return;
		mt_lock_give(&lock);
		mt_syscall3(SYS_nanosleep, (long)&step, 0, 0);
	}
	mt_lock_take(&lock);
	atomic_store(&ending, 0);
}

static struct mt_state_error facts_of(const struct report *report)
{
	struct mt_state_error error = {
		.kind = report->kind,
		.tid = own_tid(),
		.address = (uintptr_t)report->address,
		.block = (uintptr_t)report->block,
		.block_bytes = report->block_bytes,
		.serial = report->serial,
		.allocated = report->allocated,
		.freed = report->freed,
		.here = report->here,
		.allocated_by = report->allocated_by,
		.called_by = report->called_by,
	};
	struct text call = text_over(error.call, sizeof error.call);
	text_put(&call, report->call);
	return error;
}

/* Under the lock. */
static void tell(const struct report *report)
{
	const struct mt_state_error error = facts_of(report);
	struct text text = text_over(bytes, sizeof bytes);
	put_headline(&text, report);
	put_meaning(&text, report);
	if (report->describe)
		report->describe(&text, report);
	say_words(bytes);
	say_words("\n");
	say_tracebacks(report, control_request_error(&error, bytes));
}

void report_fault(const struct report *report)
{
	begin_report();
	tell(report);
	mt_lock_give(&lock);
}

void report_after_fork(void)
{
	lock = (struct mt_lock){MT_LOCK_FREE};
	atomic_store(&ending, 0);
}

void report_error(const struct report *report)
{
	begin_report();
	tell(report);
	if (!config.goes_on) {
		say_words("memtrace: the program is aborted; with "
			  "MEMTRACE_DEBUG=continue it would go on\n");
		atomic_store(&ending, own_tid());
	}
	mt_lock_give(&lock);
	if (!config.goes_on)
		abort();
}
