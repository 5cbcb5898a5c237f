/*
 * symbolize-unit.h - the frames at the addresses of one unit: one walk over its DIEs, one
 * line table. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_UNIT_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_UNIT_H

#include "tracer/analyze/symbolize-names.h"

/* Add the ascending addresses pcs, which belong to the unit, with their frames. */
void mt_symbol_unit_resolve(Dwarf_Die *unit, const uint64_t *pcs, size_t pc_count,
			    struct mt_symbol_names *names);

#endif
