/*
 * symbolize-symtab.h - functions and variables by the ELF symbol tables of a module. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_SYMTAB_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_SYMTAB_H

#include "tracer/analyze/symbolize-files.h"

#include <elfutils/libdwfl.h>

#include <stddef.h>
#include <stdint.h>

struct mt_symtab_entry;

enum mt_symtab_kind {
	MT_SYMTAB_CODE,
	MT_SYMTAB_DATA,
	MT_SYMTAB_THREAD_LOCAL, /* addresses count from the module's block */
};

/* A zeroed struct is empty. Names are borrowed from the files. */
struct mt_symtab {
	enum mt_symtab_kind kind;        /* of the symbols in it */
	struct mt_symtab_entry *entries; /* ascending */
	size_t count;
	size_t capacity;
	Dwfl *unpacker; /* holds what was unpacked from .gnu_debugdata */
};

/* .symtab of the debug file or of the binary, else .gnu_debugdata, else .dynsym. */
void mt_symtab_load(struct mt_symtab *symtab, enum mt_symtab_kind kind,
		    const struct mt_symbol_files *files);
void mt_symtab_deinit(struct mt_symtab *symtab);

/* The linker name of what is at pc, and how far behind its beginning pc is; or NULL. */
const char *mt_symtab_find(const struct mt_symtab *symtab, uint64_t pc, uint64_t *behind);

/* How many a name begins with: a library has fewer in the names that it gives to others. */
unsigned mt_symtab_underscores(const char *name);

#endif
