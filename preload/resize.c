/*
 * resize.c - realloc: in place by CPython's rule, or moved.
 * Inside the traced process, under the guard.
 */
#include "preload/debug.h"
#include "preload/fenced.h"
#include "preload/large.h"
#include "preload/serve.h"

enum {
	/* realloc stays in place down to this part of the block, as CPython's. */
	KEEP_NUMERATOR = 3,
	KEEP_DENOMINATOR = 4,
};

struct granule {
	_Alignas(PYMALLOC_MODERN_ALIGNMENT) __attribute__((may_alias)) uint64_t words[2];
};

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The record of the old block ends before the new one's begins: the peak has one. */
static __attribute__((noinline)) void *move(struct thread *thread, mt_traceback_id id,
					    void *p, struct request request)
{
	void *moved = serve_place(thread, request);
	if (!moved)
		return NULL;
	__builtin_memcpy(moved, p, least(serve_usable_size(p), request.size));
	serve_forget(thread, p);
	serve_record(thread, id, moved, request.size);
	serve_release(thread, p);
	return moved;
}

/* A multiple of the alignment: few most often, so that a call would take longer. */
static inline void copy_granules(void *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += sizeof(struct granule)) {
		SERVE_RENEW(to);
		*(struct granule *)((char *)to + i) =
			*(const struct granule *)((const char *)from + i);
	}
}

/* The same where nothing is in the way. NULL: nothing is done. */
static inline void *place_copy(struct thread *thread, const void *p, struct pool_tag tag,
			       struct request request)
{
	if (!pymalloc.is_modern || !serve_is_fast(request))
		return NULL;
	uint32_t class_index = pymalloc_class(PYMALLOC_MODERN, request.size);
	void *copy = pymalloc_try_alloc(&thread->heap, class_index);
	if (copy)
		copy_granules(
			copy, p,
			least(tag.block_bytes, (size_t)(class_index + 1)
						       << PYMALLOC_MODERN.class_shift));
	return copy;
}

static inline bool stays(struct pool_tag tag, struct request request)
{
	return !request.is_outside &&
	       request.size + pymalloc.spare_bytes <= tag.block_bytes &&
	       request.size * KEEP_DENOMINATOR > (size_t)tag.block_bytes * KEEP_NUMERATOR;
}

static inline void *resize_small(struct thread *thread, mt_traceback_id id, void *p,
				 struct request request)
{
	struct pool_tag tag = serve_tag_of(p);
	void *result = stays(tag, request) ? p : place_copy(thread, p, tag, request);
	if (__builtin_expect(!result, 0))
		return move(thread, id, p, request);
	serve_forget_small(thread, p, tag.block_bytes);
	serve_record_small(thread, id, result, request.size,
			   serve_tag_of(result).block_bytes);
	if (result != p)
		serve_release_small(thread, tag, p);
	return result;
}

MT_HOT void *serve_realloc_plain(struct thread *thread, struct mt_caller caller, void *p,
				 struct request request)
{
	void *result;
	if (__builtin_expect(pymalloc_is_inside(p), 1))
		return resize_small(thread, thread_traceback(thread, caller), p, request);
	if (large_realloc(thread, caller, p, request.size, &result))
		return result;
	return move(thread, thread_traceback(thread, caller), p, request);
}

static void *realloc_checked(struct thread *thread, struct mt_caller caller, void *p,
			     struct request request)
{
	return debug_is_on() ? debug_realloc(thread, caller, p, request)
			     : fenced_realloc(thread, caller, p, request);
}

static void *realloc_nested(void *p, struct request request)
{
	void *moved = serve_alloc_nested(request);
	if (!moved)
		return NULL;
	__builtin_memcpy(moved, p, least(serve_usable_size(p), request.size));
	serve_free_nested(p, release_by((enum api)request.api));
	return moved;
}

MT_HOT void *serve_realloc(struct mt_caller caller, void *p, struct request request)
{
	struct thread *thread = thread_enter();
	if (!thread)
		return realloc_nested(p, request);
	void *result = __builtin_expect(serve_is_checked(), 0)
			       ? realloc_checked(thread, caller, p, request)
			       : serve_realloc_plain(thread, caller, p, request);
	thread_leave(thread);
	return result;
}
