/*
 * debug-report.c - see debug-report.h.
 * Inside the traced process, under the guard.
 */
#include "preload/debug-report.h"

#include "preload/ancestors.h"
#include "preload/debug-dead.h"
#include "preload/debug-layout.h"
#include "preload/large.h"
#include "preload/probe.h"
#include "preload/thread.h"
#include "tracer/record/modules.h"
#include "tracer/record/pages.h"
#include "tracer/record/unwind.h"

enum {
	SHOWN_BYTES = 8,  /* of the data, at either end */
	SHOWN_WRONG = 16, /* bytes of a freed block */
};

/* What the lines about a block are made from. */
struct view {
	const unsigned char *p;
	size_t n;
	const struct debug_record *record;
	struct debug_word word;
	size_t said_size; /* of a sized free; RELEASE_UNSIZED: none */
};

/* "        at p-3: 0x41 *** OUCH" */
static void put_byte(struct text *text, const char *from, char sign, size_t offset,
		     unsigned char byte, unsigned char wanted)
{
	text_put(text, "        at ");
	text_put(text, from);
	text_char(text, sign);
	text_number(text, offset);
	text_put(text, ": 0x");
	text_digits(text, byte, 16, 2);
	text_put(text, byte == wanted ? "\n" : " *** OUCH\n");
}

static bool is_forbidden(const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != DEBUG_FORBIDDEN_BYTE)
			return false;
	return true;
}

static void put_head(struct text *text, const struct view *view)
{
	enum {
		LEAD = DEBUG_PAD_BYTES - 1,
	};
	const unsigned char *pads = view->p - LEAD;
	if (debug_word_at(debug_base(view->p)) != __builtin_bswap64(view->n))
		text_put(text, "    The size at p-16 has been overwritten.\n");
	if (pads[-1] != (unsigned char)api_letter(view->word.api))
		text_put(text, "    The API's letter at p-8 has been overwritten.\n");
	text_put(text, "    The 7 pad bytes at p-7 are ");
	if (is_forbidden(pads, LEAD)) {
		text_put(text, "FORBIDDENBYTE, as expected.\n");
		return;
	}
	text_put(text, "not all FORBIDDENBYTE (0xfd):\n");
	for (size_t i = LEAD; i > 0; i--)
		put_byte(text, "p", '-', i, view->p[-(ptrdiff_t)i], DEBUG_FORBIDDEN_BYTE);
}

static void put_tail(struct text *text, const struct view *view)
{
	const unsigned char *tail = view->p + view->n;
	text_put(text, "    The 8 pad bytes at tail=");
	text_hex(text, (uintptr_t)tail);
	if (is_forbidden(tail, DEBUG_PAD_BYTES)) {
		text_put(text, " are FORBIDDENBYTE, as expected.\n");
		return;
	}
	text_put(text, " are not all FORBIDDENBYTE (0xfd):\n");
	for (size_t i = 0; i < DEBUG_PAD_BYTES; i++)
		put_byte(text, "tail", '+', i, tail[i], DEBUG_FORBIDDEN_BYTE);
}

/* Beyond what CPython looks at: the serial number, and what fills the block up. */
static void put_rest(struct text *text, const struct view *view)
{
	const unsigned char *tail = view->p + view->n;
	uint64_t serial = debug_record_serial(view->record);
	size_t rest = debug_rest_bytes(view->n);
	if (debug_word_at(tail + DEBUG_PAD_BYTES) != __builtin_bswap64(serial))
		text_put(text, "    The serial number at tail+8 has been overwritten.\n");
	if (is_forbidden(tail + DEBUG_TAIL_BYTES, rest))
		return;
	text_put(
		text,
		"    The bytes after the serial number are not all FORBIDDENBYTE (0xfd):\n");
	for (size_t i = DEBUG_TAIL_BYTES; i < DEBUG_TAIL_BYTES + rest; i++)
		put_byte(text, "tail", '+', i, tail[i], DEBUG_FORBIDDEN_BYTE);
}

static void put_bytes(struct text *text, const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_char(text, ' ');
		text_digits(text, bytes[i], 16, 2);
	}
}

static void put_data(struct text *text, const struct view *view)
{
	size_t first = view->n < SHOWN_BYTES ? view->n : SHOWN_BYTES;
	size_t left = view->n - first;
	if (!view->n)
		return;
	text_put(text, "    Data at p:");
	put_bytes(text, view->p, first);
	if (left > SHOWN_BYTES) {
		text_put(text, " ...");
		left = SHOWN_BYTES;
	}
	put_bytes(text, view->p + view->n - left, left);
	text_char(text, '\n');
}

/* Where a freed block is not what its free left. */
static void put_dead(struct text *text, const struct view *view)
{
	size_t whole = debug_whole_bytes(view->n);
	const unsigned char *at = debug_dead_find(view->p, whole);
	size_t wrong = 0;
	for (; at; at = debug_dead_find_from(view->p, whole, at + 1)) {
		if (!wrong)
			text_put(text, "    It has been freed, and is not all DEADBYTE "
				       "(0xdd):\n");
		if (wrong++ >= SHOWN_WRONG)
			continue;
		bool is_before = at < view->p;
		put_byte(text, "p", is_before ? '-' : '+',
			 (size_t)(is_before ? view->p - at : at - view->p), *at,
			 debug_dead_byte(view->p, whole, at));
	}
	if (!wrong)
		text_put(text, "    It has been freed: all is DEADBYTE, as expected.\n");
	if (wrong > SHOWN_WRONG) {
		text_put(text, "        and ");
		text_number(text, wrong - SHOWN_WRONG);
		text_put(text, " more\n");
	}
}

static void describe_block(struct text *text, const struct report *report)
{
	const struct view *view = report->context;
	text_put(text, "Debug memory block at address p=");
	text_hex(text, (uintptr_t)view->p);
	text_put(text, ": API '");
	text_char(text, api_letter(view->word.api));
	text_put(text, "'\n    ");
	text_number(text, view->n);
	text_put(text, " bytes originally requested\n");
	if (view->said_size != RELEASE_UNSIZED) {
		text_put(text, "    ");
		text_byte_count(text, view->said_size);
		text_put(text, " given back\n");
	}
	if (!debug_record_is_own(view->record))
		text_put(text, "    It was allocated before this process was forked.\n");
	if (view->word.state == DEBUG_DEAD) {
		put_dead(text, view);
	} else {
		put_head(text, view);
		put_tail(text, view);
		put_rest(text, view);
	}
	text_put(text, "    The block was made by call #");
	text_number(text, report->serial);
	text_put(text, " to debug malloc/realloc.\n");
	put_data(text, view);
}

static void report_block(enum mt_error_kind kind, const struct debug_call *call,
			 const struct view *view, const void *at,
			 void (*describe)(struct text *, const struct report *))
{
	const struct report report = {
		.kind = kind,
		.call = call->name,
		.address = at,
		.block = view->p,
		.block_bytes = view->n,
		.serial = debug_record_serial(view->record),
		.allocated_by = (uint8_t)api_letter(view->word.api),
		.called_by = (uint8_t)api_letter(call->api),
		.allocated = ancestors_traceback(view->word.allocated,
						 debug_record_birth(view->record)),
		.freed = ancestors_traceback(view->word.freed,
					     debug_record_death(view->record)),
		.here = call->here,
		.describe = describe,
		.context = view,
	};
	report_error(&report);
}

static struct view view_of(const void *p, const struct debug_record *record,
			   struct debug_word word)
{
	return (struct view){.p = p,
			     .n = debug_record_size(record),
			     .record = record,
			     .word = word,
			     .said_size = RELEASE_UNSIZED};
}

void debug_report_block(enum mt_error_kind kind, const struct debug_call *call,
			const void *p, const struct debug_record *record,
			struct debug_word word, const void *at)
{
	struct view view = view_of(p, record, word);
	report_block(kind, call, &view, at, describe_block);
}

void debug_report_size(const struct debug_call *call, const void *p,
		       const struct debug_record *record, struct debug_word word,
		       size_t size)
{
	struct view view = view_of(p, record, word);
	view.said_size = size;
	report_block(MT_ERROR_OTHER_SIZE, call, &view, p, describe_block);
}

/* "    12 bytes inside a block of 40 bytes at 0x...", and the block. */
static void describe_stray_block(struct text *text, const struct report *report)
{
	const struct view *view = report->context;
	const unsigned char *at = report->address;
	bool is_before = at < view->p, is_beyond = at >= view->p + view->n;
	text_put(text, "    ");
	text_byte_count(text, (size_t)(is_before   ? view->p - at
				       : is_beyond ? at - (view->p + view->n)
						   : at - view->p));
	text_put(text, is_before   ? " before a "
		       : is_beyond ? " after the end of a "
				   : " inside a ");
	text_put(text, view->word.state == DEBUG_DEAD ? "freed block of " : "block of ");
	text_byte_count(text, view->n);
	text_char(text, '\n');
	describe_block(text, report);
}

/* The block whose bytes, or the bytes around them, p points to. */
static bool find_around(const void *p, struct view *view)
{
	struct debug_record *record;
	const void *block =
		debug_blocks_below((const char *)p + DEBUG_HEAD_BYTES - 1, &record);
	if (!block)
		return false;
	*view = view_of(block, record, debug_record_word(record));
	return (const unsigned char *)p >= debug_base(block) &&
	       (const unsigned char *)p < view->p + view->n + DEBUG_TAIL_BYTES;
}

static bool is_on_own_stack(const void *p)
{
	const struct thread *thread = thread_self;
	return thread && thread->recorder.unwinder &&
	       (uintptr_t)p >= (uintptr_t)__builtin_frame_address(0) &&
	       (uintptr_t)p < thread->recorder.unwinder->stack_high;
}

void debug_describe_stray(struct text *text, const struct report *report)
{
	const void *p = report->address;
	uint32_t module = mt_modules_id((uintptr_t)p);
	text_put(text, "    It points ");
	if (is_on_own_stack(p)) {
		text_put(text, "to the stack of this thread");
	} else if (module) {
		text_put(text, "into ");
		text_put(text, mt_state.strings + mt_state.modules[module].path);
		text_put(text, " at ");
		text_hex(text, (uintptr_t)p - mt_state.modules[module].bias);
	} else if (!probe_is_readable(p)) {
		text_put(text, "to where there is no memory");
	} else if (pymalloc_is_inside(p)) {
		text_put(text, "into the small-object heap, where no block begins; one "
			       "that did may have been freed long ago");
	} else {
		text_put(text, "to memory that no allocator gave out, or to a block that "
			       "was freed long ago");
	}
	text_put(text, ".\n");
}

void debug_report_stray(const struct debug_call *call, const void *p)
{
	struct view view;
	if (find_around(p, &view)) {
		report_block(MT_ERROR_INTERIOR_FREE, call, &view, p,
			     describe_stray_block);
		return;
	}
	const struct report report = {
		.kind = MT_ERROR_WILD_FREE,
		.call = call->name,
		.address = p,
		.called_by = (uint8_t)api_letter(call->api),
		.here = call->here,
		.describe = debug_describe_stray,
	};
	report_error(&report);
}

/* A chunk in use of the C library, by its size field and that of the one after it. */
static bool is_chunk(const char *p)
{
	enum {
		PREVIOUS_IN_USE = 1,
		IS_MMAPPED = 2,
		FLAGS = 7,
		LEAST_BYTES = 32,
	};
	const uint64_t *head = (const uint64_t *)(p - 16);
	uint64_t bytes = head[1] & ~(uint64_t)FLAGS;
	if (bytes < LEAST_BYTES || bytes % 16 || bytes > PTRDIFF_MAX)
		return false;
	if (head[1] & IS_MMAPPED)
		return ((uintptr_t)head - head[0]) % MT_PAGE_BYTES == 0 &&
		       (bytes + head[0]) % MT_PAGE_BYTES == 0;
	const uint64_t *next = (const uint64_t *)((const char *)head + bytes) + 1;
	return probe_is_readable(next) && (*next & PREVIOUS_IN_USE);
}

bool debug_is_foreign(const void *p)
{
	if ((uintptr_t)p % LARGE_ALIGNMENT || is_on_own_stack(p) ||
	    mt_modules_id((uintptr_t)p) || !probe_is_readable((const char *)p - 16) ||
	    !probe_is_readable((const char *)p - 8))
		return false;
	return large_kind(p) == LARGE_BUMP || is_chunk(p);
}
