/*
 * symbolize-memo.c - see symbolize-memo.h: open addressing, linear probing. Outside.
 */
#include "tracer/analyze/symbolize-memo.h"

#include <stdlib.h>

enum {
	FIRST_SLOTS = 1024
};

void mt_memo_deinit(struct mt_memo *memo)
{
	free(memo->slots);
	*memo = (struct mt_memo){0};
}

static struct mt_memo_slot *slot_of(const struct mt_memo *memo, const void *key)
{
	size_t mask = memo->slot_count - 1;
	size_t i = ((uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15)) >> 20 & mask;
	while (memo->slots[i].key && memo->slots[i].key != key)
		i = (i + 1) & mask;
	return &memo->slots[i];
}

bool mt_memo_find(const struct mt_memo *memo, const void *key, uint32_t *value)
{
	if (!memo->slot_count)
		return false;
	const struct mt_memo_slot *slot = slot_of(memo, key);
	if (!slot->key)
		return false;
	*value = slot->value;
	return true;
}

static bool grow(struct mt_memo *memo)
{
	size_t count = memo->slot_count ? memo->slot_count * 2 : FIRST_SLOTS;
	struct mt_memo larger = {.slots = calloc(count, sizeof *larger.slots),
				 .slot_count = count,
				 .used_count = memo->used_count};
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < memo->slot_count; i++) {
		if (memo->slots[i].key)
			*slot_of(&larger, memo->slots[i].key) = memo->slots[i];
	}
	free(memo->slots);
	*memo = larger;
	return true;
}

void mt_memo_put(struct mt_memo *memo, const void *key, uint32_t value)
{
	if (memo->used_count * 2 >= memo->slot_count && !grow(memo))
		return;
	*slot_of(memo, key) = (struct mt_memo_slot){key, value};
	memo->used_count++;
}
