/*
 * statistics.c - the doors through which a program asks about or tunes the allocator.
 * Inside the traced process. The C library answers for its own heap, to which the
 * small-object heap is added where there are numbers.
 */
#include "preload/arenas.h"
#include "preload/door.h"
#include "preload/heaps.h"
#include "preload/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>

static void *next_of(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* Other threads go on meanwhile: a moment's view, as the C library's. */
static size_t used_bytes(void)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < arenas_pool_limit(); i++)
		if (arenas_is_carved(i))
			bytes += (size_t)pymalloc.pools[i].used *
				 pymalloc.pools[i].block_bytes;
	return bytes;
}

DOOR struct mallinfo2 mallinfo2(void)
{
	struct mallinfo2 (*next)(void) = (struct mallinfo2(*)(void))next_of("mallinfo2");
	struct mallinfo2 info = {0};
	if (next)
		info = next();
	size_t used = used_bytes();
	size_t arenas = arenas_bytes();
	info.arena += arenas;
	info.uordblks += used;
	info.fordblks += arenas > used ? arenas - used : 0;
	return info;
}

static int narrow(size_t value)
{
	return value > INT_MAX ? INT_MAX : (int)value;
}

DOOR struct mallinfo mallinfo(void)
{
	struct mallinfo2 info = mallinfo2();
	return (struct mallinfo){
		.arena = narrow(info.arena),
		.ordblks = narrow(info.ordblks),
		.smblks = narrow(info.smblks),
		.hblks = narrow(info.hblks),
		.hblkhd = narrow(info.hblkhd),
		.usmblks = narrow(info.usmblks),
		.fsmblks = narrow(info.fsmblks),
		.uordblks = narrow(info.uordblks),
		.fordblks = narrow(info.fordblks),
		.keepcost = narrow(info.keepcost),
	};
}

static void settle_own_heap(void)
{
	struct thread *thread = thread_enter();
	if (!thread)
		return;
	heaps_flush(&thread->heap);
	heaps_drain(&thread->heap);
	if (pymalloc.pools)
		pymalloc_heap_settle(&thread->heap);
	thread_leave(thread);
}

DOOR int malloc_trim(size_t pad)
{
	int (*next)(size_t) = (int (*)(size_t))next_of("malloc_trim");
	settle_own_heap();
	return next ? next(pad) : 0;
}

DOOR int mallopt(int parameter, int value)
{
	int (*next)(int, int) = (int (*)(int, int))next_of("mallopt");
	return next ? next(parameter, value) : 0;
}

DOOR void malloc_stats(void)
{
	void (*next)(void) = (void (*)(void))next_of("malloc_stats");
	if (next)
		next();
}

DOOR int malloc_info(int options, FILE *file)
{
	int (*next)(int, FILE *) = (int (*)(int, FILE *))next_of("malloc_info");
	if (next)
		return next(options, file);
	errno = ENOSYS;
	return -1;
}
