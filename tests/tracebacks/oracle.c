/*
 * oracle.c - see oracle.h. Inside the traced process.
 */
#define UNW_REMOTE_ONLY
#include "tests/tracebacks/oracle.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <stddef.h>

enum {
	CACHED_RULES = 4096,
	HEADER_BYTES = 12, /* of .eh_frame_hdr: what comes before the table */
	HEADER_ENCODINGS =
		0x3b031b01, /* version 1, pcrel sdata4, udata4, datarel sdata4 */
};

/*
 * Opened with its names kept local: were they in the scope of the program, C++ would throw
 * its exceptions by libunwind.
 */
static struct {
	__typeof__(unw_create_addr_space) *create_addr_space;
	__typeof__(unw_set_caching_policy) *set_caching_policy;
	__typeof__(unw_set_cache_size) *set_cache_size;
	__typeof__(unw_flush_cache) *flush_cache;
	__typeof__(unw_init_remote) *init_remote;
	__typeof__(unw_step) *step;
	__typeof__(unw_get_reg) *get_reg;
	__typeof__(unw_is_signal_frame) *is_signal_frame;
	/* Exported for this use, but in no header. */
	int (*search_table)(unw_addr_space_t space, unw_word_t pc, unw_dyn_info_t *table,
			    unw_proc_info_t *info, int wants_all, void *data);
} libunwind;

#define NAME_OF(name)     NAME_OF_OBJECT(UNW_OBJ(name))
#define NAME_OF_OBJECT(x) NAME_OF_TEXT(x)
#define NAME_OF_TEXT(x)   #x

bool oracle_open(void)
{
	const struct {
		const char *name;
		void *place;
	} functions[] = {
		{NAME_OF(create_addr_space), &libunwind.create_addr_space},
		{NAME_OF(set_caching_policy), &libunwind.set_caching_policy},
		{NAME_OF(set_cache_size), &libunwind.set_cache_size},
		{NAME_OF(flush_cache), &libunwind.flush_cache},
		{NAME_OF(init_remote), &libunwind.init_remote},
		{NAME_OF(step), &libunwind.step},
		{NAME_OF(get_reg), &libunwind.get_reg},
		{NAME_OF(is_signal_frame), &libunwind.is_signal_frame},
		{NAME_OF(dwarf_search_unwind_table), &libunwind.search_table},
	};
	void *library = dlopen("libunwind-generic.so", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < sizeof(functions) / sizeof(*functions); i++) {
		void *function = dlsym(library, functions[i].name);
		__builtin_memcpy(functions[i].place, &function, sizeof(function));
		if (!function)
			return false;
	}
	return library && oracle_libgcc_open();
}

/* ---- what libunwind asks for ---- */

static bool can_read(const struct oracle *o, uintptr_t address)
{
	struct dl_find_object object;
	return (address >= o->low && address < o->high) ||
	       !_dl_find_object((void *)address, &object) ||
	       mt_stack_can_read(address & ~(uintptr_t)7);
}

static int access_word(unw_addr_space_t space, unw_word_t address, unw_word_t *value,
		       int write, void *data)
{
	(void)space;
	if (write || !can_read(data, address))
		return -UNW_EINVAL;
	__builtin_memcpy(value, (const void *)address, sizeof(*value));
	return 0;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value,
			   int write, void *data)
{
	(void)space;
	const struct oracle *o = data;
	if (write || number < 0 || number >= MT_REG_COUNT ||
	    !(o->start.known >> number & 1))
		return -UNW_EBADREG;
	*value = o->start.values[number];
	return 0;
}

static int access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value,
			int write, void *data)
{
	(void)space, (void)number, (void)value, (void)write, (void)data;
	return -UNW_EBADREG;
}

static int find_information(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t *info,
			    int wants_all, void *data)
{
	struct oracle *o = data;
	struct dl_find_object object;
	o->lacks_information = true;
	if (_dl_find_object((void *)pc, &object) || !object.dlfo_eh_frame)
		return -UNW_ENOINFO;
	const uint32_t *header = object.dlfo_eh_frame;
	if (header[0] != HEADER_ENCODINGS)
		return -UNW_ENOINFO;
	unw_dyn_info_t table = {
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
		.start_ip = (unw_word_t)object.dlfo_map_start,
		.end_ip = (unw_word_t)object.dlfo_map_end,
		.u.rti = {.segbase = (unw_word_t)header,
			  .table_len = header[2],
			  .table_data = (unw_word_t)header + HEADER_BYTES},
	};
	int rc = libunwind.search_table(space, pc, &table, info, wants_all, data);
	o->lacks_information = rc < 0;
	return rc;
}

static void put_information(unw_addr_space_t space, unw_proc_info_t *info, void *data)
{
	(void)space, (void)info, (void)data;
}

static int find_dynamic_list(unw_addr_space_t space, unw_word_t *address, void *data)
{
	(void)space, (void)address, (void)data;
	return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *data)
{
	(void)space, (void)cursor, (void)data;
	return -UNW_EINVAL;
}

static int find_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size,
		     unw_word_t *offset, void *data)
{
	(void)space, (void)address, (void)name, (void)size, (void)offset, (void)data;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_information,
	.put_unwind_info = put_information,
	.get_dyn_info_list_addr = find_dynamic_list,
	.access_mem = access_word,
	.access_reg = access_register,
	.access_fpreg = access_float,
	.resume = resume,
	.get_proc_name = find_name,
};

/* ---- the walk ---- */

void oracle_init(struct oracle *o)
{
	o->space = libunwind.create_addr_space(&accessors, 0);
	libunwind.set_cache_size(o->space, CACHED_RULES, 0);
}

void oracle_forget_rules(struct oracle *o)
{
	libunwind.flush_cache(o->space, 0, 0);
}

/*
 * libunwind 1.6 refuses unwind information that names a vector register, as functions of
 * the Windows ABI have it, which keep xmm6 to xmm15 for their callers. There, and only there,
 * libgcc decides. Where there is no information libunwind would guess: that is not looked at.
 */
static enum oracle_ending end(struct oracle *o, const uintptr_t *slot, int rc)
{
	if (o->lacks_information)
		return ORACLE_UNKNOWN;
	if (rc == -UNW_EBADREG)
		return oracle_libgcc_walk(o, slot);
	return rc ? ORACLE_BROKEN : ORACLE_COMPLETE;
}

enum oracle_ending oracle_walk(struct oracle *o, const uintptr_t *slot, bool is_fresh)
{
	unw_cursor_t cursor;
	libunwind.set_caching_policy(o->space,
				     is_fresh ? UNW_CACHE_NONE : UNW_CACHE_GLOBAL);
	libunwind.init_remote(&cursor, o->space, o);
	o->count = 0;
	o->lacks_information = false;
	bool is_ours = true;
	int rc = 1;
	do {
		unw_word_t pc, sp;
		libunwind.get_reg(&cursor, UNW_REG_IP, &pc);
		libunwind.get_reg(&cursor, UNW_REG_SP, &sp);
		is_ours = is_ours && sp != (uintptr_t)(slot + 1);
		o->sp[o->count] = sp;
		if (!pc)
			return ORACLE_COMPLETE;
		if (o->count == ORACLE_MAX_FRAMES)
			return ORACLE_BROKEN;
		/* It is asked about the frame that the last step left. */
		if (!is_ours)
			o->frames[o->count++] =
				oracle_frame(pc, libunwind.is_signal_frame(&cursor) > 0);
		rc = libunwind.step(&cursor);
	} while (rc > 0 && !o->lacks_information);
	/* The end's own: a return address of 0 ends the walk of libunwind 1.8 at once. */
	if (!rc)
		libunwind.get_reg(&cursor, UNW_REG_SP, &o->sp[o->count]);
	return end(o, slot, rc);
}

bool oracle_is_entry(struct oracle *o, uintptr_t pc)
{
	unw_proc_info_t info;
	return find_information(o->space, pc, &info, 0, o) >= 0 && info.start_ip == pc;
}
