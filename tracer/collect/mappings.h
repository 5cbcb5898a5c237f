/*
 * mappings.h - what a process has mapped. Outside.
 */
#ifndef MT_TRACER_COLLECT_MAPPINGS_H
#define MT_TRACER_COLLECT_MAPPINGS_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mt_mapping_flag {
	MT_MAPPING_READ = 1 << 0,
	MT_MAPPING_WRITE = 1 << 1,
	MT_MAPPING_EXECUTE = 1 << 2,
	MT_MAPPING_SHARED = 1 << 3,
	MT_MAPPING_OURS = 1 << 4, /* of the library: marked, see tracer/record/pages.h */
	MT_MAPPING_MEMORY = 1 << 5, /* shared memory without a file that others know */
	MT_MAPPING_DEVICE = 1 << 6, /* reading it may do something */
};

struct mt_mapping {
	uint64_t start, end;
	uint64_t offset;
	uint64_t inode; /* 0: no file */
	uint32_t name;  /* in names; "" for none */
	uint32_t flags; /* enum mt_mapping_flag */
};

/* In order of their addresses. Zeroed is empty. */
struct mt_mappings {
	struct mt_mapping *list;
	size_t count, capacity;
	char *names;
	size_t names_bytes, names_capacity;
};

/* MT_ERR_SYSTEM: the kernel does not show them. */
int mt_mappings_read(struct mt_mappings *mappings, uint32_t pid, struct mt_error *err);
void mt_mappings_deinit(struct mt_mappings *mappings);

/* The one that holds the address; NULL: none. */
const struct mt_mapping *mt_mappings_find(const struct mt_mappings *mappings,
					  uint64_t address);

static inline const char *mt_mappings_name(const struct mt_mappings *mappings,
					   const struct mt_mapping *mapping)
{
	return mappings->names + mapping->name;
}

#endif
