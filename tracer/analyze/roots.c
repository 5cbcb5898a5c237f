/*
 * roots.c - see roots.h. Outside.
 */
#include "tracer/analyze/roots.h"

#include "tracer/analyze/callsite.h"
#include "tracer/analyze/label.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mt_root_kind_name(uint8_t kind)
{
	static const char *const names[MT_HELD_COUNT] = {
		[MT_HELD_GLOBAL] = "global",   [MT_HELD_THREAD_LOCAL] = "thread-local",
		[MT_HELD_STACK] = "stack",     [MT_HELD_REGISTER] = "register",
		[MT_HELD_KEY] = "pthread-key", [MT_HELD_LIBC] = "c-library",
		[MT_HELD_TRACKED] = "tracked", [MT_HELD_ALTSTACK] = "alternate-stack",
		[MT_HELD_MAPPING] = "mapping",
	};
	return kind < MT_HELD_COUNT ? names[kind] : "unknown";
}

/* The numbers of DWARF for x86-64. */
static const char *register_name(uint32_t number)
{
	static const char *const names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
					    "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					    "r12", "r13", "r14", "r15"};
	return number < sizeof names / sizeof *names ? names[number] : NULL;
}

static bool is_variable(const struct mt_heap_root *root)
{
	return root->module != MT_NO_MODULE &&
	       (root->kind == MT_HELD_GLOBAL || root->kind == MT_HELD_THREAD_LOCAL ||
		root->kind == MT_HELD_LIBC);
}

static int want_symbols(struct mt_roots *roots, struct mt_error *err)
{
	struct mt_frame_locations *frames = roots->callsites->frames;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < roots->heap->roots.count; i++) {
		const struct mt_heap_root *root = &roots->heap->roots.list[i];
		if (is_variable(root))
			rc = mt_symbolizer_add_variable(
				frames->symbolizer, frames->module_base + root->module,
				root->offset, root->kind == MT_HELD_THREAD_LOCAL, err);
		else if (root->frame != MT_NO_FRAME)
			rc = mt_frame_locations_want(frames, root->frame, err);
	}
	if (rc >= 0)
		rc = mt_symbolizer_resolve(frames->symbolizer, err);
	return rc < 0 ? rc : mt_frame_locations_resolve(frames, err);
}

/*
 * The frame is the whole function's: what was inlined into it comes before. That counts
 * where the function is a wrapper and the user's code is within it.
 */
static int find_function(struct mt_roots *roots, size_t i, struct mt_error *err)
{
	struct mt_callsites *callsites = roots->callsites;
	const struct mt_heap_root *root = &roots->heap->roots.list[i];
	struct mt_root_place *place = &roots->places[i];
	*place = (struct mt_root_place){MT_NO_LOCATION, MT_NO_LOCATION};
	if (root->frame == MT_NO_FRAME)
		return 0;
	const struct mt_frame_locations *frames = callsites->frames;
	struct mt_frame_span span = frames->spans[root->frame];
	place->function = frames->ids[span.first + span.count - 1];
	mt_location_id users;
	bool is_users = callsites->is_raw;
	int rc = is_users ? 0
			  : mt_callsites_look_in(callsites, root->frame, &users,
						 &is_users, err);
	if (rc < 0 || callsites->is_raw)
		return rc;
	if (is_users && mt_wrappers_has(&callsites->wrappers,
					&frames->locations->list[place->function]))
		place->function = users;
	for (uint32_t k = 0; !is_users && rc >= 0 && k < root->caller_count; k++) {
		uint32_t frame = roots->heap->callers.list[root->callers + k].frame;
		if (frame != MT_NO_FRAME)
			rc = mt_frame_locations_want(callsites->frames, frame, err);
	}
	return rc;
}

/* Of a wrapper: those whose callers were asked for. */
static int find_caller(struct mt_roots *roots, size_t i, struct mt_error *err)
{
	const struct mt_heap_root *root = &roots->heap->roots.list[i];
	struct mt_callsites *callsites = roots->callsites;
	bool found = root->frame == MT_NO_FRAME || callsites->is_raw;
	mt_location_id id;
	int rc = found ? 0
		       : mt_callsites_look_in(callsites, root->frame, &id, &found, err);
	for (uint32_t k = 0; !found && rc >= 0 && k < root->caller_count; k++) {
		uint32_t frame = roots->heap->callers.list[root->callers + k].frame;
		if (frame == MT_NO_FRAME)
			continue;
		rc = mt_callsites_look_in(callsites, frame, &id, &found, err);
		if (found)
			roots->places[i].caller = id;
	}
	return rc;
}

static int find_places(struct mt_roots *roots, struct mt_error *err)
{
	size_t count = roots->heap->roots.count;
	int rc = want_symbols(roots, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = find_function(roots, i, err);
	if (rc >= 0)
		rc = mt_frame_locations_resolve(roots->callsites->frames, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = find_caller(roots, i, err);
	return rc;
}

/* "cache+8"; without a symbol "app+0x4010". */
static void put_variable(FILE *out, const struct mt_roots *roots,
			 const struct mt_heap_root *root)
{
	if (root->module == MT_NO_MODULE) {
		fprintf(out, "0x%" PRIx64, root->offset);
		return;
	}
	const char *path = roots->heap->trace->modules.list[root->module].path;
	const char *slash = strrchr(path, '/');
	const char *name = mt_symbolizer_find_variable(
		roots->callsites->frames->symbolizer,
		roots->callsites->frames->module_base + root->module, root->offset,
		root->kind == MT_HELD_THREAD_LOCAL);
	if (name)
		fputs(name, out);
	else
		fprintf(out, "%s+0x%" PRIx64, slash && slash[1] ? slash + 1 : path,
			root->offset);
}

/* "worker (pool.c:40)". */
static void put_function(FILE *out, const struct mt_location *location,
			 const char *directory)
{
	char *label = mt_label_location(location, directory);
	if (location->function && location->file)
		fprintf(out, "%s (%s)", location->function, label ? label : "");
	else
		fputs(label ? label : "", out);
	free(label);
}

/* " in worker (pool.c:40)", " in poll, called by worker (pool.c:40)", or nothing. */
static void put_place(FILE *out, const struct mt_roots *roots, size_t i,
		      const char *directory)
{
	const struct mt_location *list = roots->callsites->frames->locations->list;
	const struct mt_root_place *place = &roots->places[i];
	if (place->function == MT_NO_LOCATION)
		return;
	fputs(" in ", out);
	if (place->caller != MT_NO_LOCATION && list[place->function].function)
		fputs(list[place->function].function, out);
	else
		put_function(out, &list[place->function], directory);
	if (place->caller == MT_NO_LOCATION)
		return;
	fputs(", called by ", out);
	put_function(out, &list[place->caller], directory);
}

static void put_register(FILE *out, const struct mt_heap_root *root)
{
	const char *name = register_name(root->number);
	if (name)
		fprintf(out, "register %s", name);
	else
		fprintf(out, "register %" PRIu32, root->number);
}

static bool is_unrecorded(const struct mt_heap_root *root)
{
	return root->kind == MT_HELD_MAPPING && root->number == MT_MAPPING_UNRECORDED;
}

static void put_label(FILE *out, const struct mt_roots *roots, size_t i,
		      const char *directory)
{
	const struct mt_heap_root *root = &roots->heap->roots.list[i];
	switch (root->kind) {
	case MT_HELD_GLOBAL:
		put_variable(out, roots, root);
		return;
	case MT_HELD_THREAD_LOCAL:
		fputs("thread-local ", out);
		put_variable(out, roots, root);
		return;
	case MT_HELD_LIBC:
		fputs("the C library's ", out);
		if (root->tid && root->module == MT_NO_MODULE)
			fputs("data of a thread", out);
		else
			put_variable(out, roots, root);
		return;
	case MT_HELD_STACK:
		fputs("the stack", out);
		break;
	case MT_HELD_ALTSTACK:
		fputs("the alternate stack", out);
		break;
	case MT_HELD_REGISTER:
		put_register(out, root);
		break;
	case MT_HELD_KEY:
		fprintf(out, "pthread key %" PRIu32, root->number);
		return;
	case MT_HELD_TRACKED:
		fprintf(out, "a tracked region of domain %" PRIu32, root->number);
		return;
	default:
		fprintf(out, "%s at 0x%" PRIx64,
			is_unrecorded(root) ? "an unrecorded block" : "memory",
			root->offset);
		return;
	}
	put_place(out, roots, i, directory);
}

/* Variables have places, and what has none but its address: other labels may have any "+". */
static const char *name_of(struct mt_roots *roots, size_t i, char *label,
			   struct mt_error *err)
{
	const struct mt_heap_root *root = &roots->heap->roots.list[i];
	const char *name = label;
	char *plus = strrchr(label, '+');
	bool has_place = plus && is_variable(root) &&
			 strspn(plus + 1, "0123456789") == strlen(plus + 1);
	if (has_place)
		*plus = '\0';
	else if (root->kind == MT_HELD_MAPPING)
		name = is_unrecorded(root) ? "unrecorded blocks" : "mapped memory";
	return mt_locations_string(roots->callsites->frames->locations, name, err);
}

static int make_label(struct mt_roots *roots, size_t i, const char *directory,
		      struct mt_error *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	put_label(out, roots, i, directory);
	if (!fclose(out)) {
		roots->labels[i] = mt_locations_string(
			roots->callsites->frames->locations, text, err);
		roots->names[i] = name_of(roots, i, text, err);
	}
	free(text);
	return roots->labels[i] && roots->names[i]
		       ? 0
		       : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

int mt_roots_init(struct mt_roots *roots, const struct mt_heap *heap,
		  struct mt_callsites *callsites, const char *directory,
		  struct mt_error *err)
{
	*roots = (struct mt_roots){.heap = heap, .callsites = callsites};
	roots->places = calloc(heap->roots.count + 1, sizeof *roots->places);
	roots->labels = calloc(heap->roots.count + 1, sizeof *roots->labels);
	roots->names = calloc(heap->roots.count + 1, sizeof *roots->names);
	if (!roots->places || !roots->labels || !roots->names)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = find_places(roots, err);
	for (size_t i = 0; rc >= 0 && i < heap->roots.count; i++)
		rc = make_label(roots, i, directory, err);
	return rc;
}

void mt_roots_deinit(struct mt_roots *roots)
{
	free(roots->places);
	free(roots->labels);
	free(roots->names);
	*roots = (struct mt_roots){0};
}
