/*
 * test-pools.c - what is free is shared out to the last byte; chunks of the C library are
 * as large as it says.
 */
#include "tests/tap.h"
#include "tracer/collect/beneath.h"
#include "tracer/collect/pools.h"

#include <malloc.h>

static const struct mt_geometry modern = {.alignment = 16,
					  .pool_bytes = 16384,
					  .arena_bytes = 1 << 20,
					  .threshold = 512,
					  .pool_header_bytes = 48,
					  .class_count = 32};

/* A pool of class 512 with so many blocks of each of the tracebacks from 1 on. */
static void add_pool(struct mt_pools *pools, uint32_t index, const uint32_t *blocks,
		     uint32_t tracebacks)
{
	struct mt_state_pool pool = {.state = MT_POOL_USED, .class_index = 31};
	uint32_t used = 0;
	ok(mt_pools_begin_pool(pools, index));
	for (uint32_t i = 0; i < tracebacks; i++)
		for (uint32_t n = 0; n < blocks[i]; n++, used++)
			ok(mt_pools_add_block(pools, i + 1, 1, 3));
	ok(mt_pools_end_pool(pools, &pool, used));
}

static struct mt_record_hold hold_of(const struct mt_pools *pools, uint32_t traceback)
{
	const struct mt_pools_holder *holder = mt_pools_holder(pools, traceback);
	return holder ? holder->hold : (struct mt_record_hold){0};
}

TEST(free_blocks_go_to_those_who_hold_the_pool)
{
	struct mt_pools pools = {0};
	mt_pools_begin(&pools, &modern, true);
	add_pool(&pools, 64, (uint32_t[]){1, 3}, 2);
	ok(mt_pools_end_heap(&pools));
	/* 27 of 31 blocks are free: a quarter and three quarters of them. */
	is_int(hold_of(&pools, 1).free_bytes, 27 * 512 / 4);
	is_int(hold_of(&pools, 2).free_bytes, 27 * 512 * 3 / 4);
	is_int(hold_of(&pools, 1).empty_bytes + hold_of(&pools, 2).empty_bytes,
	       63 * 16384);
	is_int(hold_of(&pools, 2).rounding_bytes, 9);
	is_int(pools.pins.count, 2);
	is_int(pools.arenas.count, 1);
	is_int(pools.arenas.list[0].blocks, 4);
	mt_pools_deinit(&pools);
}

TEST(shares_add_up_whatever_the_numbers)
{
	struct mt_pools pools = {0};
	mt_pools_begin(&pools, &modern, true);
	uint64_t free_bytes = 0;
	for (uint32_t i = 0; i < 200; i += 1 + i % 3) {
		uint32_t blocks[] = {1 + i % 7, i % 5, i % 11 == 3, 2 * (i % 4)};
		add_pool(&pools, i, blocks, 4);
		free_bytes += 512 * (31 - blocks[0] - blocks[1] - blocks[2] - blocks[3]);
	}
	ok(mt_pools_end_heap(&pools));
	uint64_t free_sum = 0, empty_sum = 0, used = pools.pools.count;
	for (size_t i = 0; i < pools.numbers.count; i++) {
		free_sum += hold_of(&pools, (uint32_t)i).free_bytes;
		empty_sum += hold_of(&pools, (uint32_t)i).empty_bytes;
	}
	is_int(free_sum, free_bytes);
	is_int(empty_sum, (4 * 64 - used) * 16384);
	mt_pools_deinit(&pools);
}

TEST(nobody_keeps_an_arena_without_blocks)
{
	struct mt_pools pools = {0};
	struct mt_state_pool empty = {.state = MT_POOL_EMPTY};
	mt_pools_begin(&pools, &modern, true);
	ok(mt_pools_begin_pool(&pools, 0));
	ok(mt_pools_end_pool(&pools, &empty, 0));
	ok(mt_pools_end_heap(&pools));
	is_int(hold_of(&pools, 0).empty_bytes, 1 << 20);
	is_int(pools.arenas.count, 0);
	mt_pools_deinit(&pools);
}

TEST(arenas_come_in_order_of_their_blocks)
{
	struct mt_pools pools = {0};
	mt_pools_begin(&pools, &modern, true);
	add_pool(&pools, 0, (uint32_t[]){9}, 1);
	add_pool(&pools, 64, (uint32_t[]){2}, 1);
	add_pool(&pools, 65, (uint32_t[]){2}, 1);
	add_pool(&pools, 128, (uint32_t[]){1}, 1);
	ok(mt_pools_end_heap(&pools));
	is_int(pools.arenas.count, 3);
	is_int(pools.arenas.list[0].index, 2);
	is_int(pools.arenas.list[1].index, 1);
	is_int(pools.arenas.list[1].pin_count, 2);
	is_int(pools.arenas.list[2].index, 0);
	mt_pools_deinit(&pools);
}

TEST(a_block_just_above_a_border_is_noted)
{
	struct mt_pools pools = {0};
	mt_pools_begin(&pools, &modern, true);
	for (uint64_t size = 1; size <= 600; size++)
		ok(mt_pools_add_border(
			&pools, 1,
			size <= 512 ? (uint8_t)((size - 1) / 16) : MT_CLASS_LARGE, size));
	mt_cells_sort(&pools.borders);
	/* Four sizes of each class but the first, and sixteen beyond 512. */
	is_int(pools.borders.count, 31 * 4 + 16);
	mt_pools_begin(&pools, &modern, false);
	ok(mt_pools_add_border(&pools, 1, 1, 17));
	is_int(pools.borders.count, 0);
	mt_pools_deinit(&pools);
}

TEST(chunks_are_as_large_as_the_c_library_makes_them)
{
#ifdef __SANITIZE_ADDRESS__
	skip_test("AddressSanitizer's malloc is not the C library's");
#endif
	static const struct mt_state_header header = {.malloc_mode = MT_MALLOC_LIBC};
	for (size_t size = 1; size < 300000; size += 1 + size / 7) {
		void *p = malloc(size);
		struct mt_state_block block = {
			.address = (uintptr_t)p, .size = size, .kind = MT_BLOCK_LIBC};
		struct mt_beneath_chunk chunk = mt_beneath_chunk_of(&block, &header);
		bool is_mapped = (chunk.start & 4095) == 0 && size >= 128 << 10;
		is_int(chunk.bytes, malloc_usable_size(p) + (is_mapped ? 16 : 8));
		is_int(chunk.start, (uintptr_t)p - 16);
		free(p);
	}
}

static const struct mt_layers_range heap = {
	.start = 0x10000,
	.end = 0x20000,
	.sums = {.kind = MT_LAYER_HEAP, .mappings = 1, .mapped_bytes = 0x10000}};

TEST(what_is_free_beneath_belongs_to_the_block_above_it)
{
	struct mt_pools pools = {0};
	struct mt_beneath beneath = {0};
	struct mt_layers_range ranges[] = {heap, {.start = 0x30000, .end = 0x31000}};
	ranges[1].sums.kind = MT_LAYER_OTHER;
	ranges[1].sums.mapped_bytes = 0x1000;
	struct mt_layers layers = {.ranges = ranges, .range_count = 2};
	struct mt_record_layer list[MT_LAYER_COUNT] = {0};
	mt_pools_begin(&pools, &modern, true);
	ok(mt_beneath_add(&beneath, (struct mt_beneath_chunk){0x18000, 0x1000, 2}));
	ok(mt_beneath_add(&beneath, (struct mt_beneath_chunk){0x10100, 0x700, 1}));
	ok(mt_beneath_divide(&beneath, &layers, list, &pools));
	is_int(hold_of(&pools, 1).beneath_bytes, 0x100);
	is_int(hold_of(&pools, 2).beneath_bytes, 0x18000 - 0x10800);
	is_int(hold_of(&pools, 0).beneath_bytes, 0x20000 - 0x19000);
	is_int(list[MT_LAYER_HEAP].mapped_bytes, 0x10000);
	is_int(list[MT_LAYER_OTHER].mapped_bytes, 0x1000);
	is_int(list[MT_LAYER_BLOCKS].mapped_bytes, 0);
	mt_beneath_deinit(&beneath);
	mt_pools_deinit(&pools);
}

TAP_MAIN()
