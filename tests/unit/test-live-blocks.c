/*
 * test-live-blocks.c - every address of a state's heap leads to the block that it is in,
 * and to no other.
 */
#include "tests/tap.h"
#include "tracer/collect/live-blocks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	POOLS = 130,
	LARGE = 400,
	HEAP = 0x10000000,
	BLOCKS_MAX = 200000,
};

static struct {
	struct mt_image image;
	struct mt_live_block blocks[BLOCKS_MAX]; /* by address */
	uint32_t count;
} known;

static uint32_t next_random(void)
{
	static uint64_t state = 88172645463325252;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void add_known(uint64_t address, uint64_t size, uint32_t traceback)
{
	known.blocks[known.count++] = (struct mt_live_block){
		.address = address, .size = size, .traceback = traceback};
}

static void put(uint64_t offset, const void *data, size_t size)
{
	if (pwrite(known.image.fd, data, size, (off_t)offset) != (ssize_t)size)
		abort();
}

static struct mt_region region(uint64_t *end, uint64_t bytes)
{
	struct mt_region made = {.offset = *end, .size = bytes};
	*end += bytes;
	return made;
}

static void make_image(const struct mt_geometry *geometry)
{
	struct mt_state_header *header = &known.image.header;
	uint64_t end = 0;
	memset(&known, 0, sizeof known);
	known.image.fd = memfd_create("state", MFD_CLOEXEC);
	header->geometry = *geometry;
	header->heap_base = HEAP;
	header->heap_bytes = (uint64_t)POOLS * geometry->pool_bytes;
	header->totals.tracing = 1;
	header->used.pools = POOLS;
	header->used.blocks = LARGE;
	header->regions[MT_REGION_POOLS] =
		region(&end, POOLS * sizeof(struct mt_state_pool));
	header->regions[MT_REGION_SIDE] =
		region(&end, header->heap_bytes / geometry->alignment * 4);
	header->regions[MT_REGION_BLOCKS] =
		region(&end, LARGE * sizeof(struct mt_state_block));
	if (ftruncate(known.image.fd, (off_t)end))
		abort();
}

/* A pool of the class with some live blocks of any size that fits it. */
static void make_pool(uint32_t index, uint8_t class_index)
{
	const struct mt_state_header *header = &known.image.header;
	const struct mt_geometry *geometry = &header->geometry;
	struct mt_state_pool pool = {.state = MT_POOL_USED, .class_index = class_index};
	uint32_t size = (class_index + 1u) * geometry->alignment;
	uint64_t granules = geometry->pool_bytes / geometry->alignment;
	put(header->regions[MT_REGION_POOLS].offset + index * sizeof pool, &pool,
	    sizeof pool);
	for (uint32_t at = geometry->pool_header_bytes; at + size <= geometry->pool_bytes;
	     at += size) {
		if (next_random() % 3 == 0)
			continue;
		uint32_t slack = next_random() % geometry->alignment;
		uint32_t traceback = 1 + next_random() % 1000;
		uint32_t word = traceback << MT_SLACK_BITS | slack;
		put(header->regions[MT_REGION_SIDE].offset +
			    (index * granules + at / geometry->alignment) * 4,
		    &word, sizeof word);
		add_known(HEAP + (uint64_t)index * geometry->pool_bytes + at,
			  size - slack, traceback);
	}
}

static void make_small(void)
{
	for (uint32_t i = 0; i < POOLS; i++)
		if (i % 7 != 3)
			make_pool(i, (uint8_t)(next_random() %
					       known.image.header.geometry.class_count));
}

/* Where the next one begins: some right behind, most after what malloc puts between. */
static uint64_t behind_large(uint64_t end)
{
	uint64_t gap = next_random() % 8 ? 32 + next_random() % 64 : 0;
	return (end + gap + (next_random() % 50 ? 0 : 1 << 20) + 15) & ~UINT64_C(15);
}

/* Below the heap, or above it; in any order in the table. */
static void make_large(uint64_t at, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t size = next_random() % 20 ? next_random() % 3000 : 1 << 20;
		size &= -(uint64_t)(next_random() % 2 ? 16 : 1);
		struct mt_state_block block = {.address = at,
					       .size = size,
					       .traceback = 1 + next_random() % 1000};
		uint32_t entry = first + (i * 7 + 3) % count;
		put(known.image.header.regions[MT_REGION_BLOCKS].offset +
			    entry * sizeof block,
		    &block, sizeof block);
		add_known(at, size, block.traceback);
		at = behind_large(at + (size ? size : 1));
	}
}

/* What is at the end of a block: another one, itself, or, where it has no spare byte, none. */
static uint32_t block_at_end(const struct mt_live *live, uint32_t i)
{
	const struct mt_live_block *block = &known.blocks[i];
	uint64_t end = block->address + block->size;
	if (block->size && i + 1 < known.count && known.blocks[i + 1].address == end)
		return i + 1;
	bool is_full = block->address - HEAP < live->bytes &&
		       block->size % live->geometry.alignment == 0;
	return is_full ? MT_LIVE_NONE : i;
}

static bool is_right_at_end(const struct mt_live *live, uint32_t i)
{
	const struct mt_live_block *block = &known.blocks[i];
	uint64_t end = block->address + block->size, offset;
	uint32_t wanted = block_at_end(live, i);
	return mt_live_find(live, end, &offset) == wanted &&
	       (wanted != i || offset == block->size) &&
	       (wanted == MT_LIVE_NONE || mt_live_may_hold(live, end)) &&
	       mt_live_find(live, end + 1, &offset) != i;
}

static void check_block(const struct mt_live *live, uint32_t i)
{
	const struct mt_live_block *block = &known.blocks[i];
	uint64_t offset = 1, size = block->size ? block->size : 1;
	struct mt_live_block found = mt_live_block(live, i);
	bool is_right = found.address == block->address && found.size == block->size &&
			found.traceback == block->traceback;
	is_right &= mt_live_find(live, block->address, &offset) == i && offset == 0;
	is_right &= mt_live_find(live, block->address + size - 1, &offset) == i &&
		    offset == size - 1;
	is_right &= is_right_at_end(live, i);
	is_right &= mt_live_find(live, block->address - 1, &offset) != i;
	is_right &= mt_live_may_hold(live, block->address);
	if (!is_right)
		ok(is_right);
}

static void check_all(const struct mt_geometry *geometry)
{
	struct mt_live live = {0};
	make_image(geometry);
	make_large(0x100000, 0, LARGE / 2);
	make_small();
	make_large(0x7f0000000010, LARGE / 2, LARGE - LARGE / 2);
	is_int(mt_live_load(&live, &known.image, NULL), 0);
	is_int(live.count, known.count);
	struct mt_live_cursor cursor = {0};
	for (uint32_t i = 0; i < known.count; i++) {
		check_block(&live, i);
		if (mt_live_next(&live, &cursor).address != known.blocks[i].address)
			ok(false);
	}
	uint64_t offset;
	is_int(mt_live_find(&live, 0, &offset), MT_LIVE_NONE);
	is_int(mt_live_find(&live, UINT64_MAX, &offset), MT_LIVE_NONE);
	is_int(mt_live_find(&live, HEAP, &offset), MT_LIVE_NONE);
	mt_live_deinit(&live);
	close(known.image.fd);
}

TEST(every_block_is_found_in_the_modern_geometry)
{
	check_all(&(const struct mt_geometry){.alignment = 16,
					      .pool_bytes = 16384,
					      .arena_bytes = 1 << 20,
					      .threshold = 512,
					      .pool_header_bytes = 48,
					      .class_count = 32});
}

TEST(every_block_is_found_in_the_classic_geometry)
{
	check_all(&(const struct mt_geometry){.alignment = 8,
					      .pool_bytes = 4096,
					      .arena_bytes = 256 << 10,
					      .threshold = 512,
					      .pool_header_bytes = 48,
					      .class_count = 64});
}

TEST(entries_that_overlap_are_one_block)
{
	struct mt_live live = {0};
	make_image(&(const struct mt_geometry){.alignment = 16,
					       .pool_bytes = 16384,
					       .arena_bytes = 1 << 20,
					       .threshold = 512,
					       .pool_header_bytes = 48,
					       .class_count = 32});
	const struct mt_state_block blocks[] = {
		{.address = 0x100000, .size = 4096, .traceback = 1},
		{.address = 0x100800, .size = 4096, .traceback = 2},
		{.address = HEAP + 64, .size = 4096, .traceback = 3},
		{.address = UINT64_MAX - 8, .size = 4096, .traceback = 4},
		{.address = 0x200000,
		 .size = 4096,
		 .traceback = 5,
		 .kind = MT_BLOCK_TRACKED},
	};
	put(known.image.header.regions[MT_REGION_BLOCKS].offset, blocks, sizeof blocks);
	is_int(mt_live_load(&live, &known.image, NULL), 0);
	is_int(live.count, 1);
	is_int(live.region_count, 1);
	mt_live_deinit(&live);
	close(known.image.fd);
}

TAP_MAIN()
