/*
 * unfenced.h - pointers that the program gives back with `--malloc guard` and that lie in no
 * fence: is there a block?
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_UNFENCED_H
#define MT_PRELOAD_UNFENCED_H

#include "preload/report.h"
#include "preload/thread.h"

#include <stddef.h>

struct unfenced {
	enum mt_error_kind kind; /* MT_ERROR_NONE: nothing is known against it */
	/* Into which one it points, as far as that is known; NULL: into none. */
	const void *block;
	size_t block_bytes;
	mt_traceback_id allocated;
};

/* Any pointer. What cannot be told for certain counts as a block. */
struct unfenced unfenced_judge(const struct thread *thread, const void *p);

/* For reports of what is wrong with it. */
void unfenced_describe(struct text *text, const struct report *report);

#endif
