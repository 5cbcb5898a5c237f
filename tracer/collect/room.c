/*
 * room.c - see room.h. Outside.
 */
#include "tracer/collect/room.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	HUGE_BYTES = 2 << 20, /* a huge page; below, malloc will do */
	HEAD_BYTES = 64,
	LEAST_BYTES = 4 << 10, /* of an array */
	POPULATE_WRITE = 23,   /* MADV_POPULATE_WRITE: Linux 5.14, headers may be older */
};

/* Before what the caller sees. Sizes are those of what is behind it. */
struct head {
	void *mapping; /* NULL: malloc'ed */
	size_t mapped; /* bytes of the mapping */
	size_t size;
	size_t present; /* of these, from the beginning */
};

static struct head *head_of(void *room)
{
	return (struct head *)((char *)room - HEAD_BYTES);
}

static void *room_of(struct head *head)
{
	return (char *)head + HEAD_BYTES;
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) & -unit;
}

/*
 * In steps of huge pages, the last one aside. Where the kernel cannot, pages come as they
 * are touched.
 */
static void make_present(struct head *head, size_t size)
{
	size_t from = (HEAD_BYTES + head->present) & -(size_t)PAGE;
	size_t to = round_up(HEAD_BYTES + size, HUGE_BYTES);
	size_t end = round_up(HEAD_BYTES + head->size, PAGE);
	to = to < end ? to : end;
	if (to <= from)
		return;
	madvise((char *)head + from, to - from, POPULATE_WRITE);
	head->present = to - HEAD_BYTES < head->size ? to - HEAD_BYTES : head->size;
}

/* Address space that begins where huge pages do. */
static struct head *map(size_t size)
{
	size_t mapped = HEAD_BYTES + size + HUGE_BYTES;
	if (mapped < size)
		return NULL;
	void *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		return NULL;
	struct head *head =
		(struct head *)(((uintptr_t)mapping + HUGE_BYTES - 1) & -HUGE_BYTES);
	madvise(head, HEAD_BYTES + size, MADV_HUGEPAGE);
	madvise(head, size < HUGE_BYTES ? PAGE : HUGE_BYTES, POPULATE_WRITE);
	*head = (struct head){.mapping = mapping, .mapped = mapped, .size = size};
	return head;
}

static struct head *allocate(size_t size)
{
	struct head *head = calloc(1, HEAD_BYTES + size);
	if (head)
		*head = (struct head){.size = size, .present = size};
	return head;
}

void *mt_room_prepare(size_t likely, size_t most, size_t element_bytes)
{
	size_t size, present;
	if (__builtin_mul_overflow(most, element_bytes, &size))
		return NULL;
	present = (likely < most ? likely : most) * element_bytes;
	struct head *head = size < HUGE_BYTES ? allocate(size) : map(size);
	if (!head)
		return NULL;
	if (head->mapping)
		make_present(head, present);
	return room_of(head);
}

void *mt_room_take(size_t bytes)
{
	return mt_room_prepare(bytes, bytes, 1);
}

void mt_room_free(void *room)
{
	if (!room)
		return;
	struct head *head = head_of(room);
	if (head->mapping)
		munmap(head->mapping, head->mapped);
	else
		free(head);
}

void mt_room_fit(void *room, size_t bytes)
{
	if (!room || !head_of(room)->mapping)
		return;
	struct head *head = head_of(room);
	size_t from = round_up(HEAD_BYTES + bytes, HUGE_BYTES);
	size_t end = HEAD_BYTES + head->present;
	if (from >= end)
		return;
	madvise((char *)head + from, end - from, MADV_DONTNEED);
	head->present = from - HEAD_BYTES;
}

/* Another room, with what is in the old one: as large as it may get, or else twice. */
static void *move(void *room, size_t used, size_t most)
{
	size_t twice = used * 2 > LEAST_BYTES ? used * 2 : LEAST_BYTES;
	twice = twice < most ? twice : most;
	struct head *head = NULL;
	if (twice >= HUGE_BYTES)
		head = map(most);
	if (!head)
		head = twice < HUGE_BYTES ? allocate(twice) : map(twice);
	if (!head)
		return NULL;
	if (head->mapping)
		make_present(head, used + HUGE_BYTES < head->size ? used + HUGE_BYTES
								  : head->size);
	if (used)
		memcpy(room_of(head), room, used);
	mt_room_free(room);
	return room_of(head);
}

void *mt_room_grow(void *array, size_t count, size_t most, size_t element_bytes,
		   size_t *capacity)
{
	size_t used = count * element_bytes, limit;
	if (__builtin_mul_overflow(most, element_bytes, &limit) || count >= most)
		return NULL;
	if (!array || head_of(array)->size - used < element_bytes) {
		array = move(array, used, limit);
	} else if (head_of(array)->mapping) {
		struct head *head = head_of(array);
		size_t wanted = used + used / 8 + HUGE_BYTES;
		make_present(head, wanted < head->size ? wanted : head->size);
	}
	if (array)
		*capacity = head_of(array)->present / element_bytes;
	return array;
}
