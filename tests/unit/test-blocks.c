// inside: tracer/record/blocks.c
/*
 * test-blocks.c - entries for blocks outside the small heap, and the table of addresses.
 */
#include "tests/tap.h"
#include "tracer/record/blocks.h"
#include "tracer/record/pages.h"
#include "tracer/record/state.h"

#include <pthread.h>

enum {
	ENTRIES = 5000,
};

struct mt_state mt_state;
static struct mt_recorder recorders[2] = {{.slot = 0}, {.slot = 1}};

static void begin(void)
{
	mt_state.header = mt_pages_map(sizeof *mt_state.header);
	mt_state.blocks = mt_pages_map(ENTRIES * sizeof *mt_state.blocks);
	mt_state.max_blocks = ENTRIES;
	mt_state.max_threads = 2;
}

static uint32_t add(int slot, uintptr_t address, mt_traceback_id id)
{
	return mt_blocks_add(&recorders[slot], (const void *)address, 700, id,
			     MT_BLOCK_LARGE);
}

TEST(an_entry_says_who_where_and_how_much)
{
	begin();
	uint32_t index = add(1, 0x1230, 9);
	const struct mt_state_block *entry = &mt_state.blocks[index];
	ok(index > 0);
	is_int(entry->address, 0x1230);
	is_int(entry->size, 700);
	is_int(entry->traceback, 9);
	is_int(entry->slot, 1);
	is_int(entry->kind, MT_BLOCK_LARGE);
	is_int(mt_blocks_change(&recorders[1], index, (const void *)0x4560, 800, 10), 9);
	is_int(entry->address, 0x4560);
	is_int(entry->traceback, 10);
	is_int(mt_blocks_remove(&recorders[1], index), 10);
	is_int(entry->traceback, 0);
	is_int(mt_blocks_remove(&recorders[1], 0), 0);
}

TEST(what_has_no_traceback_gets_no_entry)
{
	begin();
	is_int(add(0, 0x1230, 0), 0);
	is_int(mt_state.header->used.blocks, 0);
}

TEST(a_full_table_is_a_counted_loss)
{
	begin();
	for (int i = 1; i < ENTRIES; i++)
		ok(add(0, 0x1000, 1) != 0);
	is_int(add(0, 0x1000, 1), 0);
	is_int(mt_state.header->losses[MT_LOSS_BLOCKS_FULL], 1);
}

/* Without an exchange between slots, the table would be full after 5,000 of them. */
TEST(one_thread_may_add_and_another_remove_for_ever)
{
	begin();
	uint32_t pending[300];
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 300; i++)
			pending[i] = add(0, 0x1000 + (uintptr_t)i, 1);
		for (int i = 0; i < 300; i++)
			mt_blocks_remove(&recorders[1], pending[i]);
	}
	is_int(mt_state.header->losses[MT_LOSS_BLOCKS_FULL], 0);
	ok(mt_state.header->used.blocks < 1000);
}

TEST(clearing_leaves_the_entries_to_their_blocks)
{
	begin();
	uint32_t index = add(0, 0x1230, 9);
	mt_blocks_clear();
	ok(add(0, 0x4560, 8) != index);
	is_int(mt_blocks_remove(&recorders[0], index), 0);
	is_int(add(0, 0x7890, 7), index);
}

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

/* A small range of addresses in two domains, each in the table or not. */
TEST(the_table_of_addresses_agrees_with_a_plain_array)
{
	enum {
		ADDRESSES = 40000,
	};
	static uint64_t sizes[2][ADDRESSES];
	begin();
	for (int n = 0; n < 500000; n++) {
		uint64_t value = next_random();
		uint32_t i = value / 2 % ADDRESSES;
		uint32_t domain = value % 2;
		uintptr_t address = 0x7f0000000000 + i * UINT64_C(16);
		struct mt_block block;
		bool is_known = mt_blocks_find(address, domain, &block);
		if (is_known != (sizes[domain][i] != 0) ||
		    (is_known && block.size != sizes[domain][i])) {
			ok(false);
			return;
		}
		if (is_known) {
			ok(mt_blocks_take(address, domain, &block));
			sizes[domain][i] = 0;
			continue;
		}
		sizes[domain][i] = value | 1;
		block = (struct mt_block){
			.address = address, .domain = domain, .size = value | 1};
		ok(mt_blocks_note(&block));
	}
}

TAP_MAIN()
