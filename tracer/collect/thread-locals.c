/*
 * thread-locals.c - see thread-locals.h. Outside.
 *
 * The loader numbers modules with thread-locals as it loads them, and a thread's dtv has
 * their blocks by these numbers.
 */
#include "tracer/collect/thread-locals.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	DTV_AT = 8, /* in the thread's struct */
	DTV_ENTRY_BYTES = 16,
	HEADERS_MAX = 64,
};

/* What the module's headers say in memory; 0: it has none. */
static uint64_t thread_local_bytes(struct mt_memory *memory,
				   const struct mt_object *object)
{
	Elf64_Ehdr elf;
	Elf64_Phdr header;
	if (!mt_memory_read(memory, object->start, &elf, sizeof elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_phentsize != sizeof header)
		return 0;
	for (unsigned i = 0; i < elf.e_phnum && i < HEADERS_MAX; i++) {
		uint64_t at = object->start + elf.e_phoff + i * sizeof header;
		if (at < object->end &&
		    mt_memory_read(memory, at, &header, sizeof header) &&
		    header.p_type == PT_TLS)
			return header.p_memsz;
	}
	return 0;
}

static int compare_indices(const void *a, const void *b)
{
	const struct mt_object *x = a, *y = b;
	return x->index < y->index ? -1 : x->index > y->index;
}

void mt_thread_locals_load(struct mt_thread_locals *locals, struct mt_memory *memory,
			   const struct mt_objects *objects)
{
	locals->count = 0;
	struct mt_object *list = malloc((objects->count + 1) * sizeof *list);
	if (!list)
		return;
	memcpy(list, objects->list, objects->count * sizeof *list);
	qsort(list, objects->count, sizeof *list, compare_indices);
	for (size_t i = 0; i < objects->count; i++) {
		uint64_t bytes = thread_local_bytes(memory, &list[i]);
		if (!bytes || locals->count == MT_THREAD_LOCALS_MAX)
			continue;
		locals->modules[locals->count].index = list[i].index;
		locals->modules[locals->count++].bytes = bytes;
	}
	free(list);
}

bool mt_thread_locals_find(const struct mt_thread_locals *locals,
			   struct mt_memory *memory, uint64_t thread_pointer,
			   uint64_t address, uint32_t *index, uint64_t *offset)
{
	uint64_t dtv = mt_memory_word(memory, thread_pointer + DTV_AT);
	uint64_t count = dtv ? mt_memory_word(memory, dtv - DTV_ENTRY_BYTES) : 0;
	for (uint32_t i = 0; i < locals->count && i < count; i++) {
		uint64_t block = mt_memory_word(memory, dtv + (i + 1) * DTV_ENTRY_BYTES);
		if (address - block >= locals->modules[i].bytes)
			continue;
		*index = locals->modules[i].index;
		*offset = address - block;
		return true;
	}
	return false;
}
