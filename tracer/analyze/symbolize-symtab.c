/*
 * symbolize-symtab.c - see symbolize-symtab.h. Outside.
 */
#include "tracer/analyze/symbolize-symtab.h"

#include "tracer/analyze/symbolize-list.h"

#include <gelf.h>
#include <string.h>
#include <unistd.h>

struct mt_symtab_entry {
	uint64_t start;
	uint64_t end; /* its section's, where the symbol has no size */
	const char *name;
	uint8_t rank; /* of several at one address the lowest is shown */
	bool has_size;
};

enum {
	/* How many symbols may begin within another one before it is no longer seen. */
	MAX_NESTED = 64
};

unsigned mt_symtab_underscores(const char *name)
{
	return (unsigned)strspn(name, "_");
}

/*
 * Functions before labels, others before local ones, `poll` before `__poll`, which may be
 * the weaker of the two, global before weak.
 */
static uint8_t rank_of(const GElf_Sym *symbol, const char *name)
{
	unsigned binding = GELF_ST_BIND(symbol->st_info);
	bool is_label = GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE;
	bool is_local = binding != STB_GLOBAL && binding != STB_WEAK;
	unsigned lead = mt_symtab_underscores(name);
	return (uint8_t)(is_label << 6 | is_local << 5 | (lead < 15 ? lead : 15) << 1 |
			 (binding == STB_WEAK));
}

static bool is_code(const GElf_Sym *symbol, const GElf_Shdr *section)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);
	return type == STT_FUNC || type == STT_GNU_IFUNC ||
	       (type == STT_NOTYPE && section->sh_flags & SHF_EXECINSTR);
}

static bool is_of_kind(const struct mt_symtab *symtab, const GElf_Sym *symbol,
		       const GElf_Shdr *section)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);
	switch (symtab->kind) {
	case MT_SYMTAB_CODE:
		return is_code(symbol, section);
	case MT_SYMTAB_DATA:
		return type == STT_OBJECT || type == STT_COMMON;
	case MT_SYMTAB_THREAD_LOCAL:
		return type == STT_TLS;
	}
	return false;
}

static void add(struct mt_symtab *symtab, const GElf_Sym *symbol, const char *name,
		Elf *elf)
{
	GElf_Shdr section;
	if (!name || !*name || name[0] == '$' || name[0] == '.' ||
	    symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= SHN_LORESERVE ||
	    !gelf_getshdr(elf_getscn(elf, symbol->st_shndx), &section) ||
	    !is_of_kind(symtab, symbol, &section))
		return;
	void *room = mt_list_room(symtab->entries, symtab->count, &symtab->capacity,
				  sizeof *symtab->entries);
	if (!room)
		return;
	symtab->entries = room;
	symtab->entries[symtab->count++] = (struct mt_symtab_entry){
		.start = symbol->st_value,
		.end = symbol->st_size ? symbol->st_value + symbol->st_size
				       : section.sh_addr + section.sh_size,
		.name = name,
		.rank = rank_of(symbol, name),
		.has_size = symbol->st_size > 0,
	};
}

static void add_table(struct mt_symtab *symtab, Elf *elf, Elf_Scn *section,
		      const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	if (!data || !header->sh_entsize)
		return;
	size_t count = data->d_size / gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
	for (size_t i = 1; i < count && i <= INT32_MAX; i++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)i, &symbol))
			return;
		add(symtab, &symbol, elf_strptr(elf, header->sh_link, symbol.st_name),
		    elf);
	}
}

static void add_tables(struct mt_symtab *symtab, Elf *elf, uint32_t type)
{
	if (!elf)
		return;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) && header.sh_type == type)
			add_table(symtab, elf, section, &header);
	}
}

static int no_debug_file(Dwfl_Module *module, void **user, const char *name,
			 Dwarf_Addr base, const char *file, const char *link,
			 GElf_Word crc, char **found)
{
	(void)module, (void)user, (void)name, (void)base;
	(void)file, (void)link, (void)crc, (void)found;
	return -1;
}

/* libdwfl can unpack .gnu_debugdata, libdw alone cannot. */
static void add_unpacked(struct mt_symtab *symtab, const struct mt_symbol_file *binary)
{
	static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
						 .find_debuginfo = no_debug_file};
	int fd = binary->elf ? dup(binary->fd) : -1;
	if (fd < 0)
		return;
	symtab->unpacker = dwfl_begin(&callbacks);
	Dwfl_Module *module = NULL;
	if (symtab->unpacker)
		module = dwfl_report_elf(symtab->unpacker, "module", binary->path, fd, 0,
					 true);
	if (!module)
		close(fd);
	int count = module ? dwfl_module_getsymtab(module) : 0;
	for (int i = 1; i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		Elf *elf = NULL;
		Dwarf_Addr bias = 0;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &address,
							   NULL, &elf, &bias);
		if (name && elf)
			add(symtab, &symbol, name, elf);
	}
}

static int by_start_and_rank(const void *left, const void *right)
{
	const struct mt_symtab_entry *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return strcmp(a->name, b->name);
}

void mt_symtab_load(struct mt_symtab *symtab, enum mt_symtab_kind kind,
		    const struct mt_symbol_files *files)
{
	symtab->kind = kind;
	add_tables(symtab, files->debug.elf, SHT_SYMTAB);
	if (!symtab->count)
		add_tables(symtab, files->binary.elf, SHT_SYMTAB);
	if (!symtab->count)
		add_unpacked(symtab, &files->binary);
	if (!symtab->count)
		add_tables(symtab, files->binary.elf, SHT_DYNSYM);
	if (symtab->count)
		qsort(symtab->entries, symtab->count, sizeof *symtab->entries,
		      by_start_and_rank);
}

void mt_symtab_deinit(struct mt_symtab *symtab)
{
	free(symtab->entries);
	dwfl_end(symtab->unpacker);
	*symtab = (struct mt_symtab){0};
}

/* The number of symbols that begin at pc or before. */
static size_t count_until(const struct mt_symtab *symtab, uint64_t pc)
{
	size_t low = 0, high = symtab->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (symtab->entries[middle].start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *mt_symtab_find(const struct mt_symtab *symtab, uint64_t pc, uint64_t *behind)
{
	size_t i = count_until(symtab, pc);
	const struct mt_symtab_entry *best = NULL, *sizeless = NULL;
	for (size_t seen = 0; i && seen < MAX_NESTED; seen++) {
		const struct mt_symtab_entry *entry = &symtab->entries[--i];
		if (best && entry->start < best->start)
			break;
		if (pc >= entry->end)
			continue;
		if (entry->has_size)
			best = best && best->rank < entry->rank ? best : entry;
		else if (!seen || (sizeless && sizeless->start == entry->start))
			sizeless = entry;
	}
	if (!best)
		best = sizeless;
	*behind = best ? pc - best->start : 0;
	return best ? best->name : NULL;
}
