/*
 * symbolize-symtab.h - functions by the ELF symbol tables of a module. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_SYMTAB_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_SYMTAB_H

#include "tracer/analyze/symbolize-files.h"

#include <elfutils/libdwfl.h>

#include <stddef.h>
#include <stdint.h>

struct mt_symtab_entry;

/* A zeroed struct is empty. Names are borrowed from the files. */
struct mt_symtab {
	struct mt_symtab_entry *entries; /* ascending */
	size_t count;
	size_t capacity;
	Dwfl *unpacker; /* holds what was unpacked from .gnu_debugdata */
};

/* .symtab of the debug file or of the binary, else .gnu_debugdata, else .dynsym. */
void mt_symtab_load(struct mt_symtab *symtab, const struct mt_symbol_files *files);
void mt_symtab_deinit(struct mt_symtab *symtab);

/* The linker name of the function at pc, or NULL. */
const char *mt_symtab_find(const struct mt_symtab *symtab, uint64_t pc);

#endif
