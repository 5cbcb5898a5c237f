/*
 * symbolize-owners.h - which unit of the debug information answers for which address.
 *
 * The linker points the debug information of discarded copies of a function at the kept
 * copy, so several units claim it; one of them must own it, or frames multiply. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_OWNERS_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_OWNERS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address (index into the sorted ones) and the unit that owns it. */
struct mt_owned {
	uint32_t unit;
	uint32_t pc;
};

struct mt_owners {
	Dwarf_Die *units;
	size_t unit_count;
	struct mt_owned
		*owned; /* by unit, then by address; those without a unit are not in */
	size_t owned_count;
};

/* False without memory. Damaged units are left out. */
bool mt_owners_init(struct mt_owners *owners, Dwarf *dwarf, Elf *elf, const uint64_t *pcs,
		    size_t pc_count);
void mt_owners_deinit(struct mt_owners *owners);

/* The first of the ascending addresses that is not below pc. */
static inline size_t mt_owners_first(const uint64_t *pcs, size_t low, size_t high,
				     uint64_t pc)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (pcs[middle] < pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif
