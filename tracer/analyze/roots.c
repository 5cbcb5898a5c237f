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

static int want_symbols(const struct mt_heap *heap, struct mt_frame_locations *frames,
			struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < heap->roots.count; i++) {
		const struct mt_heap_root *root = &heap->roots.list[i];
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
		roots->frames->symbolizer, roots->frames->module_base + root->module,
		root->offset, root->kind == MT_HELD_THREAD_LOCAL);
	if (name)
		fputs(name, out);
	else
		fprintf(out, "%s+0x%" PRIx64, slash && slash[1] ? slash + 1 : path,
			root->offset);
}

/* " in worker (pool.c:40)", or nothing. */
static void put_function(FILE *out, const struct mt_roots *roots,
			 const struct mt_heap_root *root, const char *directory)
{
	if (root->frame == MT_NO_FRAME)
		return;
	const struct mt_frame_span *span = &roots->frames->spans[root->frame];
	/* The frame is the whole function's: what was inlined into it comes before. */
	mt_location_id id = roots->frames->ids[span->first + span->count - 1];
	const struct mt_location *location = &roots->frames->locations->list[id];
	char *label = mt_label_location(location, directory);
	if (location->function && location->file)
		fprintf(out, " in %s (%s)", location->function, label ? label : "");
	else
		fprintf(out, " in %s", label ? label : "");
	free(label);
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

static void put_label(FILE *out, const struct mt_roots *roots,
		      const struct mt_heap_root *root, const char *directory)
{
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
	put_function(out, roots, root, directory);
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
	return mt_locations_string(roots->frames->locations, name, err);
}

static int make_label(struct mt_roots *roots, size_t i, const char *directory,
		      struct mt_error *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	put_label(out, roots, &roots->heap->roots.list[i], directory);
	if (!fclose(out)) {
		roots->labels[i] =
			mt_locations_string(roots->frames->locations, text, err);
		roots->names[i] = name_of(roots, i, text, err);
	}
	free(text);
	return roots->labels[i] && roots->names[i]
		       ? 0
		       : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

int mt_roots_init(struct mt_roots *roots, const struct mt_heap *heap,
		  struct mt_frame_locations *frames, const char *directory,
		  struct mt_error *err)
{
	*roots = (struct mt_roots){.heap = heap, .frames = frames};
	roots->labels = calloc(heap->roots.count + 1, sizeof *roots->labels);
	roots->names = calloc(heap->roots.count + 1, sizeof *roots->names);
	if (!roots->labels || !roots->names)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = want_symbols(heap, frames, err);
	for (size_t i = 0; rc >= 0 && i < heap->roots.count; i++)
		rc = make_label(roots, i, directory, err);
	return rc;
}

void mt_roots_deinit(struct mt_roots *roots)
{
	free(roots->labels);
	free(roots->names);
	*roots = (struct mt_roots){0};
}
