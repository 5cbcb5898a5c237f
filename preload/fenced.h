/*
 * fenced.h - events with `--malloc guard`: some blocks are fenced, all others as ever.
 * Inside the traced process, under the guard.
 */
#ifndef MT_PRELOAD_FENCED_H
#define MT_PRELOAD_FENCED_H

#include "preload/fence.h"
#include "preload/serve.h"

#include <stdbool.h>
#include <stddef.h>

/* As serve_alloc_plain, serve_free and serve_realloc_plain. */
void *fenced_alloc(struct thread *thread, struct mt_caller caller,
		   struct request request);
void fenced_free(struct thread *thread, struct mt_caller caller, void *p,
		 struct release release);

void *fenced_realloc(struct thread *thread, struct mt_caller caller, void *p,
		     struct request request);

/*
 * Look around all live blocks, as look_at_all; whether there is damage, as look_would_find.
 */
void fenced_check_all(const char *call, mt_traceback_id here);
bool fenced_has_damage(void);

/* From a signal handler in the middle of an event: what is wrong is passed over. */
void fenced_free_later(void *p);

size_t fenced_usable_size(const void *p);

/* As debug_change_api. */
void fenced_change_api(const void *p, enum api api);

#endif
