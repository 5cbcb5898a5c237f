/*
 * modules.c - rows of loaded objects, made when an address in one is first met.
 * Inside the traced process: no lock, no malloc. Two threads that meet an object at the same
 * time both write a row; one of them is published, the other is never marked ready.
 */
#include "tracer/record/modules.h"

#include "tracer/record/pages.h"
#include "tracer/record/state.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

enum {
	PLACES = 4096, /* a power of two; an eighth is kept free */
	MAX_KNOWN = PLACES - PLACES / 8,
	ID_BITS = 16,
	PAGE_SHIFT = 12,
	PATH_BYTES = 4096,
};

struct object {
	uintptr_t start, end, bias;
	const char *name;
	const uint8_t *unwinding;
};

_Atomic uint32_t mt_modules_generation = 1;
_Atomic uint32_t mt_modules_loads;

/* By start address: page number << 16 | id of the module that is or was there last. */
static _Atomic uint64_t places[PLACES];
static _Atomic uint32_t place_count;

static const char *directory_at_start; /* for relative names */

/* Absent before glibc 2.35. */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

struct search {
	uintptr_t pc;
	struct object *object;
};

static int match_segment(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	struct search *search = data;
	struct object found = {.start = UINTPTR_MAX, .bias = info->dlpi_addr};
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;
		if (segment->p_type == PT_GNU_EH_FRAME)
			found.unwinding = (const uint8_t *)start;
		if (segment->p_type != PT_LOAD)
			continue;
		if (start < found.start)
			found.start = start & -(uintptr_t)MT_PAGE_BYTES;
		if (start + segment->p_memsz > found.end)
			found.end = start + segment->p_memsz;
	}
	if (search->pc < found.start || search->pc >= found.end)
		return 0;
	found.name = info->dlpi_name;
	*search->object = found;
	return 1;
}

static bool find_object(uintptr_t pc, struct object *object)
{
	if (!_dl_find_object) {
		struct search search = {.pc = pc, .object = object};
		return dl_iterate_phdr(match_segment, &search);
	}
	struct dl_find_object found;
	if (_dl_find_object((void *)pc, &found) != 0)
		return false;
	object->start = (uintptr_t)found.dlfo_map_start;
	object->end = (uintptr_t)found.dlfo_map_end;
	object->bias = found.dlfo_link_map->l_addr;
	object->name = found.dlfo_link_map->l_name;
	object->unwinding = found.dlfo_eh_frame;
	return true;
}

/* The GNU build-id of the object, whose ELF header is at its start; how many bytes. */
static uint32_t find_build_id(const struct object *object, const uint8_t **found)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)object->start;
	if (*(const uint32_t *)header != 0x464c457f ||
	    header->e_phentsize != sizeof(ElfW(Phdr)))
		return 0;
	const ElfW(Phdr) *segments =
		(const ElfW(Phdr) *)(object->start + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_NOTE)
			continue;
		uintptr_t at = object->bias + segments[i].p_vaddr;
		uintptr_t end = at + segments[i].p_memsz;
		while (at + sizeof(ElfW(Nhdr)) < end) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
			const uint32_t *name = (const uint32_t *)(note + 1);
			const uint8_t *id =
				(const uint8_t *)name + ((note->n_namesz + 3) & ~3u);
			at = (uintptr_t)id + ((note->n_descsz + 3) & ~3u);
			if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 ||
			    *name != 0x00554e47 || at > end)
				continue;
			*found = id;
			return note->n_descsz;
		}
	}
	return 0;
}

static void copy_build_id(const struct object *object, struct mt_state_module *row)
{
	const uint8_t *id = NULL;
	uint32_t bytes = find_build_id(object, &id);
	if (bytes > sizeof(row->build_id))
		bytes = sizeof(row->build_id);
	for (uint32_t i = 0; i < bytes; i++)
		((volatile uint8_t *)row->build_id)[i] = id[i];
	row->build_id_bytes = bytes;
}

static bool contains(const struct object *object, uintptr_t address)
{
	return address >= object->start && address < object->end;
}

static uint32_t flags_of(const struct object *object)
{
	uint32_t flags = 0;
	if (contains(object, getauxval(AT_ENTRY)))
		flags |= MT_MODULE_MAIN;
	if (contains(object, getauxval(AT_SYSINFO_EHDR)))
		flags |= MT_MODULE_VDSO;
	if (contains(object, getauxval(AT_BASE)))
		flags |= MT_MODULE_LOADER;
	if (contains(object, (uintptr_t)&mt_modules_generation))
		flags |= MT_MODULE_MEMTRACE;
	return flags;
}

static uint32_t add_joined(const char *directory, const char *name)
{
	char *path = mt_pages_map(2 * PATH_BYTES);
	if (!path)
		return mt_state_add_string(name);
	size_t length = 0;
	for (; *directory && length < PATH_BYTES; directory++)
		path[length++] = *directory;
	path[length++] = '/';
	for (; *name && length < 2 * PATH_BYTES - 1; name++)
		path[length++] = *name;
	uint32_t string = mt_state_add_string(path);
	mt_pages_unmap(path, 2 * PATH_BYTES);
	return string;
}

/* The program's own link map has no name. */
static uint32_t add_program_path(void)
{
	char *path = mt_pages_map(PATH_BYTES);
	uint32_t string = 0;
	if (path && mt_syscall3(SYS_readlink, (long)"/proc/self/exe", (long)path,
				PATH_BYTES - 1) > 0)
		string = mt_state_add_string(path);
	if (path)
		mt_pages_unmap(path, PATH_BYTES);
	const char *executed = (const char *)getauxval(AT_EXECFN);
	return string || !executed ? string : mt_state_add_string(executed);
}

static uint32_t add_path(const struct object *object, uint32_t flags)
{
	if (flags & MT_MODULE_VDSO)
		return mt_state_add_string("[vdso]");
	if (!object->name || !object->name[0])
		return add_program_path();
	if (object->name[0] != '/' && directory_at_start)
		return add_joined(directory_at_start, object->name);
	return mt_state_add_string(object->name);
}

/* A row for the object, complete but for being ready; 0: no room (counted). */
static uint32_t write_row(const struct object *object)
{
	_Atomic uint32_t *used = &mt_state.header->used.modules;
	uint32_t limit = mt_state.max_modules < 1u << ID_BITS ? mt_state.max_modules
							      : 1u << ID_BITS;
	uint32_t id = atomic_load_explicit(used, memory_order_relaxed);
	do {
		if (id >= limit ||
		    atomic_load_explicit(&place_count, memory_order_relaxed) >=
			    MAX_KNOWN) {
			mt_state_lose(MT_LOSS_MODULES_FULL);
			return 0;
		}
	} while (!atomic_compare_exchange_weak(used, &id, id + 1));
	struct mt_state_module *row = &mt_state.modules[id];
	row->start = object->start;
	row->end = object->end;
	row->bias = object->bias;
	uint32_t flags = flags_of(object);
	row->path = add_path(object, flags);
	copy_build_id(object, row);
	atomic_store_explicit(&row->flags, flags, memory_order_relaxed);
	return id;
}

/* The place of the object that starts here, or the free one where it belongs. */
static _Atomic uint64_t *place_of(uintptr_t start)
{
	uint64_t page = start >> PAGE_SHIFT;
	uint32_t place = (uint32_t)(page * UINT64_C(0x9e3779b97f4a7c15) >> 40);
	for (;; place++) {
		_Atomic uint64_t *at = &places[place % PLACES];
		uint64_t there = atomic_load_explicit(at, memory_order_acquire);
		if (!there || there >> ID_BITS == page)
			return at;
	}
}

static bool is_named(const struct mt_state_module *row, const struct object *object)
{
	const char *name = mt_state.strings + row->path;
	const char *there = object->name;
	if (!there || there[0] != '/')
		return true; /* not told apart by name */
	while (*name && *name == *there) {
		name++;
		there++;
	}
	return *name == *there;
}

static bool is_at(const struct mt_state_module *row, const struct object *object)
{
	return object->start == row->start && object->end == row->end &&
	       object->bias == row->bias;
}

/*
 * What was unloaded is here again, the very same: programs may load and unload a plugin
 * any number of times.
 */
static bool is_back(const struct mt_state_module *row, const struct object *object)
{
	const uint8_t *id = NULL;
	uint32_t bytes = find_build_id(object, &id);
	if (!is_at(row, object) || !is_named(row, object) || !bytes ||
	    bytes != row->build_id_bytes)
		return false;
	uint32_t i = 0;
	while (i < bytes && row->build_id[i] == id[i])
		i++;
	return i == bytes;
}

static bool is_unloaded(uint32_t id)
{
	return atomic_load_explicit(&mt_state.modules[id].flags, memory_order_acquire) &
	       MT_MODULE_UNLOADED;
}

static uint32_t id_in(uint64_t place)
{
	return place & ((1u << ID_BITS) - 1);
}

static uint32_t find_former(const struct object *object)
{
	uint32_t used = atomic_load_explicit(&mt_state.header->used.modules,
					     memory_order_relaxed);
	for (uint32_t id = 1; id < used; id++)
		if (is_unloaded(id) && is_back(&mt_state.modules[id], object))
			return id;
	return 0;
}

/* Its row is complete before the place leads to it, and no longer "unloaded" after. */
static uint32_t add(const struct object *object)
{
	uint64_t page = object->start >> PAGE_SHIFT;
	uint32_t id = find_former(object);
	if (!id)
		id = write_row(object);
	while (id) {
		_Atomic uint64_t *place = place_of(object->start);
		uint64_t there = atomic_load_explicit(place, memory_order_acquire);
		if (there && !is_unloaded(id_in(there)))
			return id_in(there);
		if (!atomic_compare_exchange_strong(place, &there, page << ID_BITS | id))
			continue;
		if (!there)
			atomic_fetch_add(&place_count, 1);
		__atomic_store_n(&mt_state.modules[id].ready, 1, __ATOMIC_RELEASE);
		atomic_fetch_and(&mt_state.modules[id].flags,
				 ~(uint32_t)MT_MODULE_UNLOADED);
		return id;
	}
	return 0;
}

/* Whether what lies at the row's addresses is no longer what the row describes. */
static bool is_gone(const struct mt_state_module *row)
{
	struct object object;
	return !find_object(row->start, &object) || !is_at(row, &object) ||
	       !is_named(row, &object);
}

/* Whether there was any. */
static bool mark_gone(void)
{
	bool is_any = false;
	for (int i = 0; i < PLACES; i++) {
		uint32_t id =
			id_in(atomic_load_explicit(&places[i], memory_order_acquire));
		if (!id || is_unloaded(id) || !is_gone(&mt_state.modules[id]))
			continue;
		atomic_fetch_or(&mt_state.modules[id].flags, MT_MODULE_UNLOADED);
		is_any = true;
	}
	return is_any;
}

/*
 * The C library unloads what it loaded for itself (character sets of iconv) without our dlclose:
 * that is noticed here, where something else lies in its place, or before the next dlopen.
 */
static uint32_t id_of(const struct object *object)
{
	uint64_t there =
		atomic_load_explicit(place_of(object->start), memory_order_acquire);
	if (!there || is_unloaded(id_in(there)))
		return add(object);
	const struct mt_state_module *row = &mt_state.modules[id_in(there)];
	if (is_at(row, object) && is_named(row, object))
		return id_in(there);
	if (mark_gone())
		mt_modules_changed();
	return add(object);
}

static int scan_object(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD)
			continue;
		mt_modules_id(info->dlpi_addr + segment->p_vaddr);
		break;
	}
	return 0;
}

void mt_modules_scan(void)
{
	char *directory = mt_pages_map_present(PATH_BYTES);
	if (directory && mt_syscall3(SYS_getcwd, (long)directory, PATH_BYTES, 0) > 0 &&
	    directory[0] == '/')
		directory_at_start = directory;
	else if (directory)
		mt_pages_unmap(directory, PATH_BYTES);
	dl_iterate_phdr(scan_object, NULL);
}

bool mt_modules_find(uintptr_t pc, struct mt_module_match *match)
{
	struct object object;
	if (!find_object(pc, &object))
		return false;
	match->id = id_of(&object);
	match->start = object.start;
	match->end = object.end;
	match->unwinding = object.unwinding;
	return true;
}

uint32_t mt_modules_id(uintptr_t pc)
{
	struct mt_module_match match;
	return mt_modules_find(pc, &match) ? match.id : 0;
}

void mt_modules_changed(void)
{
	uint32_t generation = atomic_fetch_add(&mt_modules_generation, 1) + 1;
	atomic_store_explicit(&mt_state.header->used.generation, generation,
			      memory_order_relaxed);
}

void mt_modules_loading(void)
{
	if (mark_gone())
		mt_modules_changed();
	atomic_fetch_add(&mt_modules_loads, 1);
}

void mt_modules_unloading(void)
{
	mt_modules_changed();
}

void mt_modules_unloaded(void)
{
	mark_gone();
	mt_modules_changed();
}

void mt_modules_restart(void)
{
	for (int i = 0; i < PLACES; i++)
		if (atomic_load_explicit(&places[i], memory_order_relaxed))
			atomic_store_explicit(&places[i], 0, memory_order_relaxed);
	atomic_store_explicit(&place_count, 0, memory_order_relaxed);
}
