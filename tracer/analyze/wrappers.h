/*
 * wrappers.h - frames that pass an allocation on: memtrace's own, the C library's, known
 * allocation wrappers and the innards of the C++ and Rust libraries. The key frame of a
 * traceback is its innermost frame that is none of them. Outside.
 */
#ifndef MT_TRACER_ANALYZE_WRAPPERS_H
#define MT_TRACER_ANALYZE_WRAPPERS_H

#include "tracer/analyze/location.h"

/* The user's own wrappers, from --wrapper; borrowed. */
struct mt_wrappers {
	const char *const *names;
	size_t count;
};

/* Is every frame of this module passed over, whatever its symbols say? */
bool mt_wrappers_has_module(const char *path, uint32_t flags);

bool mt_wrappers_has(const struct mt_wrappers *wrappers,
		     const struct mt_location *location);

/* Is it one by its own name, one whose callers want memory? */
bool mt_wrappers_allocates(const struct mt_wrappers *wrappers,
			   const struct mt_location *location);

/*
 * The name of a demangled function without return type, template arguments and
 * parameters: "std::vector::push_back" of "void std::vector<int>::push_back(int&&)".
 * The name is cut to size.
 */
void mt_wrappers_plain_name(char *plain, size_t size, const char *function);

#endif
