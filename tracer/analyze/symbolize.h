/*
 * symbolize.h - addresses to functions, files and lines, in batches.
 *
 * Ask for all addresses that an answer needs with mt_symbolizer_add, resolve once, then
 * look each up. Debug files are found by build id and never used when it differs.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_symbolizer;

/* One source-level frame; several to an address where calls were inlined. */
struct mt_symbol {
	const char *function; /* demangled; NULL: unknown */
	const char *file; /* absolute as the debug information gives it; NULL: unknown */
	uint32_t line;    /* 0: unknown */
	bool is_inlined;  /* inlined into the symbol that follows */
};

/* Innermost first; at least one, which may be unknown throughout. */
struct mt_symbols {
	const struct mt_symbol *list;
	size_t count;
};

/* What the trace knows of a module. */
struct mt_symbol_module {
	uint32_t id;
	const char *path;
	const uint8_t *build_id;
	size_t build_id_bytes;
	bool has_no_file; /* the vdso */
};

struct mt_symbolizer_options {
	const char *debug_dir; /* NULL: /usr/lib/debug */
	bool use_debuginfod;   /* false: never touch the network */
	bool no_cache;         /* do not read or write the cache of resolved addresses */
	bool in_process;       /* no child process: damaged debug info may crash us */
	/* Called once for each module that cannot be used as recorded; NULL: not wanted. */
	void (*notice)(void *context, const char *module_path, const char *text);
	void *notice_context;
};

int mt_symbolizer_create(struct mt_symbolizer **symbolizer,
			 const struct mt_symbolizer_options *options,
			 struct mt_error *err);
void mt_symbolizer_destroy(struct mt_symbolizer *symbolizer);

/* Make a module known; path and build id are copied. Twice the same id: no effect. */
int mt_symbolizer_add_module(struct mt_symbolizer *symbolizer,
			     const struct mt_symbol_module *module, struct mt_error *err);

/*
 * Ask for an address in the ELF file's own numbering. is_return_address: the line wanted
 * is the call's, one byte before it. Duplicates are free.
 */
int mt_symbolizer_add(struct mt_symbolizer *symbolizer, uint32_t module, uint64_t offset,
		      bool is_return_address, struct mt_error *err);

/* Ask for a variable: of data by its address, of a thread by its place in the block. */
int mt_symbolizer_add_variable(struct mt_symbolizer *symbolizer, uint32_t module,
			       uint64_t offset, bool is_thread_local,
			       struct mt_error *err);

/* Resolve all that was asked for since the last call. Damaged debug info is no error. */
int mt_symbolizer_resolve(struct mt_symbolizer *symbolizer, struct mt_error *err);

/* Borrowed until destroy. An address that was never asked for is unknown. */
struct mt_symbols mt_symbolizer_find(const struct mt_symbolizer *symbolizer,
				     uint32_t module, uint64_t offset,
				     bool is_return_address);

/* "cache", or "cache+8" eight bytes into it; NULL: unknown. */
const char *mt_symbolizer_find_variable(const struct mt_symbolizer *symbolizer,
					uint32_t module, uint64_t offset,
					bool is_thread_local);

#endif
