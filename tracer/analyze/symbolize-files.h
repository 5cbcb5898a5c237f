/*
 * symbolize-files.h - which files tell about a module: the binary, its debug information.
 *
 * A file whose build id differs from the recorded one is never used. Every file looked at
 * is noted as a probe, so that a cached answer is known to be stale when one appears,
 * vanishes or changes. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_FILES_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_FILES_H

#include "tracer/analyze/symbolize-resolved.h"
#include "tracer/analyze/symbolize.h"

#include <elfutils/libdw.h>

struct mt_symbol_file {
	char *path;
	int fd; /* valid where elf is not NULL */
	Elf *elf;
	size_t bytes;
};

/* A zeroed struct is closed. */
struct mt_symbol_files {
	struct mt_symbol_file binary;    /* as recorded */
	struct mt_symbol_file debug;     /* separate debug information */
	struct mt_symbol_file alternate; /* what dwz moved out of several debug files */
};

/* Files that are not there or do not fit stay closed. Memory apart, nothing fails. */
void mt_symbol_files_open(struct mt_symbol_files *files,
			  const struct mt_symbol_module *module,
			  const struct mt_symbolizer_options *options,
			  struct mt_resolved *resolved);
void mt_symbol_files_close(struct mt_symbol_files *files);

/* The file with .debug_info, or NULL. */
Elf *mt_symbol_files_dwarf(const struct mt_symbol_files *files);

size_t mt_symbol_files_bytes(const struct mt_symbol_files *files);

/*
 * Open the alternate file that a .gnu_debugaltlink of dwarf names and tie both together.
 * False: the link leads to another file than was meant, so that dwarf must not be used.
 */
bool mt_symbol_files_open_alternate(struct mt_symbol_files *files, Dwarf *dwarf,
				    Dwarf **alternate,
				    const struct mt_symbolizer_options *options,
				    struct mt_resolved *resolved);

#endif
