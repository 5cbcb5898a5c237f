/*
 * debug.c - see debug.h.
 * Inside the traced process, under the guard.
 */
#include "preload/debug.h"

#include "preload/ancestors.h"
#include "preload/arenas.h"
#include "preload/bump.h"
#include "preload/config.h"
#include "preload/debug-blocks.h"
#include "preload/debug-check.h"
#include "preload/debug-dead.h"
#include "preload/debug-layout.h"
#include "preload/debug-quarantine.h"
#include "preload/debug-report.h"
#include "preload/inherited.h"
#include "preload/large.h"
#include "preload/look.h"
#include "preload/own-operators.h"
#include "tracer/record/blocks.h"
#include "tracer/record/counters.h"
#include "tracer/record/sidetable.h"
#include "tracer/record/syscall.h"

#include <errno.h>

static _Atomic uint64_t serials;

/* Frees from signal handlers in the middle of an event. */
struct later {
	struct later *next;
	void *p;
	struct release release;
};

static _Atomic(struct later *) laters;

/* Beyond, no sum of sizes may be formed. */
static const size_t most_bytes = PTRDIFF_MAX / 4;

bool debug_start(void)
{
	if (!debug_is_on())
		return true;
	debug_blocks_start();
	return debug_quarantine_start(config.quarantine_bytes);
}

static struct debug_call call_of(struct thread *thread, struct mt_caller caller,
				 enum api api, const char *name)
{
	return (struct debug_call){
		.name = name, .here = thread_traceback(thread, caller), .api = api};
}

/* What comes from below is a block of `before` bytes, n bytes, and what follows them. */
static struct request request_below(struct request request, uint8_t shift)
{
	size_t before = shift ? (size_t)1 << shift : DEBUG_HEAD_BYTES;
	size_t bytes = before + (request.size ? request.size : 1) + DEBUG_TAIL_BYTES;
	request.size = (bytes + DEBUG_GRANULE - 1) & ~(size_t)(DEBUG_GRANULE - 1);
	request.alignment_shift = shift;
	return request;
}

static void fill_fresh(void *p, struct request request)
{
	if (!request.is_zeroed && request.size <= DEBUG_FILL_LIMIT)
		__builtin_memset(p, DEBUG_CLEAN_BYTE, request.size);
}

/* A locked instruction waits for all stores before it: with a single thread none is due. */
static uint64_t next_serial(void)
{
	if (!arenas_are_shared()) {
		uint64_t last = atomic_load_explicit(&serials, memory_order_relaxed);
		atomic_store_explicit(&serials, last + 1, memory_order_relaxed);
		return last + 1;
	}
	return atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
}

static void *fail(void)
{
	errno = ENOMEM;
	return NULL;
}

/* What the next request of this class will touch: it has not been for a long time. */
static void fetch_next(const struct thread *thread, const void *base)
{
	if (!pymalloc_is_inside(base))
		return;
	uint32_t pool = pymalloc_pool_index(pymalloc.geometry, base);
	const char *next = thread->heap.front[pymalloc.tags[pool].class_index]->free;
	if (!next)
		return;
	__builtin_prefetch(next, 1);
	__builtin_prefetch(next + 64, 1);
	__builtin_prefetch(debug_blocks_find(next + DEBUG_HEAD_BYTES), 1);
	__builtin_prefetch(mt_sidetable_at(next), 1);
}

/*
 * Outside the small heap: as large_record and large_forget, but the record of ours leads
 * to the entry, so that none has to be found by its address.
 */
static void note_large(struct thread *thread, mt_traceback_id id, const void *base,
		       struct debug_record *record, size_t size)
{
	enum mt_block_kind kind =
		large_kind(base) == LARGE_HEADED ? MT_BLOCK_LARGE : MT_BLOCK_LIBC;
	uint32_t entry = mt_blocks_add(&thread->recorder, base, size, id, kind);
	*debug_record_entry(record) = (uint64_t)entry << DEBUG_FIELD_SHIFT;
	thread->large_count++;
	thread->large_bytes += (int64_t)size;
	if (entry)
		mt_counters_alloc(&thread->recorder, id, size);
}

static uint32_t entry_of(struct debug_record *record)
{
	return (uint32_t)(*debug_record_entry(record) >> DEBUG_FIELD_SHIFT);
}

static void forget_large(struct thread *thread, struct debug_record *record)
{
	size_t size = debug_record_size(record);
	uint32_t entry = entry_of(record);
	thread->large_count--;
	thread->large_bytes -= (int64_t)size;
	if (!debug_record_is_own(record)) {
		inherited_remove(size);
		return;
	}
	mt_traceback_id id = mt_blocks_retire(entry);
	if (id)
		mt_counters_free(&thread->recorder, id, size);
}

/* Where the collector finds that a small block waits in the quarantine, and whose it was. */
static void mark_waiting(const unsigned char *base, mt_side_word word)
{
	__atomic_store_n(mt_sidetable_at(base) + MT_DEBUG_WAITING_GRANULE, word,
			 __ATOMIC_RELAXED);
}

static mt_side_word waiting_word(const struct debug_record *record,
				 struct debug_word word)
{
	return mt_side_word_make(debug_record_is_own(record) ? word.allocated : 0, 1);
}

static unsigned char *start_of(const void *p, struct debug_word word)
{
	return (unsigned char *)p - ((size_t)1 << word.shift);
}

static void check_release(const struct debug_call *call, const void *p,
			  const struct debug_record *record, struct debug_word word,
			  size_t size)
{
	if (!api_matches(word.api, call->api) &&
	    !own_operators_match(
		    word.api,
		    ancestors_traceback(word.allocated, debug_record_birth(record)),
		    call->api, call->here))
		debug_report_block(MT_ERROR_OTHER_FAMILY, call, p, record, word, p);
	else if (size != RELEASE_UNSIZED && size != debug_record_size(record))
		debug_report_size(call, p, record, word, size);
	debug_check_around(call, p, record, word);
}

/* A dead block goes back to whom it came from. */
static void end(struct thread *thread, void *p)
{
	struct debug_record *record = debug_blocks_find(p);
	struct debug_word word = debug_record_word(record);
	if (pymalloc_is_inside(p))
		mark_waiting(start_of(p, word), 0);
	else if (debug_record_is_own(record))
		mt_blocks_remove(&thread->recorder, entry_of(record));
	atomic_store_explicit(&record->word, 0, memory_order_relaxed);
	serve_release(thread, start_of(p, word));
}

static void end_all(struct thread *thread, const struct debug_call *call,
		    void *const *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		debug_check_dead(call, out[i]);
		end(thread, out[i]);
	}
}

static void leave_quarantine(struct thread *thread, const struct debug_call *call)
{
	void *out[DEBUG_QUARANTINE_BATCH];
	size_t count;
	while ((count = debug_quarantine_take(out)) > 0)
		end_all(thread, call, out, count);
}

/* Memory that waits in the quarantine is not to be missed anywhere else. */
static void give_up_quarantine(struct thread *thread, mt_traceback_id here, enum api api)
{
	const struct debug_call call = {
		.name = api_name_of_alloc(api), .here = here, .api = api};
	void *out[DEBUG_QUARANTINE_BATCH];
	size_t count;
	while ((count = debug_quarantine_give_up(out)) > 0)
		end_all(thread, &call, out, count);
}

static void *place(struct thread *thread, mt_traceback_id id, struct request request)
{
	void *base = serve_place(thread, request);
	if (__builtin_expect(base != NULL, 1))
		return base;
	give_up_quarantine(thread, id, (enum api)request.api);
	return serve_place(thread, request);
}

/* A block with a record of both kinds; id is its traceback. */
static void *make(struct thread *thread, mt_traceback_id id, struct request request)
{
	uint8_t shift = request.alignment_shift <= 4 ? 0 : request.alignment_shift;
	if (request.size > most_bytes || shift >= 61)
		return fail();
	unsigned char *base = place(thread, id, request_below(request, shift));
	if (!base)
		return NULL;
	void *p = base + ((size_t)1 << (shift ? shift : 4));
	struct debug_record *record = debug_blocks_place(p);
	if (!record) {
		serve_release(thread, base);
		return fail();
	}
	const struct debug_word word = {.state = DEBUG_LIVE,
					.api = (enum api)request.api,
					.shift = shift ? shift : 4,
					.allocated = id};
	fetch_next(thread, base);
	uint64_t serial = next_serial();
	fill_fresh(p, request);
	debug_surround(p, request.size, word.api, serial);
	if (pymalloc_is_inside(base))
		serve_record(thread, id, base, request.size);
	else
		note_large(thread, id, base, record, request.size);
	debug_record_begin(record, word, request.size, serial);
	return p;
}

void *debug_alloc(struct thread *thread, struct mt_caller caller, struct request request)
{
	look_if_asked();
	return make(thread, thread_traceback(thread, caller), request);
}

/* The caller has made it dead, so that nobody else does this. */
static void bury(struct thread *thread, const struct debug_call *call, void *p,
		 struct debug_record *record, struct debug_word word)
{
	size_t bytes = debug_whole_bytes(debug_record_size(record));
	if (pymalloc_is_inside(p)) {
		serve_forget(thread, start_of(p, word));
		mark_waiting(start_of(p, word), waiting_word(record, word));
	} else {
		forget_large(thread, record);
	}
	size_t kept = debug_dead_fill(p, bytes);
	if (!kept || !debug_quarantine_put(p, kept))
		end(thread, p);
	leave_quarantine(thread, call);
}

static bool swap_word(struct debug_record *record, uint64_t *seen, uint64_t word)
{
	if (arenas_are_shared())
		return atomic_compare_exchange_weak(&record->word, seen, word);
	atomic_store_explicit(&record->word, word, memory_order_relaxed);
	return true;
}

/*
 * Live becomes dead, once. A block that is being looked at is waited for. False: it is
 * not live; *word is what it is.
 */
static bool kill(struct debug_record *record, mt_traceback_id here,
		 struct debug_word *word)
{
	uint64_t seen = atomic_load_explicit(&record->word, memory_order_acquire);
	for (;;) {
		*word = debug_word_of(seen);
		if (word->state == DEBUG_PINNED) {
			mt_syscall3(SYS_sched_yield, 0, 0, 0);
			seen = atomic_load(&record->word);
			continue;
		}
		if (word->state != DEBUG_LIVE)
			return false;
		struct debug_word dead = *word;
		dead.state = DEBUG_DEAD;
		dead.freed = here;
		if (swap_word(record, &seen, debug_word_make(dead))) {
			debug_record_note_free(record);
			return true;
		}
	}
}

/* Not a live block: one that is dead, none of ours, or none at all. */
static void free_other(struct thread *thread, const struct debug_call *call, void *p,
		       const struct debug_record *record, struct debug_word word)
{
	if (record && word.state == DEBUG_DEAD) {
		debug_report_block(MT_ERROR_DOUBLE_FREE, call, p, record, word, p);
		return;
	}
	if (!pymalloc_is_inside(p) && debug_is_foreign(p)) {
		large_forget(thread, p);
		large_release(p);
		return;
	}
	debug_report_stray(call, p);
}

static void free_called(struct thread *thread, const struct debug_call *call, void *p,
			size_t size)
{
	struct debug_record *record = debug_blocks_find(p);
	struct debug_word word = {.state = DEBUG_NONE};
	if (!record || !kill(record, call->here, &word)) {
		free_other(thread, call, p, record, word);
		return;
	}
	check_release(call, p, record, word, size);
	bury(thread, call, p, record, word);
}

/* What a free will look at, while its traceback is found. */
static void fetch(const void *p)
{
	__builtin_prefetch(debug_blocks_find(p), 1);
	__builtin_prefetch(debug_base(p), 1);
	if (pymalloc_is_inside(p))
		__builtin_prefetch(mt_sidetable_at(p), 1);
}

void debug_free(struct thread *thread, struct mt_caller caller, void *p,
		struct release release)
{
	fetch(p);
	struct debug_call call = call_of(thread, caller, (enum api)release.api,
					 api_name_of_free((enum api)release.api));
	look_if_asked();
	free_called(thread, &call, p, release.size);
}

/* A block that came past us stays with the C library. */
static void *realloc_other(struct thread *thread, struct mt_caller caller,
			   const struct debug_call *call, void *p, struct request request,
			   const struct debug_record *record)
{
	struct debug_word word = {.state = DEBUG_NONE};
	void *moved;
	if (record)
		word = debug_record_word(record);
	if (record && word.state == DEBUG_DEAD) {
		debug_report_block(MT_ERROR_REALLOC_AFTER_FREE, call, p, record, word, p);
		return fail();
	}
	if (!pymalloc_is_inside(p) && debug_is_foreign(p)) {
		if (large_realloc(thread, caller, p, request.size, &moved))
			return moved;
		/* An emergency block, which ends nowhere. */
		size_t old = large_usable_size(p);
		moved = make(thread, call->here, request);
		if (moved)
			__builtin_memcpy(moved, p,
					 old < request.size ? old : request.size);
		return moved;
	}
	debug_report_stray(call, p);
	return fail();
}

/* Always moves: who keeps the old pointer is found out. */
void *debug_realloc(struct thread *thread, struct mt_caller caller, void *p,
		    struct request request)
{
	struct debug_record *record = debug_blocks_find(p);
	struct debug_call call = call_of(thread, caller, (enum api)request.api,
					 api_name_of_realloc((enum api)request.api));
	look_if_asked();
	if (!debug_is_block(p))
		return realloc_other(thread, caller, &call, p, request, record);
	struct debug_word word = debug_record_word(record);
	size_t old = debug_record_size(record);
	check_release(&call, p, record, word, RELEASE_UNSIZED);
	void *moved = make(thread, call.here, request);
	if (!moved)
		return NULL;
	__builtin_memcpy(moved, p, old < request.size ? old : request.size);
	if (kill(record, call.here, &word))
		bury(thread, &call, p, record, word);
	return moved;
}

bool debug_is_block(const void *p)
{
	const struct debug_record *record = debug_blocks_find(p);
	enum debug_state state = record ? debug_record_word(record).state : DEBUG_NONE;
	return state == DEBUG_LIVE || state == DEBUG_PINNED;
}

size_t debug_usable_size(const void *p)
{
	return debug_record_size(debug_blocks_find(p));
}

mt_traceback_id debug_traceback(const void *p)
{
	const struct debug_record *record = debug_blocks_find(p);
	return debug_is_block(p) && debug_record_is_own(record)
		       ? debug_record_word(record).allocated
		       : 0;
}

void debug_change_api(void *p, enum api api)
{
	struct debug_record *record = debug_blocks_find(p);
	if (!debug_is_block(p))
		return;
	struct debug_word word = debug_record_word(record);
	word.api = api;
	debug_put_word(debug_base(p) + 8, debug_lead(api));
	atomic_store_explicit(&record->word, debug_word_make(word), memory_order_release);
}

/* Nested events. */

void debug_free_later(void *p, struct release release)
{
	if (!debug_blocks_find(p) && debug_is_foreign(p) && large_kind(p) == LARGE_BUMP)
		return;
	struct later *later = bump_alloc(sizeof *later, sizeof(void *));
	if (!later)
		return;
	*later = (struct later){.p = p, .release = release};
	later->next = atomic_load_explicit(&laters, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&laters, &later->next, later))
		;
}

void debug_drain_later(struct thread *thread)
{
	if (!atomic_load_explicit(&laters, memory_order_relaxed))
		return;
	struct later *later = atomic_exchange(&laters, NULL);
	for (; later; later = later->next) {
		const struct debug_call call = {
			.name = api_name_of_free((enum api)later->release.api),
			.api = (enum api)later->release.api};
		free_called(thread, &call, later->p, later->release.size);
	}
}

/* Forks. */

void debug_before_fork(void)
{
	debug_quarantine_before_fork();
}

void debug_after_fork(void)
{
	debug_quarantine_after_fork();
}

void debug_reopen_after_fork(void)
{
	debug_quarantine_reopen_after_fork();
}

static void disinherit(void *context, void *p)
{
	(void)context;
	if (!pymalloc_is_inside(p))
		return;
	heaps_disinherit(pymalloc_pool_index(pymalloc.geometry, p));
	mark_waiting(debug_base(p), mt_side_word_make(0, 1));
}

void debug_disinherit(void)
{
	debug_quarantine_each(disinherit, NULL);
}
