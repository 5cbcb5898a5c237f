/*
 * symbolize-rtti.c - see symbolize-rtti.h. Outside.
 *
 * The words are read as the loader leaves them: by the relocation for the place, or else
 * from the file. Nothing in the file is believed that does not fit the whole pattern.
 */
#include "tracer/analyze/symbolize-rtti.h"

#include "tracer/analyze/symbolize-demangle.h"

#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_NAME_BYTES = 4096,
	MAX_OBJECT_BYTES = 1 << 20, /* from a part with a vtable to the whole */
	WORD = 8,
};

static const char info_prefix[] = "_ZTI", abi_prefix[] = "_ZTVN10__cxxabiv1";

struct word {
	uint64_t value;     /* 0: in another module */
	const char *symbol; /* by whose name it is relocated; NULL: by none */
};

static bool begins_with(const char *text, const char *prefix)
{
	return text && !strncmp(text, prefix, strlen(prefix));
}

/* Of the module's own memory as it is in the file; NULL: less than so many bytes are. */
static const char *bytes_at(Elf *elf, uint64_t address, size_t least, size_t *bytes)
{
	size_t count = 0, file_bytes = 0;
	const char *file = elf_rawfile(elf, &file_bytes);
	if (!file || elf_getphdrnum(elf, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
		GElf_Phdr segment;
		if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz)
			continue;
		uint64_t behind = address - segment.p_vaddr;
		if (segment.p_offset > file_bytes ||
		    segment.p_filesz > file_bytes - segment.p_offset ||
		    segment.p_filesz - behind < least)
			return NULL;
		*bytes = segment.p_filesz - behind;
		return file + segment.p_offset + behind;
	}
	return NULL;
}

static bool take_relocation(Elf *elf, const GElf_Shdr *table, const Elf64_Rela *entry,
			    struct word *word)
{
	GElf_Shdr header;
	GElf_Sym symbol;
	*word = (struct word){.value = (uint64_t)entry->r_addend};
	if (ELF64_R_TYPE(entry->r_info) == R_X86_64_RELATIVE)
		return true;
	Elf_Scn *symbols = elf_getscn(elf, table->sh_link);
	if (ELF64_R_TYPE(entry->r_info) != R_X86_64_64 || !symbols ||
	    !gelf_getshdr(symbols, &header) ||
	    !gelf_getsym(elf_getdata(symbols, NULL), (int)ELF64_R_SYM(entry->r_info),
			 &symbol))
		return false;
	word->symbol = elf_strptr(elf, header.sh_link, symbol.st_name);
	word->value = symbol.st_shndx == SHN_UNDEF ? 0 : word->value + symbol.st_value;
	return word->symbol != NULL;
}

/* false: there is none for the place. */
static bool find_relocation(Elf *elf, uint64_t address, struct word *word)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA ||
		    !(header.sh_flags & SHF_ALLOC))
			continue;
		const Elf_Data *data = elf_getdata(section, NULL);
		const Elf64_Rela *entries = data ? data->d_buf : NULL;
		size_t count = entries ? data->d_size / sizeof *entries : 0;
		for (size_t i = 0; i < count; i++)
			if (entries[i].r_offset == address)
				return take_relocation(elf, &header, &entries[i], word);
	}
	return false;
}

static bool read_word(Elf *elf, uint64_t address, struct word *word)
{
	size_t bytes;
	if (find_relocation(elf, address, word))
		return true;
	const char *place = bytes_at(elf, address, WORD, &bytes);
	*word = (struct word){0};
	if (place)
		memcpy(&word->value, place, WORD);
	return place != NULL;
}

static char *vtable_of(const char *type)
{
	char *name, *plain;
	if (*type == '*') /* of one module only: compared by address */
		type++;
	if (asprintf(&name, "_ZTV%s", type) < 0)
		return NULL;
	plain = mt_demangle(name);
	if (!plain) {
		free(name);
		return NULL;
	}
	free(plain);
	return name;
}

static char *name_by_info(Elf *elf, uint64_t info)
{
	struct word kind, name;
	size_t bytes;
	if (!read_word(elf, info, &kind) || !read_word(elf, info + WORD, &name) ||
	    (kind.symbol ? !begins_with(kind.symbol, abi_prefix) : !kind.value))
		return NULL;
	const char *text = bytes_at(elf, name.value, 2, &bytes);
	if (!text || !memchr(text, '\0', bytes < MAX_NAME_BYTES ? bytes : MAX_NAME_BYTES))
		return NULL;
	return vtable_of(text);
}

/* From the part that the vtable is of to the beginning of the object. */
static bool is_offset_to_top(uint64_t value)
{
	return -value < MAX_OBJECT_BYTES && value % WORD == 0;
}

char *mt_rtti_vtable_name(const struct mt_symbol_files *files, uint64_t address)
{
	Elf *elf = files->binary.elf;
	struct word top, info;
	if (!elf || gelf_getclass(elf) != ELFCLASS64 || address < MT_RTTI_POINT_BYTES ||
	    !read_word(elf, address - 2 * WORD, &top) || top.symbol ||
	    !is_offset_to_top(top.value) || !read_word(elf, address - WORD, &info))
		return NULL;
	if (begins_with(info.symbol, info_prefix))
		return vtable_of(info.symbol + sizeof info_prefix - 1);
	return info.value ? name_by_info(elf, info.value) : NULL;
}
