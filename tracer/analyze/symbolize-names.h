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

/* Whether the symbol at pc tells what a function is called. */
enum mt_symbol_wish {
	MT_SYMBOL_NOT, /* it is another's: this one was inlined */
	/* Without a linker name: debug information often has none for lambdas and the like. */
	MT_SYMBOL_FIRST,
	/* Where the library's name for itself is another than the one for others. */
	MT_SYMBOL_IF_PUBLIC,
};

/* The function of a subprogram or inlined subroutine. */
uint32_t mt_symbol_names_function(struct mt_symbol_names *names, Dwarf_Die *die,
				  enum mt_symbol_wish wish, uint64_t pc);

/* A file of a line table; a relative one lies beneath directory (NULL: unknown). */
uint32_t mt_symbol_names_source(struct mt_symbol_names *names, const char *path,
				const char *directory);

#endif
