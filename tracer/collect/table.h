/*
 * table.h - 64-bit keys to 32-bit values, for dictionaries that only grow. Outside.
 */
#ifndef MT_TRACER_COLLECT_TABLE_H
#define MT_TRACER_COLLECT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. Value 0 means "not there". */
struct mt_key_table {
	struct mt_key_entry {
		uint64_t key;
		uint32_t value;
	} * entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/*
 * The place of key's value, 0 where the key is new; valid until the next call. NULL: no
 * memory.
 */
uint32_t *mt_key_table_get(struct mt_key_table *table, uint64_t key);
void mt_key_table_deinit(struct mt_key_table *table);

static inline uint64_t mt_key_mix(uint64_t key)
{
	key ^= key >> 32;
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 29;
}

#endif
