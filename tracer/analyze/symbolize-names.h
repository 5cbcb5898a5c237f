/*
 * symbolize-names.h - the names of functions and files as they are shown, each made once.
 * Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_NAMES_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_NAMES_H

#include "tracer/analyze/symbolize-memo.h"
#include "tracer/analyze/symbolize-resolved.h"
#include "tracer/analyze/symbolize-symtab.h"

#include <elfutils/libdw.h>

/* Zeroed but for the first two. Offsets are into the text of *resolved. */
struct mt_symbol_names {
	struct mt_resolved *resolved;
	const struct mt_symbol_files *files;
	struct mt_symtab symtab; /* read when first needed */
	struct mt_symtab data, thread_locals;
	bool has_symtab, has_data;
	struct mt_memo functions; /* by linker name and by DIE */
	struct mt_memo sources;   /* by the string in the line table */
};

void mt_symbol_names_deinit(struct mt_symbol_names *names);

/* By the symbol tables. */
uint32_t mt_symbol_names_at(struct mt_symbol_names *names, uint64_t pc);

/* The same of a variable: "cache", or "cache+8" behind its beginning. */
uint32_t mt_symbol_names_variable(struct mt_symbol_names *names, uint64_t offset,
				  bool is_thread_local);

/*
 * The function of a subprogram or inlined subroutine. With wants_symtab, one without a
 * linker name takes that of the symbol at pc: debug information often has none for
 * lambdas and the like.
 */
uint32_t mt_symbol_names_function(struct mt_symbol_names *names, Dwarf_Die *die,
				  bool wants_symtab, uint64_t pc);

/* A file of a line table; a relative one lies beneath directory (NULL: unknown). */
uint32_t mt_symbol_names_source(struct mt_symbol_names *names, const char *path,
				const char *directory);

#endif
