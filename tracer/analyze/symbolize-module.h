/*
 * symbolize-module.h - resolve addresses of one module from its files. Outside.
 *
 * Debug information is input that others wrote, and libdw does not survive all of it:
 * symbolize-apart.h runs this in a process of its own.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_MODULE_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_MODULE_H

#include "tracer/analyze/symbolize-files.h"

/*
 * In an address: a variable's, which has one frame whose function is its name. No address
 * of the modules that there are is so high.
 */
#define MT_PC_VARIABLE     (UINT64_C(1) << 62)
#define MT_PC_THREAD_LOCAL (UINT64_C(1) << 63)

struct mt_symbol_request {
	const struct mt_symbol_module *module;
	const struct mt_symbolizer_options *options;
	const uint64_t *pcs; /* ascending, each once; may hold MT_PC_VARIABLE ... */
	size_t pc_count;
	bool names_only; /* leave debug information alone: ELF symbols */
};

/* Every address gets at least one frame, which may be unknown. */
void mt_symbol_module_resolve(const struct mt_symbol_request *request,
			      struct mt_symbol_files *files,
			      struct mt_resolved *resolved);

#endif
