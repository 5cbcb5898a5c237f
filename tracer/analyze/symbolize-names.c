/*
 * symbolize-names.c - see symbolize-names.h. Outside.
 */
#include "tracer/analyze/symbolize-names.h"

#include "tracer/analyze/symbolize-demangle.h"
#include "tracer/analyze/symbolize-rtti.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_SOURCE_BYTES = 8192
};

void mt_symbol_names_deinit(struct mt_symbol_names *names)
{
	mt_symtab_deinit(&names->symtab);
	mt_symtab_deinit(&names->data);
	mt_symtab_deinit(&names->thread_locals);
	mt_memo_deinit(&names->functions);
	mt_memo_deinit(&names->sources);
}

static uint32_t function_text(struct mt_symbol_names *names, const char *name)
{
	uint32_t text;
	if (!name)
		return 0;
	if (mt_memo_find(&names->functions, name, &text))
		return text;
	char *plain = mt_demangle(name);
	text = mt_resolved_text(names->resolved, plain ? plain : name);
	free(plain);
	mt_memo_put(&names->functions, name, text);
	return text;
}

static const char *symbol_at(struct mt_symbol_names *names, uint64_t pc)
{
	if (!names->has_symtab) {
		names->has_symtab = true;
		mt_symtab_load(&names->symtab, MT_SYMTAB_CODE, names->files);
	}
	uint64_t behind;
	return mt_symtab_find(&names->symtab, pc, &behind);
}

uint32_t mt_symbol_names_at(struct mt_symbol_names *names, uint64_t pc)
{
	return function_text(names, symbol_at(names, pc));
}

static uint32_t text_behind(struct mt_symbol_names *names, const char *name,
			    uint64_t behind)
{
	char *plain = mt_demangle(name), *text;
	uint32_t found = 0;
	if (asprintf(&text, "%s+%" PRIu64, plain ? plain : name, behind) >= 0) {
		found = mt_resolved_text(names->resolved, text);
		free(text);
	}
	free(plain);
	return found;
}

/* Where no symbol is, an object's class may say of itself which it is. */
static uint32_t vtable_text(struct mt_symbol_names *names, uint64_t offset)
{
	char *name = mt_rtti_vtable_name(names->files, offset);
	uint32_t text = name ? text_behind(names, name, MT_RTTI_POINT_BYTES) : 0;
	free(name);
	return text;
}

uint32_t mt_symbol_names_variable(struct mt_symbol_names *names, uint64_t offset,
				  bool is_thread_local)
{
	if (!names->has_data) {
		names->has_data = true;
		mt_symtab_load(&names->data, MT_SYMTAB_DATA, names->files);
		mt_symtab_load(&names->thread_locals, MT_SYMTAB_THREAD_LOCAL,
			       names->files);
	}
	uint64_t behind;
	const char *name = mt_symtab_find(
		is_thread_local ? &names->thread_locals : &names->data, offset, &behind);
	if (!name)
		return is_thread_local ? 0 : vtable_text(names, offset);
	return behind ? text_behind(names, name, behind) : function_text(names, name);
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static const char *linker_name(Dwarf_Die *die)
{
	const char *name = string_of(die, DW_AT_linkage_name);
	return name ? name : string_of(die, DW_AT_MIPS_linkage_name);
}

/* A library's own name for what it calls otherwise to others: "___pthread_cond_wait". */
static const char *public_name(struct mt_symbol_names *names, const char *name,
			       uint64_t pc)
{
	bool may_be = name && *name == '_' && name[1] != 'Z' && name[1] != 'R';
	const char *symbol = may_be ? symbol_at(names, pc) : NULL;
	bool is_public =
		symbol && mt_symtab_underscores(symbol) < mt_symtab_underscores(name);
	return is_public ? symbol : name;
}

uint32_t mt_symbol_names_function(struct mt_symbol_names *names, Dwarf_Die *die,
				  enum mt_symbol_wish wish, uint64_t pc)
{
	uint32_t text;
	if (mt_memo_find(&names->functions, die->addr, &text))
		return text;
	const char *name = linker_name(die);
	if (!name && wish == MT_SYMBOL_FIRST) {
		text = mt_symbol_names_at(names, pc);
		if (text)
			return text;
	}
	if (!name)
		name = string_of(die, DW_AT_name);
	if (wish == MT_SYMBOL_IF_PUBLIC)
		name = public_name(names, name, pc);
	text = function_text(names, name);
	mt_memo_put(&names->functions, die->addr, text);
	return text;
}

/* Drop "/./" and doubled slashes; ".." stays, it may cross a symbolic link. */
static void tidy(char *path)
{
	char *out = path;
	for (const char *in = path; *in;) {
		if (in[0] == '/' && in[1] == '/')
			in++;
		else if (in[0] == '/' && in[1] == '.' && in[2] == '/')
			in += 2;
		else
			*out++ = *in++;
	}
	*out = '\0';
}

uint32_t mt_symbol_names_source(struct mt_symbol_names *names, const char *path,
				const char *directory)
{
	uint32_t text;
	if (!path || !*path || !strcmp(path, "???"))
		return 0;
	if (mt_memo_find(&names->sources, path, &text))
		return text;
	char joined[MAX_SOURCE_BYTES];
	bool is_joined = path[0] != '/' && path[0] != '<' && directory;
	int length = snprintf(joined, sizeof joined, "%s%s%s", is_joined ? directory : "",
			      is_joined ? "/" : "", path);
	if (length < 0 || (size_t)length >= sizeof joined)
		return 0;
	tidy(joined);
	text = mt_resolved_text(names->resolved, joined);
	mt_memo_put(&names->sources, path, text);
	return text;
}
