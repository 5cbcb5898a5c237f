/*
 * breaks.c - doors to sbrk and brk: what the program takes there is memory of its own, in
 * the midst of that of the C library's allocator, which does not come by here.
 * Inside the traced process. Like sbrk itself not for two threads at once.
 */
#include "preload/breaks.h"

#include "preload/door.h"
#include "tracer/record/pages.h"
#include "tracer/record/state.h"

#include <stddef.h>
#include <unistd.h>

void *__sbrk(intptr_t increment);

static struct mt_state_breaks breaks MT_PAGES_COLD;

void breaks_introduce(void)
{
	mt_state.header->breaks = (uint64_t)(uintptr_t)&breaks;
}

/*
 * Where the table is full the last entry reaches to the new end: more than it should is
 * taken for the program's, never less.
 */
static void note_more(uint64_t start, uint64_t end)
{
	uint32_t count = atomic_load(&breaks.count);
	if (count &&
	    (count == MT_BREAKS || atomic_load(&breaks.list[count - 1].end) == start)) {
		atomic_store(&breaks.list[count - 1].end, end);
		return;
	}
	atomic_store(&breaks.list[count].start, start);
	atomic_store(&breaks.list[count].end, end);
	atomic_store(&breaks.count, count + 1);
}

static void note_less(uint64_t end)
{
	uint32_t count = atomic_load(&breaks.count);
	for (; count && atomic_load(&breaks.list[count - 1].end) > end; count--) {
		if (atomic_load(&breaks.list[count - 1].start) < end) {
			atomic_store(&breaks.list[count - 1].end, end);
			return;
		}
		atomic_store(&breaks.count, count - 1);
	}
}

DOOR void *sbrk(intptr_t increment)
{
	void *before = __sbrk(increment);
	if (before == (void *)-1 || !increment)
		return before;
	uint64_t end = (uint64_t)(uintptr_t)before + (uint64_t)increment;
	if (increment > 0)
		note_more((uint64_t)(uintptr_t)before, end);
	else
		note_less(end);
	return before;
}

DOOR int brk(void *address)
{
	char *now = __sbrk(0);
	if (now == (void *)-1)
		return -1;
	return sbrk((char *)address - now) == (void *)-1 ? -1 : 0;
}
