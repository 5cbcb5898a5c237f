/*
 * table.c - an open-addressed hash of integers. Outside.
 */
#include "tracer/collect/table.h"

#include <stdlib.h>

enum {
	FIRST_CAPACITY = 256,
};

static struct mt_key_entry *find(const struct mt_key_table *table, uint64_t key)
{
	size_t mask = table->capacity - 1;
	size_t i = (size_t)mt_key_mix(key) & mask;
	while (table->entries[i].value && table->entries[i].key != key)
		i = (i + 1) & mask;
	return &table->entries[i];
}

static bool grow(struct mt_key_table *table)
{
	struct mt_key_table larger = {.capacity = table->capacity ? table->capacity * 2
								  : FIRST_CAPACITY};
	larger.entries = calloc(larger.capacity, sizeof *larger.entries);
	if (!larger.entries)
		return false;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->entries[i].value) {
			*find(&larger, table->entries[i].key) = table->entries[i];
			larger.count++;
		}
	free(table->entries);
	*table = larger;
	return true;
}

uint32_t *mt_key_table_get(struct mt_key_table *table, uint64_t key)
{
	if (table->count >= table->capacity / 2 && !grow(table))
		return NULL;
	struct mt_key_entry *entry = find(table, key);
	if (!entry->value) {
		entry->key = key;
		table->count++;
	}
	return &entry->value;
}

void mt_key_table_deinit(struct mt_key_table *table)
{
	free(table->entries);
	*table = (struct mt_key_table){0};
}
