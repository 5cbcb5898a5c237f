/*
 * Memory of a scan's tables: zeroed, kept while it grows, present where that was foreseen.
 */
#include "tests/tap.h"
#include "tracer/collect/room.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	LARGE = 9 << 20,
};

static bool is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

static size_t present_pages(const void *start, size_t bytes)
{
	static unsigned char flags[LARGE / PAGE + 2];
	uintptr_t from = (uintptr_t)start & -(uintptr_t)PAGE;
	size_t pages = (bytes + PAGE - 1) / PAGE, count = 0;
	if (mincore((void *)from, bytes, flags) < 0)
		return 0;
	for (size_t i = 0; i < pages; i++)
		count += flags[i] & 1;
	return count;
}

TEST(rooms_are_zeroed_and_as_large_as_asked_for)
{
	static const size_t sizes[] = {0, 1, PAGE, (2 << 20) - 64, 2 << 20, LARGE};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint8_t *room = mt_room_take(sizes[i]);
		ok(room && is_zero(room, sizes[i]));
		for (size_t k = 0; k < sizes[i]; k += 997)
			room[k] = 1;
		mt_room_free(room);
	}
	mt_room_free(NULL);
}

TEST(an_array_keeps_its_elements_while_it_grows)
{
	enum {
		MOST = 3000000,
	};
	uint32_t *array = NULL;
	size_t count = 0, capacity = 0, grown = 0;
	for (; count < MOST; count++) {
		if (count == capacity) {
			void *more = mt_room_grow(array, count, MOST, sizeof *array,
						  &capacity);
			if (!more || capacity <= count)
				break;
			array = more;
			grown++;
		}
		array[count] = (uint32_t)count;
	}
	is_int(count, MOST);
	ok(grown < 100);
	size_t wrong = 0;
	for (size_t i = 0; i < count; i++)
		wrong += array[i] != i;
	is_int(wrong, 0);
	ok(!mt_room_grow(array, count, MOST, sizeof *array, &capacity));
	ok(!mt_room_grow(array, count, SIZE_MAX / 2, sizeof *array, &capacity));
	mt_room_free(array);
}

TEST(what_was_foreseen_is_present_and_what_is_not_used_goes_back)
{
	size_t capacity = 0, most = (size_t)1 << 30, pages = LARGE / PAGE;
	uint8_t *array = mt_room_prepare(LARGE, most, 1);
	if (present_pages(array, LARGE) < pages)
		printf("# this kernel makes nothing present\n");
	is_int((long)(array == mt_room_grow(array, 0, most, 1, &capacity)), 1);
	ok(capacity >= LARGE && capacity < LARGE + (8 << 20));
	array[100] = 1;
	array[LARGE - 1] = 1;
	mt_room_fit(array, PAGE);
	ok(present_pages(array + (4 << 20), LARGE - (4 << 20)) == 0);
	is_int(array[100], 1);
	array = mt_room_grow(array, PAGE, most, 1, &capacity);
	ok(capacity > PAGE && capacity < LARGE);
	is_int(array[LARGE - 1], 0);
	mt_room_free(array);
}

TAP_MAIN()
