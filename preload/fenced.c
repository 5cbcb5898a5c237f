/*
 * fenced.c - see fenced.h. Inside the traced process.
 */
#include "preload/fenced.h"

#include "preload/look.h"
#include "preload/own-operators.h"
#include "preload/report.h"
#include "preload/unfenced.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <signal.h>

static struct fence_block *place(struct thread *thread, struct request request)
{
	return fence_place(thread, request.size, (size_t)1 << request.alignment_shift);
}

void *fenced_alloc(struct thread *thread, struct mt_caller caller, struct request request)
{
	look_if_asked();
	struct fence_block *block = place(thread, request);
	if (!block)
		return serve_alloc_plain(thread, caller, request);
	fence_record(thread, block, thread_traceback(thread, caller),
		     (enum api)request.api);
	return fence_start_of(block);
}

/* Who frees, and from where. */
struct call {
	const char *name;
	mt_traceback_id here;
	enum api api;
	size_t size; /* as a sized free has it; RELEASE_UNSIZED: any other call */
	bool is_realloc;
};

static void describe(struct text *text, const struct report *report)
{
	const struct call *call = report->context;
	fence_describe(text, report);
	if (report->kind != MT_ERROR_OTHER_SIZE)
		return;
	text_put(text, "    ");
	text_byte_count(text, call->size);
	text_put(text, " given back\n");
}

static void report(enum mt_error_kind kind, const struct call *call, const void *address,
		   const struct fence_block *block)
{
	struct report report = {.kind = kind,
				.call = call->name,
				.address = address,
				.called_by = (uint8_t)api_letter(call->api),
				.here = call->here,
				.context = call};
	if (block) {
		report.allocated_by = (uint8_t)api_letter((enum api)block->api);
		report.block = fence_start_of(block);
		report.block_bytes = block->size;
		report.allocated = fence_allocated(block);
		report.freed = fence_freed(block);
		report.describe = describe;
	}
	report_error(&report);
}

/* A pointer beside the fenced range: whether there may be a block; if not, that is told. */
static bool is_unfenced_block(struct thread *thread, struct mt_caller caller,
			      const struct call *call, const void *p)
{
	struct unfenced found = unfenced_judge(thread, p);
	if (found.kind == MT_ERROR_NONE)
		return true;
	bool is_freed_realloc = found.kind == MT_ERROR_DOUBLE_FREE && call->is_realloc;
	const struct report report = {
		.kind = is_freed_realloc ? MT_ERROR_REALLOC_AFTER_FREE : found.kind,
		.call = call->name,
		.address = p,
		.block = found.block,
		.block_bytes = found.block_bytes,
		.allocated = found.allocated,
		.here = thread_traceback(thread, caller),
		.describe = unfenced_describe};
	report_error(&report);
	return false;
}

/* A pointer into the fenced range at which no live block begins. */
static void report_stray(const struct call *call, const void *p)
{
	const struct fence_block *block = fence_around(p);
	if (block && fence_start_of(block) == p) /* of no bytes too */
		report(call->is_realloc ? MT_ERROR_REALLOC_AFTER_FREE
					: MT_ERROR_DOUBLE_FREE,
		       call, p, block);
	else if (!block || fence_distance(block, p))
		report(MT_ERROR_WILD_FREE, call, p, block);
	else
		report(MT_ERROR_INTERIOR_FREE, call, p, block);
}

/* damage: the first byte that was written to, around the block; NULL: none. */
static void report_damage(const struct call *call, const struct fence_block *block,
			  const unsigned char *damage)
{
	if (damage)
		report(damage < fence_start_of(block) ? MT_ERROR_WRITE_BEFORE
						      : MT_ERROR_WRITE_BEYOND,
		       call, damage, block);
}

/* Of two wrongs about the call the first is told. */
static void check_call(const struct call *call, const struct fence_block *block)
{
	if (!api_matches((enum api)block->api, call->api) &&
	    !own_operators_match((enum api)block->api, fence_allocated(block), call->api,
				 call->here))
		report(MT_ERROR_OTHER_FAMILY, call, fence_start_of(block), block);
	else if (call->size != RELEASE_UNSIZED && call->size != block->size)
		report(MT_ERROR_OTHER_SIZE, call, fence_start_of(block), block);
}

/* The live block at p, after a look at it. NULL: there is none, and that was told. */
static struct fence_block *find(const struct call *call, const void *p)
{
	struct fence_block *block = fence_find(p);
	if (!block) {
		report_stray(call, p);
		return NULL;
	}
	check_call(call, block);
	report_damage(call, block, fence_damage(block));
	return block;
}

/* Without what was written, so that it is told once; NULL: nothing was. */
static const unsigned char *take_damage(struct fence_block *block)
{
	if (!fence_pin(block))
		return NULL;
	const unsigned char *damage = fence_damage(block);
	if (damage)
		fence_mend(block);
	fence_unpin(block);
	return damage;
}

/* A handler that frees what is pinned here would wait for ever. */
void fenced_check_all(const char *name, mt_traceback_id here)
{
	const struct call call = {.name = name, .here = here, .size = RELEASE_UNSIZED};
	const uint64_t all = UINT64_MAX;
	uint64_t before = 0;
	mt_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, sizeof all,
		    0, 0);
	for (struct fence_block *block = NULL; (block = fence_next(block));)
		report_damage(&call, block, take_damage(block));
	mt_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0,
		    0);
}

bool fenced_has_damage(void)
{
	for (struct fence_block *block = NULL; (block = fence_next(block));)
		if (fence_damage(block))
			return true;
	return false;
}

static void end(struct thread *thread, const struct call *call, struct fence_block *block)
{
	const void *p = fence_start_of(block);
	if (!fence_free(thread, block, call->here))
		report_stray(call, p);
}

void fenced_free(struct thread *thread, struct mt_caller caller, void *p,
		 struct release release)
{
	look_if_asked();
	struct call call = {.name = api_name_of_free((enum api)release.api),
			    .api = (enum api)release.api,
			    .size = release.size};
	if (!fence_is_inside(p)) {
		if (is_unfenced_block(thread, caller, &call, p))
			serve_free_other(thread, p);
		return;
	}
	call.here = thread_traceback(thread, caller);
	struct fence_block *block = find(&call, p);
	if (block)
		end(thread, &call, block);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The record of the old block ends before the new one's begins: the peak has one. */
static void *move_into_fence(struct thread *thread, const struct call *call, void *p,
			     struct fence_block *from, struct fence_block *to)
{
	unsigned char *moved = fence_start_of(to);
	size_t old = from ? from->size : serve_usable_size(p);
	__builtin_memcpy(moved, p, least(old, to->size));
	if (from)
		end(thread, call, from);
	else
		serve_free_other(thread, p);
	fence_record(thread, to, call->here, call->api);
	return moved;
}

static void *move_out_of_fence(struct thread *thread, const struct call *call,
			       struct fence_block *from, struct request request)
{
	void *moved = serve_place(thread, request);
	if (!moved)
		return NULL;
	__builtin_memcpy(moved, fence_start_of(from), least(from->size, request.size));
	end(thread, call, from);
	serve_record(thread, call->here, moved, request.size);
	return moved;
}

static void *fail(void)
{
	errno = ENOMEM;
	return NULL;
}

/* To the size that it has: it stays, as with the C library. */
static void *keep(struct thread *thread, const struct call *call,
		  struct fence_block *block)
{
	fence_forget(thread, block);
	fence_record(thread, block, call->here, call->api);
	return fence_start_of(block);
}

void *fenced_realloc(struct thread *thread, struct mt_caller caller, void *p,
		     struct request request)
{
	struct call call = {.name = api_name_of_realloc((enum api)request.api),
			    .api = (enum api)request.api,
			    .size = RELEASE_UNSIZED,
			    .is_realloc = true};
	struct fence_block *from = NULL;
	if (fence_is_inside(p)) {
		call.here = thread_traceback(thread, caller);
		from = find(&call, p);
		if (!from)
			return fail();
		if (from->size == request.size)
			return keep(thread, &call, from);
	} else if (!is_unfenced_block(thread, caller, &call, p)) {
		return fail();
	}
	struct fence_block *to = place(thread, request);
	if (!to)
		return from ? move_out_of_fence(thread, &call, from, request)
			    : serve_realloc_plain(thread, caller, p, request);
	if (!from)
		call.here = thread_traceback(thread, caller);
	return move_into_fence(thread, &call, p, from, to);
}

void fenced_free_later(void *p)
{
	struct fence_block *block = fence_find(p);
	if (block)
		fence_free_nested(block);
}

void fenced_change_api(const void *p, enum api api)
{
	struct fence_block *block = fence_find(p);
	if (block)
		block->api = (uint8_t)api;
}

size_t fenced_usable_size(const void *p)
{
	const struct fence_block *block = fence_find(p);
	return block ? block->size : 0;
}
