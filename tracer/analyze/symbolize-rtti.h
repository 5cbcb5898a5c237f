/*
 * symbolize-rtti.h - the class of an object by what its vtable says of itself. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_RTTI_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_RTTI_H

#include "tracer/analyze/symbolize-files.h"

#include <stdint.h>

enum {
	/* What objects begin with lies so far behind the beginning of the vtable. */
	MT_RTTI_POINT_BYTES = 16,
};

/*
 * The linker name of a vtable, for free(), if objects of its class begin with this address of the
 * module; else NULL. Symbols are not needed: before the address is a pointer to the
 * class's type information, and that has a pointer to the class's name (Itanium C++ ABI, 2.5.2
 * and 2.9.4). Programs that are compiled with -fno-rtti have none.
 */
char *mt_rtti_vtable_name(const struct mt_symbol_files *files, uint64_t address);

#endif
