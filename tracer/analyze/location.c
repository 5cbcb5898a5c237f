/*
 * location.c - see location.h. Outside.
 */
#include "tracer/analyze/location.h"

#include "formats/state.h"
#include "tracer/analyze/vector.h"

#include <string.h>

static bool string_equals(const void *owner, uint32_t id, const void *wanted)
{
	return !strcmp(((const struct mt_locations *)owner)->strings[id], wanted);
}

const char *mt_locations_string(struct mt_locations *locations, const char *string,
				struct mt_error *err)
{
	uint64_t hash = mt_hash_bytes(0, string, strlen(string));
	uint32_t id = mt_index_find(&locations->string_index, hash, string_equals,
				    locations, string);
	if (id != MT_INDEX_NONE)
		return locations->strings[id];
	char **grown = mt_vector_reserve(locations->strings, &locations->string_capacity,
					 locations->string_count + 1, sizeof *grown, err);
	if (!grown)
		return NULL;
	locations->strings = grown;
	char *copy = strdup(string);
	if (!copy || mt_index_add(&locations->string_index, hash,
				  (uint32_t)locations->string_count, err) < 0) {
		free(copy);
		mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	grown[locations->string_count++] = copy;
	return copy;
}

static bool location_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_location *a = &((const struct mt_locations *)owner)->list[id];
	const struct mt_location *b = wanted;
	return a->file == b->file && a->line == b->line && a->function == b->function &&
	       a->module == b->module && (a->file || a->offset == b->offset) &&
	       a->is_inlined == b->is_inlined;
}

static int intern_string(struct mt_locations *locations, const char **string,
			 struct mt_error *err)
{
	if (!*string)
		return 0;
	*string = mt_locations_string(locations, *string, err);
	return *string ? 0 : MT_ERR_NO_MEMORY;
}

int mt_locations_intern(struct mt_locations *locations,
			const struct mt_location *location, mt_location_id *id,
			struct mt_error *err)
{
	struct mt_location own = *location;
	if (intern_string(locations, &own.function, err) < 0 ||
	    intern_string(locations, &own.file, err) < 0 ||
	    intern_string(locations, &own.module, err) < 0)
		return MT_ERR_NO_MEMORY;
	uint64_t hash = mt_hash_word((uintptr_t)own.file, own.line);
	hash = mt_hash_word(hash, (uintptr_t)own.function);
	hash = mt_hash_word(hash, (uintptr_t)own.module);
	hash = mt_hash_word(hash, (own.file ? 0 : own.offset) << 1 | own.is_inlined);
	*id = mt_index_find(&locations->index, hash, location_equals, locations, &own);
	if (*id != MT_INDEX_NONE)
		return 0;
	struct mt_location *grown =
		mt_vector_reserve(locations->list, &locations->capacity,
				  locations->count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	locations->list = grown;
	*id = (mt_location_id)locations->count;
	if (mt_index_add(&locations->index, hash, *id, err) < 0)
		return MT_ERR_NO_MEMORY;
	grown[locations->count++] = own;
	return 0;
}

int mt_locations_init(struct mt_locations *locations, struct mt_error *err)
{
	*locations = (struct mt_locations){0};
	mt_location_id id;
	int rc = mt_locations_intern(locations, &(struct mt_location){0}, &id, err);
	if (rc >= 0)
		rc = mt_locations_intern(locations,
					 &(struct mt_location){.function = "[inherited]"},
					 &id, err);
	if (rc < 0)
		mt_locations_deinit(locations);
	return rc;
}

void mt_locations_deinit(struct mt_locations *locations)
{
	for (size_t i = 0; i < locations->string_count; i++)
		free(locations->strings[i]);
	free(locations->strings);
	free(locations->list);
	mt_index_deinit(&locations->string_index);
	mt_index_deinit(&locations->index);
	*locations = (struct mt_locations){0};
}

static int compare_strings(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (!a || !b)
		return a ? 1 : -1;
	return strcmp(a, b);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What stands in the place of the file name in a row. */
static const char *name_of(const struct mt_location *location)
{
	if (location->file)
		return location->file;
	if (location->module)
		return location->module;
	return location->function ? location->function : "<unknown>";
}

int mt_location_compare(const struct mt_location *a, const struct mt_location *b)
{
	int order = compare_strings(name_of(a), name_of(b));
	if (!order)
		order = compare_numbers(a->line, b->line);
	if (!order)
		order = compare_strings(a->file, b->file);
	if (!order && !a->file)
		order = compare_numbers(a->offset, b->offset);
	if (!order)
		order = compare_strings(a->function, b->function);
	if (!order)
		order = compare_strings(a->module, b->module);
	return order ? order : (int)a->is_inlined - (int)b->is_inlined;
}

/* Frames of a trace. */

static int add_modules(struct mt_frame_locations *frames, struct mt_error *err)
{
	const struct mt_trace *trace = frames->trace;
	for (size_t i = 0; i < trace->modules.count; i++) {
		const struct mt_trace_module *module = &trace->modules.list[i];
		struct mt_symbol_module symbol_module = {
			.id = frames->module_base + (uint32_t)i,
			.path = module->path,
			.build_id = module->build_id,
			.build_id_bytes = module->build_id_bytes,
			.has_no_file = module->flags & MT_MODULE_VDSO,
		};
		int rc =
			mt_symbolizer_add_module(frames->symbolizer, &symbol_module, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int mt_frame_locations_init(struct mt_frame_locations *frames,
			    struct mt_locations *locations, const struct mt_trace *trace,
			    struct mt_symbolizer *symbolizer, uint32_t module_base,
			    struct mt_error *err)
{
	*frames = (struct mt_frame_locations){.locations = locations,
					      .trace = trace,
					      .symbolizer = symbolizer,
					      .module_base = module_base};
	frames->spans = calloc(trace->frames.count + 1, sizeof *frames->spans);
	frames->is_wanted = calloc(trace->frames.count + 1, 1);
	int rc = frames->spans && frames->is_wanted
			 ? 0
			 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (rc >= 0 && symbolizer)
		rc = add_modules(frames, err);
	if (rc < 0)
		mt_frame_locations_deinit(frames);
	return rc;
}

void mt_frame_locations_deinit(struct mt_frame_locations *frames)
{
	free(frames->spans);
	free(frames->ids);
	free(frames->wanted);
	free(frames->is_wanted);
	*frames = (struct mt_frame_locations){0};
}

int mt_frame_locations_want(struct mt_frame_locations *frames, uint32_t frame,
			    struct mt_error *err)
{
	if (mt_frame_is_resolved(frames, frame) || frames->is_wanted[frame])
		return 0;
	uint32_t *grown = mt_vector_reserve(frames->wanted, &frames->wanted_capacity,
					    frames->wanted_count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	frames->wanted = grown;
	grown[frames->wanted_count++] = frame;
	frames->is_wanted[frame] = 1;
	const struct mt_trace_frame *f = &frames->trace->frames.list[frame];
	if (!frames->symbolizer || f->module == MT_NO_MODULE ||
	    f->kind != MT_FRAME_NATIVE)
		return 0;
	return mt_symbolizer_add(frames->symbolizer, frames->module_base + f->module,
				 f->offset, !f->exact, err);
}

int mt_frame_locations_want_chain(struct mt_frame_locations *frames, uint32_t node,
				  struct mt_error *err)
{
	const struct mt_trace_node *nodes = frames->trace->nodes.list;
	int rc = 0;
	for (; rc >= 0 && node != MT_NO_NODE; node = nodes[node].parent)
		if (nodes[node].frame != MT_NO_FRAME)
			rc = mt_frame_locations_want(frames, nodes[node].frame, err);
	return rc;
}

int mt_frame_locations_put(struct mt_frame_locations *frames, uint32_t frame,
			   struct mt_symbols symbols, struct mt_error *err)
{
	const struct mt_trace_frame *f = &frames->trace->frames.list[frame];
	mt_location_id *grown =
		mt_vector_reserve(frames->ids, &frames->id_capacity,
				  frames->id_count + symbols.count, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	frames->ids = grown;
	size_t first = frames->id_count;
	for (size_t i = 0; i < symbols.count; i++) {
		const struct mt_symbol *symbol = &symbols.list[i];
		struct mt_location location = {
			.function = symbol->function,
			.file = symbol->file,
			.line = symbol->file ? symbol->line : 0,
			.module = f->module == MT_NO_MODULE
					  ? NULL
					  : frames->trace->modules.list[f->module].path,
			.offset = f->offset,
			.is_inlined = symbol->is_inlined,
		};
		int rc = mt_locations_intern(frames->locations, &location,
					     &frames->ids[first + i], err);
		if (rc < 0)
			return rc;
	}
	frames->id_count += symbols.count;
	frames->spans[frame] =
		(struct mt_frame_span){(uint32_t)first, (uint32_t)symbols.count};
	return 0;
}

static int put_found(struct mt_frame_locations *frames, uint32_t frame,
		     struct mt_error *err)
{
	static const struct mt_symbol unknown = {0};
	const struct mt_trace_frame *f = &frames->trace->frames.list[frame];
	struct mt_symbols symbols = {0};
	if (frames->symbolizer && f->module != MT_NO_MODULE && f->kind == MT_FRAME_NATIVE)
		symbols = mt_symbolizer_find(frames->symbolizer,
					     frames->module_base + f->module, f->offset,
					     !f->exact);
	if (!symbols.count)
		symbols = (struct mt_symbols){&unknown, 1};
	return mt_frame_locations_put(frames, frame, symbols, err);
}

int mt_frame_locations_resolve(struct mt_frame_locations *frames, struct mt_error *err)
{
	if (!frames->wanted_count)
		return 0;
	int rc = frames->symbolizer ? mt_symbolizer_resolve(frames->symbolizer, err) : 0;
	for (size_t i = 0; rc >= 0 && i < frames->wanted_count; i++) {
		frames->is_wanted[frames->wanted[i]] = 0;
		rc = put_found(frames, frames->wanted[i], err);
	}
	frames->wanted_count = 0;
	return rc;
}
