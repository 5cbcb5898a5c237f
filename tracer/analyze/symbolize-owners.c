/*
 * symbolize-owners.c - see symbolize-owners.h. Outside.
 */
#include "tracer/analyze/symbolize-owners.h"

#include "tracer/analyze/symbolize-list.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>

enum {
	MAX_RANGES = 1 << 25,
	MAX_SEGMENTS = 64
};

struct range {
	uint64_t start, end;
	uint32_t unit;
};

struct segment {
	uint64_t start, end;
};

struct index {
	struct mt_owners *owners;
	size_t unit_capacity;
	struct range *ranges;
	size_t range_count, range_capacity;
	struct segment segments[MAX_SEGMENTS]; /* with code; none known: all is code */
	size_t segment_count;
	const uint64_t *pcs;
	size_t pc_count;
};

static void find_segments(struct index *index, Elf *elf)
{
	size_t count;
	if (elf_getphdrnum(elf, &count))
		return;
	for (size_t i = 0; i < count && index->segment_count < MAX_SEGMENTS; i++) {
		GElf_Phdr segment;
		if (!gelf_getphdr(elf, (int)i, &segment))
			return;
		if (segment.p_type == PT_LOAD && segment.p_flags & PF_X)
			index->segments[index->segment_count++] = (struct segment){
				segment.p_vaddr, segment.p_vaddr + segment.p_memsz};
	}
}

/* Code that the linker dropped is described as lying at 0 or thereabouts. */
static bool is_in_code(const struct index *index, uint64_t address)
{
	for (size_t i = 0; i < index->segment_count; i++) {
		if (address >= index->segments[i].start &&
		    address < index->segments[i].end)
			return true;
	}
	return !index->segment_count;
}

/* False: no memory, or there are absurdly many. */
static bool add_range(struct index *index, uint64_t start, uint64_t end, uint32_t unit)
{
	size_t hit = mt_owners_first(index->pcs, 0, index->pc_count, start);
	if (hit == index->pc_count || index->pcs[hit] >= end || !is_in_code(index, start))
		return true;
	void *room = mt_list_room(index->ranges, index->range_count,
				  &index->range_capacity, sizeof *index->ranges);
	if (!room || index->range_count == MAX_RANGES)
		return false;
	index->ranges = room;
	index->ranges[index->range_count++] = (struct range){start, end, unit};
	return true;
}

static bool add_unit(struct index *index, Dwarf_Die *die)
{
	struct mt_owners *owners = index->owners;
	size_t before = index->range_count;
	Dwarf_Addr base, start, end;
	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
		if (!add_range(index, start, end, (uint32_t)owners->unit_count))
			return false;
	}
	if (index->range_count == before)
		return true;
	void *room = mt_list_room(owners->units, owners->unit_count,
				  &index->unit_capacity, sizeof *owners->units);
	if (!room)
		return false;
	owners->units = room;
	owners->units[owners->unit_count++] = *die;
	return true;
}

static bool add_units(struct index *index, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	while (!dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, NULL)) {
		bool has_code = type == DW_UT_compile || type == DW_UT_skeleton;
		if (has_code && !add_unit(index, &die))
			return false;
	}
	return true;
}

static int by_start_and_unit(const void *left, const void *right)
{
	const struct range *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->unit > b->unit) - (a->unit < b->unit);
}

static int by_unit_and_pc(const void *left, const void *right)
{
	const struct mt_owned *a = left, *b = right;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return (a->pc > b->pc) - (a->pc < b->pc);
}

/* The range that begins first owns an address; of equal ones, the first unit's. */
static bool share_out(struct index *index)
{
	struct mt_owners *owners = index->owners;
	if (!index->range_count)
		return true;
	owners->owned = calloc(index->pc_count, sizeof *owners->owned);
	if (!owners->owned)
		return false;
	qsort(index->ranges, index->range_count, sizeof *index->ranges,
	      by_start_and_unit);
	size_t pc = 0;
	for (size_t i = 0; i < index->range_count; i++) {
		const struct range *range = &index->ranges[i];
		pc = mt_owners_first(index->pcs, pc, index->pc_count, range->start);
		for (; pc < index->pc_count && index->pcs[pc] < range->end; pc++)
			owners->owned[owners->owned_count++] =
				(struct mt_owned){range->unit, (uint32_t)pc};
	}
	qsort(owners->owned, owners->owned_count, sizeof *owners->owned, by_unit_and_pc);
	return true;
}

bool mt_owners_init(struct mt_owners *owners, Dwarf *dwarf, Elf *elf, const uint64_t *pcs,
		    size_t pc_count)
{
	struct index index = {.owners = owners, .pcs = pcs, .pc_count = pc_count};
	*owners = (struct mt_owners){0};
	find_segments(&index, elf);
	bool is_complete = add_units(&index, dwarf) && share_out(&index);
	free(index.ranges);
	if (!is_complete)
		mt_owners_deinit(owners);
	return is_complete;
}

void mt_owners_deinit(struct mt_owners *owners)
{
	free(owners->units);
	free(owners->owned);
	*owners = (struct mt_owners){0};
}
