/*
 * own-operators.c - see own-operators.h.
 * Inside the traced process. Symbols are looked up in the module's own table: dlsym would take
 * the loader's lock.
 */
#include "preload/own-operators.h"

#include "preload/text.h"
#include "tracer/record/recorder.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* A module's exported symbols, and its table of their GNU hashes. */
struct exports {
	uintptr_t base;
	const ElfW(Sym) * symbols;
	const char *names;
	const uint32_t *hashes;
};

static struct exports exports_of(const struct link_map *map)
{
	struct exports exports = {.base = map->l_addr};
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
		const void *at = (const void *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_SYMTAB)
			exports.symbols = at;
		else if (entry->d_tag == DT_STRTAB)
			exports.names = at;
		else if (entry->d_tag == DT_GNU_HASH)
			exports.hashes = at;
	}
	return exports;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;
	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* The symbol of that name which the module defines, or NULL. */
static const ElfW(Sym) * find(const struct exports *exports, const char *name)
{
	enum {
		BUCKETS,
		FIRST,
		BLOOM_WORDS, /* of 64 bits */
		HEADER_WORDS = 4,
	};
	const uint32_t *table = exports->hashes;
	const uint32_t *buckets = table + HEADER_WORDS + 2 * (size_t)table[BLOOM_WORDS];
	const uint32_t *chains = buckets + table[BUCKETS];
	uint32_t hash = hash_of(name);
	uint32_t i = table[BUCKETS] ? buckets[hash % table[BUCKETS]] : 0;
	if (i < table[FIRST])
		return NULL;
	for (;; i++) {
		uint32_t known = chains[i - table[FIRST]];
		const ElfW(Sym) *symbol = &exports->symbols[i];
		if ((known | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
		    text_is_same(exports->names + symbol->st_name, name))
			return symbol;
		if (known & 1) /* the last of its bucket */
			return NULL;
	}
}

/* The call of malloc or free: the innermost frame, in the module with those exports. */
static uintptr_t find_call(mt_traceback_id id, struct exports *exports)
{
	uintptr_t pc;
	struct dl_find_object object;
	if (!id || mt_recorder_frames(id, &pc, 1) < 1 ||
	    _dl_find_object((void *)(pc - 1), &object))
		return 0;
	*exports = exports_of(object.dlfo_link_map);
	bool is_whole = exports->symbols && exports->names && exports->hashes;
	return is_whole ? pc - 1 : 0;
}

static bool is_in_own_new(mt_traceback_id allocated)
{
	static const char *const names[] = {
		"_Znwm",
		"_Znam",
		"_ZnwmRKSt9nothrow_t",
		"_ZnamRKSt9nothrow_t",
		"_ZnwmSt11align_val_t",
		"_ZnamSt11align_val_t",
		"_ZnwmSt11align_val_tRKSt9nothrow_t",
		"_ZnamSt11align_val_tRKSt9nothrow_t",
	};
	struct exports exports;
	uintptr_t pc = find_call(allocated, &exports);
	for (size_t i = 0; pc && i < sizeof names / sizeof *names; i++) {
		const ElfW(Sym) *symbol = find(&exports, names[i]);
		if (symbol && pc - exports.base - symbol->st_value < symbol->st_size)
			return true;
	}
	return false;
}

/* Operators delete jump to free and leave no frame: any call from their module may be theirs. */
static bool is_beside_own_delete(mt_traceback_id here)
{
	struct exports exports;
	return find_call(here, &exports) && find(&exports, "_ZdlPv");
}

static bool is_of_cxx(enum api api)
{
	return api == API_NEW || api == API_NEW_ARRAY;
}

static bool is_of_c(enum api api)
{
	return api == API_MALLOC || api == API_ALIGNED;
}

bool own_operators_match(enum api made, mt_traceback_id allocated, enum api given_back,
			 mt_traceback_id here)
{
	if (is_of_c(made) && is_of_cxx(given_back))
		return is_in_own_new(allocated);
	return is_of_cxx(made) && is_of_c(given_back) && is_beside_own_delete(here);
}
