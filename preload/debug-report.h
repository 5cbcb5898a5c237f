/*
 * debug-report.h - what is wrong with a block, or with what was taken for one, in the
 * words of CPython's debug hooks.
 * Inside the traced process, under the guard. Each returns only where the program is to
 * go on.
 */
#ifndef MT_PRELOAD_DEBUG_REPORT_H
#define MT_PRELOAD_DEBUG_REPORT_H

#include "preload/debug-blocks.h"
#include "preload/report.h"

/* Who found it. */
struct debug_call {
	const char *name;
	mt_traceback_id here; /* 0: nowhere */
	enum api api;
};

/* About a block that is known; p is where it begins, at what is wrong. */
void debug_report_block(enum mt_error_kind kind, const struct debug_call *call,
			const void *p, const struct debug_record *record,
			struct debug_word word, const void *at);

/* A sized free; size is what the program said. */
void debug_report_size(const struct debug_call *call, const void *p,
		       const struct debug_record *record, struct debug_word word,
		       size_t size);

/* A pointer at which no block begins: into one, or to none. */
void debug_report_stray(const struct debug_call *call, const void *p);

/* The line about such a pointer: where it leads. */
void debug_describe_stray(struct text *text, const struct report *report);

/* Whether the C library made this block, past us. Reads nothing that is not there. */
bool debug_is_foreign(const void *p);

#endif
