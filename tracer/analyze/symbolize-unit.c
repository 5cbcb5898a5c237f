/*
 * symbolize-unit.c - see symbolize-unit.h. Outside.
 *
 * The walk carries the interval of addresses that the enclosing scopes cover and goes
 * down only where one is hit. Every hit hangs a link on the address's chain of frames,
 * which so grows from the outermost to the innermost.
 */
#include "tracer/analyze/symbolize-unit.h"

#include "tracer/analyze/symbolize-list.h"
#include "tracer/analyze/symbolize-owners.h"

#include <dwarf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	MAX_DEPTH = 256 /* of nested scopes; deeper ones are not looked into */
};

struct link {
	Dwarf_Die die;
	uint32_t outer; /* index + 1; 0: none */
};

struct walk {
	const uint64_t *pcs;
	uint32_t *chains;    /* per address: innermost link, index + 1; 0: none yet */
	uint8_t *is_settled; /* per address: an earlier walk has its chain */
	struct link *links;
	size_t link_count, link_capacity;
	uint64_t budget;  /* DIEs that may still be visited: no loops, no explosions */
	bool is_thorough; /* also look where functions seldom are */
	bool has_failed;
};

struct interval {
	size_t first, end;
};

/* Where in the tree the walk is. */
struct place {
	struct interval hits;
	const void *function; /* innermost function or inlined call; NULL: none */
	unsigned depth;
};

static void walk_children(struct walk *walk, Dwarf_Die *parent, struct place place);

/*
 * Hang die on the chain of one address, if its enclosing function is the last link there:
 * a sibling that covers the same code is an alias, and the first is kept. A nested
 * function replaces the one around it.
 */
static void hang(struct walk *walk, size_t i, Dwarf_Die *die, const void *function,
		 bool is_inlined)
{
	uint32_t outer = walk->chains[i];
	if (walk->is_settled[i])
		return;
	const void *last = outer ? walk->links[outer - 1].die.addr : NULL;
	if (is_inlined ? !outer || last != function : outer && last != function)
		return;
	void *room = mt_list_room(walk->links, walk->link_count, &walk->link_capacity,
				  sizeof *walk->links);
	if (!room || walk->link_count == UINT32_MAX - 1) {
		walk->has_failed = true;
		return;
	}
	walk->links = room;
	walk->links[walk->link_count++] = (struct link){*die, is_inlined ? outer : 0};
	walk->chains[i] = (uint32_t)walk->link_count;
}

static void hit(struct walk *walk, struct interval *all, const struct place *place,
		Dwarf_Die *die, uint64_t start, uint64_t end)
{
	int tag = dwarf_tag(die);
	bool is_inlined = tag == DW_TAG_inlined_subroutine;
	bool is_frame = is_inlined || tag == DW_TAG_subprogram;
	size_t i = mt_owners_first(walk->pcs, place->hits.first, place->hits.end, start);
	for (; i < place->hits.end && walk->pcs[i] < end; i++) {
		if (is_frame)
			hang(walk, i, die, place->function, is_inlined);
		if (i < all->first)
			all->first = i;
		if (i >= all->end)
			all->end = i + 1;
	}
}

/* The addresses that die covers, as an interval: those of gaps are in it too. */
static struct interval hits_of(struct walk *walk, Dwarf_Die *die,
			       const struct place *place)
{
	struct interval all = {.first = SIZE_MAX, .end = 0};
	Dwarf_Addr base, start, end;
	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;)
		hit(walk, &all, place, die, start, end);
	return all;
}

static void visit_scope(struct walk *walk, Dwarf_Die *die, struct place place)
{
	struct interval hits = hits_of(walk, die, &place);
	if (hits.first < hits.end) {
		int tag = dwarf_tag(die);
		if (!walk->is_thorough) /* a nested function lies outside */
			place.hits = hits;
		if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
			place.function = die->addr;
	} else if (!walk->is_thorough) {
		return;
	}
	walk_children(walk, die, place);
}

static void visit(struct walk *walk, Dwarf_Die *die, struct place place)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
		visit_scope(walk, die, place);
		break;
	case DW_TAG_namespace:
	case DW_TAG_module:
		walk_children(walk, die, place);
		break;
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_interface_type:
		if (walk->is_thorough)
			walk_children(walk, die, place);
		break;
	default:
		break;
	}
}

static void walk_children(struct walk *walk, Dwarf_Die *parent, struct place place)
{
	Dwarf_Die die;
	const void *previous = parent->addr;
	if (place.depth++ == MAX_DEPTH || dwarf_child(parent, &die))
		return;
	do {
		if ((uintptr_t)die.addr <= (uintptr_t)previous || !walk->budget)
			return;
		walk->budget--;
		previous = die.addr;
		visit(walk, &die, place);
	} while (!walk->has_failed && !dwarf_siblingof(&die, &die));
}

/* The bytes of the unit that a DIE is in: it cannot have more DIEs. */
static uint64_t unit_bytes(Dwarf_Die *unit)
{
	Dwarf_Off start = dwarf_dieoffset(unit) - dwarf_cuoffset(unit), next;
	Dwarf *dwarf = dwarf_cu_getdwarf(unit->cu);
	if (dwarf_next_unit(dwarf, start, &next, NULL, NULL, NULL, NULL, NULL, NULL,
			    NULL) ||
	    next < start)
		return 0;
	return next - start;
}

/* Walk once; again, and everywhere, if an address was left without a function. */
static void find_chains(struct walk *walk, Dwarf_Die *root, size_t pc_count)
{
	struct place place = {.hits = {0, pc_count}};
	bool has_gap = false;
	walk->budget = unit_bytes(root);
	walk_children(walk, root, place);
	for (size_t i = 0; i < pc_count; i++) {
		walk->is_settled[i] = walk->chains[i] != 0;
		has_gap |= !walk->is_settled[i];
	}
	walk->is_thorough = true;
	walk->budget = unit_bytes(root);
	if (has_gap)
		walk_children(walk, root, place);
}

/* How frames of this unit become text. */
struct unit {
	Dwarf_Die *lines;   /* the unit with the line table */
	Dwarf_Files *files; /* numbered as in DW_AT_call_file */
	const char *directory;
	bool is_cplusplus;
	struct mt_symbol_names *names;
};

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	return dwarf_formstring(dwarf_attr(die, name, &attribute));
}

static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number = 0;
	if (dwarf_formudata(dwarf_attr(die, name, &attribute), &number))
		return 0;
	return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static bool is_cplusplus(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case 0x2b: /* C++17 and C++20 are younger than DWARF 5 and than some headers */
	case 0x2c:
		return true;
	default:
		return false;
	}
}

static void set_line(const struct unit *unit, uint64_t pc,
		     struct mt_resolved_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit->lines, pc);
	int number = 0;
	if (!line)
		return;
	const char *path = dwarf_linesrc(line, NULL, NULL);
	frame->file = mt_symbol_names_source(unit->names, path, unit->directory);
	if (!dwarf_lineno(line, &number) && number > 0)
		frame->line = (uint32_t)number;
}

static void set_call(const struct unit *unit, Dwarf_Die *inlined,
		     struct mt_resolved_frame *frame)
{
	uint32_t file = number_of(inlined, DW_AT_call_file);
	const char *path =
		unit->files ? dwarf_filesrc(unit->files, file, NULL, NULL) : NULL;
	frame->file = mt_symbol_names_source(unit->names, path, unit->directory);
	frame->line = number_of(inlined, DW_AT_call_line);
}

static void add_frames(const struct unit *unit, struct walk *walk, size_t i)
{
	struct mt_resolved *resolved = unit->names->resolved;
	struct mt_resolved_frame frame = {0};
	uint64_t pc = walk->pcs[i];
	mt_resolved_add_address(resolved, pc);
	set_line(unit, pc, &frame);
	uint32_t link = walk->chains[i];
	if (!link) {
		frame.function = mt_symbol_names_at(unit->names, pc);
		mt_resolved_add_frame(resolved, frame);
	}
	while (link) {
		struct link *at = &walk->links[link - 1];
		bool is_outermost = !at->outer;
		enum mt_symbol_wish wish = !is_outermost        ? MT_SYMBOL_NOT
					   : unit->is_cplusplus ? MT_SYMBOL_FIRST
								: MT_SYMBOL_IF_PUBLIC;
		frame.function =
			mt_symbol_names_function(unit->names, &at->die, wish, pc);
		frame.is_inlined = !is_outermost;
		mt_resolved_add_frame(resolved, frame);
		set_call(unit, &at->die, &frame);
		link = at->outer;
	}
}

static void add_probe(struct mt_resolved *resolved, const char *directory,
		      const char *name)
{
	char path[PATH_MAX];
	bool is_joined = name[0] != '/' && directory;
	int length = snprintf(path, sizeof path, "%s%s%s", is_joined ? directory : "",
			      is_joined ? "/" : "", name);
	struct stat status;
	if (length > 0 && (size_t)length < sizeof path)
		mt_resolved_add_probe(resolved, path,
				      stat(path, &status) ? NULL : &status);
}

/* Where the functions of a skeleton may be: whether they are there is part of the answer. */
static void add_split_probes(struct mt_symbol_names *names, Dwarf_Die *unit,
			     const char *directory)
{
	const struct mt_symbol_files *files = names->files;
	const char *name = string_of(unit, DW_AT_dwo_name);
	if (!name)
		name = string_of(unit, DW_AT_GNU_dwo_name);
	if (!name)
		return;
	char package[PATH_MAX];
	const char *path = files->debug.elf ? files->debug.path : files->binary.path;
	snprintf(package, sizeof package, "%s.dwp", path);
	add_probe(names->resolved, directory, name);
	add_probe(names->resolved, NULL, package);
}

/*
 * With split debug information the unit is a skeleton: its lines are here, its functions
 * in the .dwo file, or in a .dwp where libdw is young enough (0.191).
 */
static Dwarf_Die root_of(Dwarf_Die *unit)
{
	Dwarf_Die split = {0};
	if (dwarf_cu_info(unit->cu, NULL, NULL, NULL, &split, NULL, NULL, NULL))
		split.addr = NULL;
	return split.addr ? split : *unit;
}

void mt_symbol_unit_resolve(Dwarf_Die *die, const uint64_t *pcs, size_t pc_count,
			    struct mt_symbol_names *names)
{
	struct walk walk = {.pcs = pcs,
			    .chains = calloc(pc_count, sizeof *walk.chains),
			    .is_settled = calloc(pc_count, sizeof *walk.is_settled)};
	struct unit unit = {.lines = die,
			    .directory = string_of(die, DW_AT_comp_dir),
			    .names = names};
	Dwarf_Die root = root_of(die);
	size_t file_count;
	add_split_probes(names, die, unit.directory);
	unit.is_cplusplus = is_cplusplus(&root);
	if (dwarf_getsrcfiles(&root, &unit.files, &file_count))
		unit.files = NULL;
	if (walk.chains && walk.is_settled)
		find_chains(&walk, &root, pc_count);
	if (!walk.chains || !walk.is_settled || walk.has_failed)
		names->resolved->has_failed = true;
	else
		for (size_t i = 0; i < pc_count; i++)
			add_frames(&unit, &walk, i);
	free(walk.chains);
	free(walk.is_settled);
	free(walk.links);
}
