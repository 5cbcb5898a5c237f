/*
 * types.c - see types.h. Outside.
 */
#include "tracer/analyze/types.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char vtable_prefix[] = "vtable for ";

static int want_symbols(const struct mt_heap *heap,
			const struct mt_frame_locations *frames, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < heap->types.count; i++) {
		const struct mt_heap_type *type = &heap->types.list[i];
		if (type->content == MT_CONTENT_OBJECT && type->module != MT_NO_MODULE)
			rc = mt_symbolizer_add_variable(
				frames->symbolizer, frames->module_base + type->module,
				type->number, false, err);
	}
	return rc < 0 ? rc : mt_symbolizer_resolve(frames->symbolizer, err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static int name_object(char **name, const struct mt_heap *heap,
		       const struct mt_frame_locations *frames,
		       const struct mt_heap_type *type)
{
	if (type->module == MT_NO_MODULE)
		return asprintf(name, "data");
	const char *symbol = mt_symbolizer_find_variable(
		frames->symbolizer, frames->module_base + type->module, type->number,
		false);
	size_t prefix = sizeof vtable_prefix - 1;
	if (!symbol)
		return asprintf(name, "object (%s+0x%" PRIx64 ")",
				base_name(heap->trace->modules.list[type->module].path),
				type->number);
	if (strncmp(symbol, vtable_prefix, prefix) != 0)
		return asprintf(name, "data");
	/* What follows the plus is the place in the vtable. */
	const char *plus = strrchr(symbol, '+');
	size_t length = plus ? (size_t)(plus - symbol) : strlen(symbol);
	return asprintf(name, "%.*s", (int)(length - prefix), symbol + prefix);
}

static int name_type(char **name, const struct mt_heap *heap,
		     const struct mt_frame_locations *frames,
		     const struct mt_heap_type *type)
{
	switch (type->content) {
	case MT_CONTENT_OBJECT:
		return name_object(name, heap, frames, type);
	case MT_CONTENT_STRING:
		return asprintf(name, "string of %" PRIu64, type->number);
	case MT_CONTENT_POINTERS:
		return asprintf(name, "pointers");
	case MT_CONTENT_ZEROES:
		return asprintf(name, "zeroes");
	default:
		return asprintf(name, "data");
	}
}

int mt_types_init(struct mt_types *types, const struct mt_heap *heap,
		  const struct mt_frame_locations *frames, struct mt_error *err)
{
	types->names = calloc(heap->types.count + 1, sizeof *types->names);
	if (!types->names)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = want_symbols(heap, frames, err);
	for (size_t i = 0; rc >= 0 && i < heap->types.count; i++) {
		char *name;
		if (name_type(&name, heap, frames, &heap->types.list[i]) < 0)
			return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
		types->names[i] = mt_locations_string(frames->locations, name, err);
		rc = types->names[i] ? 0 : MT_ERR_NO_MEMORY;
		free(name);
	}
	return rc;
}

void mt_types_deinit(struct mt_types *types)
{
	free(types->names);
	*types = (struct mt_types){0};
}
