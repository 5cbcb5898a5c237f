/*
 * thread-locals.c - see thread-locals.h. Outside.
 *
 * The loader numbers modules with thread-locals, and a thread's dtv has their blocks by
 * these numbers. They are in the loader's list of modules, which debuggers find as we do;
 * where in an entry is found out by what must stand beside them: what the module's own
 * header says of its thread-locals.
 */
#include "tracer/collect/thread-locals.h"

#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	DTV_AT = 8, /* in the thread's struct */
	DTV_ENTRY_BYTES = 16,
	HEADERS_MAX = 64,
	DYNAMIC_MAX = 256,
	LINKS_MAX = 4096,      /* of all namespaces */
	LINK_BYTES = 1536,     /* of an entry that are looked at */
	NUMBER_AFTER = 6,      /* words from the image's address on */
	NUMBERS_MAX = 1 << 16, /* no number is higher */
};

/* <link.h>: what is public of the loader's list. */
struct debug {
	int32_t version;
	uint64_t first, brk;
	int32_t state;
	uint64_t loader;
	uint64_t next; /* namespace; with version 2 */
};

struct link {
	uint64_t bias, name, dynamic, next, previous;
};

static bool find_header(struct mt_memory *memory, const struct mt_object *object,
			uint32_t type, Elf64_Phdr *header)
{
	Elf64_Ehdr elf;
	if (!mt_memory_read(memory, object->start, &elf, sizeof elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_phentsize != sizeof *header)
		return false;
	for (unsigned i = 0; i < elf.e_phnum && i < HEADERS_MAX; i++) {
		uint64_t at = object->start + elf.e_phoff + i * sizeof *header;
		if (at < object->end &&
		    mt_memory_read(memory, at, header, sizeof *header) &&
		    header->p_type == type)
			return true;
	}
	return false;
}

/* Where the program's dynamic section says that the loader's list is; 0: nowhere. */
static uint64_t find_debug(struct mt_memory *memory, const struct mt_objects *objects)
{
	Elf64_Phdr header;
	Elf64_Dyn entry;
	size_t i = 0;
	while (i < objects->count && !(objects->list[i].flags & MT_MODULE_MAIN))
		i++;
	if (i == objects->count ||
	    !find_header(memory, &objects->list[i], PT_DYNAMIC, &header))
		return 0;
	uint64_t at = objects->list[i].bias + header.p_vaddr;
	for (int k = 0; k < DYNAMIC_MAX; k++, at += sizeof entry) {
		if (!mt_memory_read(memory, at, &entry, sizeof entry) ||
		    entry.d_tag == DT_NULL)
			return 0;
		if (entry.d_tag == DT_DEBUG)
			return entry.d_un.d_ptr;
	}
	return 0;
}

/* The number in the loader's entry for a module with these thread-locals; 0: not there. */
static uint32_t find_number(struct mt_memory *memory, uint64_t link, uint64_t bias,
			    const Elf64_Phdr *header)
{
	uint64_t words[LINK_BYTES / 8];
	const uint64_t wanted[] = {bias + header->p_vaddr, header->p_filesz,
				   header->p_memsz, header->p_align};
	size_t count =
		mt_memory_read_some(memory, link, words, sizeof words) / sizeof *words;
	for (size_t i = sizeof(struct link) / 8; i + NUMBER_AFTER < count; i++)
		if (!memcmp(&words[i], wanted, sizeof wanted)) {
			uint64_t number = words[i + NUMBER_AFTER];
			return number < NUMBERS_MAX ? (uint32_t)number : 0;
		}
	return 0;
}

static void add_module(struct mt_thread_locals *locals, struct mt_memory *memory,
		       const struct mt_objects *objects, uint64_t at,
		       const struct link *link)
{
	const struct mt_object *object = mt_objects_at(objects, link->dynamic);
	Elf64_Phdr header;
	if (!object || object->bias != link->bias ||
	    locals->count == MT_THREAD_LOCALS_MAX ||
	    !find_header(memory, object, PT_TLS, &header) || !header.p_memsz)
		return;
	uint32_t number = find_number(memory, at, link->bias, &header);
	if (!number)
		return;
	locals->modules[locals->count].index = object->index;
	locals->modules[locals->count].number = number;
	locals->modules[locals->count++].bytes = header.p_memsz;
}

/* Lists are followed for so long only: the process may have any in memory. */
void mt_thread_locals_load(struct mt_thread_locals *locals, struct mt_memory *memory,
			   const struct mt_objects *objects)
{
	struct debug debug;
	struct link link;
	int steps = 0;
	locals->count = 0;
	uint64_t space = find_debug(memory, objects);
	while (space && steps++ < LINKS_MAX &&
	       mt_memory_read_some(memory, space, &debug, sizeof debug) >=
		       offsetof(struct debug, next)) {
		for (uint64_t at = debug.first;
		     at && steps++ < LINKS_MAX &&
		     mt_memory_read(memory, at, &link, sizeof link);
		     at = link.next)
			add_module(locals, memory, objects, at, &link);
		space = debug.version >= 2 ? debug.next : 0;
	}
}

uint64_t mt_thread_locals_block(const struct mt_thread_locals *locals, uint32_t i,
				struct mt_memory *memory, uint64_t thread_pointer)
{
	uint64_t dtv = mt_memory_word(memory, thread_pointer + DTV_AT);
	uint64_t count = dtv ? mt_memory_word(memory, dtv - DTV_ENTRY_BYTES) : 0;
	uint64_t number = locals->modules[i].number;
	uint64_t block = number <= count
				 ? mt_memory_word(memory, dtv + number * DTV_ENTRY_BYTES)
				 : 0;
	return block == UINT64_MAX ? 0 : block;
}

bool mt_thread_locals_find(const struct mt_thread_locals *locals,
			   struct mt_memory *memory, uint64_t thread_pointer,
			   uint64_t address, uint32_t *index, uint64_t *offset)
{
	for (uint32_t i = 0; i < locals->count; i++) {
		uint64_t block =
			mt_thread_locals_block(locals, i, memory, thread_pointer);
		if (!block || address - block >= locals->modules[i].bytes)
			continue;
		*index = locals->modules[i].index;
		*offset = address - block;
		return true;
	}
	return false;
}
