/*
 * symbolize-module.c - see symbolize-module.h. Outside.
 */
#include "tracer/analyze/symbolize-module.h"

#include "tracer/analyze/symbolize-owners.h"
#include "tracer/analyze/symbolize-unit.h"

#include <stdlib.h>

static void add_by_symtab(struct mt_symbol_names *names, uint64_t pc)
{
	struct mt_resolved_frame frame = {.function = mt_symbol_names_at(names, pc)};
	mt_resolved_add_address(names->resolved, pc);
	mt_resolved_add_frame(names->resolved, frame);
}

/* Those that no unit owns. */
static void add_others(const struct mt_symbol_request *request,
		       const struct mt_owners *owners, struct mt_symbol_names *names)
{
	uint8_t *is_owned = calloc(request->pc_count, sizeof *is_owned);
	if (!is_owned) {
		names->resolved->has_failed = true;
		return;
	}
	for (size_t i = 0; i < owners->owned_count; i++)
		is_owned[owners->owned[i].pc] = true;
	for (size_t i = 0; i < request->pc_count; i++) {
		if (!is_owned[i])
			add_by_symtab(names, request->pcs[i]);
	}
	free(is_owned);
}

static void add_units(const struct mt_symbol_request *request,
		      const struct mt_owners *owners, struct mt_symbol_names *names)
{
	uint64_t *pcs = calloc(request->pc_count, sizeof *pcs);
	if (!pcs) {
		names->resolved->has_failed = true;
		return;
	}
	for (size_t i = 0; i < owners->owned_count;) {
		uint32_t unit = owners->owned[i].unit;
		size_t count = 0;
		for (; i < owners->owned_count && owners->owned[i].unit == unit; i++)
			pcs[count++] = request->pcs[owners->owned[i].pc];
		mt_symbol_unit_resolve(&owners->units[unit], pcs, count, names);
	}
	free(pcs);
}

/* The debug information to be used, or NULL. */
static Dwarf *open_dwarf(const struct mt_symbol_request *request,
			 struct mt_symbol_files *files, Dwarf **alternate,
			 struct mt_resolved *resolved)
{
	Elf *elf = request->names_only ? NULL : mt_symbol_files_dwarf(files);
	Dwarf *dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	if (!dwarf || mt_symbol_files_open_alternate(files, dwarf, alternate,
						     request->options, resolved))
		return dwarf;
	dwarf_end(dwarf);
	return NULL;
}

static size_t count_code(const struct mt_symbol_request *request)
{
	size_t count = request->pc_count;
	while (count && request->pcs[count - 1] >= MT_PC_VARIABLE)
		count--;
	return count;
}

static void add_variables(const struct mt_symbol_request *request, size_t first,
			  struct mt_symbol_names *names)
{
	for (size_t i = first; i < request->pc_count; i++) {
		uint64_t pc = request->pcs[i];
		struct mt_resolved_frame frame = {
			.function = mt_symbol_names_variable(
				names, pc & ~(MT_PC_VARIABLE | MT_PC_THREAD_LOCAL),
				pc & MT_PC_THREAD_LOCAL)};
		mt_resolved_add_address(names->resolved, pc);
		mt_resolved_add_frame(names->resolved, frame);
	}
}

static void add_code(const struct mt_symbol_request *request,
		     struct mt_symbol_files *files, struct mt_symbol_names *names)
{
	struct mt_resolved *resolved = names->resolved;
	struct mt_owners owners = {0};
	Dwarf *alternate = NULL;
	Dwarf *dwarf = open_dwarf(request, files, &alternate, resolved);
	if (dwarf && !mt_owners_init(&owners, dwarf, mt_symbol_files_dwarf(files),
				     request->pcs, request->pc_count))
		resolved->has_failed = true;
	add_units(request, &owners, names);
	add_others(request, &owners, names);
	mt_owners_deinit(&owners);
	dwarf_end(dwarf);
	dwarf_end(alternate);
}

void mt_symbol_module_resolve(const struct mt_symbol_request *request,
			      struct mt_symbol_files *files, struct mt_resolved *resolved)
{
	struct mt_symbol_names names = {.resolved = resolved, .files = files};
	struct mt_symbol_request code = *request;
	code.pc_count = count_code(request);
	if (code.pc_count)
		add_code(&code, files, &names);
	add_variables(request, code.pc_count, &names);
	mt_symbol_names_deinit(&names);
}
