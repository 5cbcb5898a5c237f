/*
 * symbolize-demangle.h - linker names to the names that people wrote. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_DEMANGLE_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_DEMANGLE_H

/*
 * The C++ or Rust name behind a linker name, for free(), or NULL where it is the name itself.
 * Rust's hashes, the linker's @VERSION and the suffixes of parts and clones (.cold,
 * .part.0) are left out, so that a function has one name with and without debug info.
 */
char *mt_demangle(const char *name);

#endif
