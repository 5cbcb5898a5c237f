/*
 * symbolize.c - see symbolize.h. Outside.
 *
 * Addresses wait per module until they are resolved together: first by the cache, the
 * rest from the module's files in a process apart. What was found stays in layers, since
 * symbols that were handed out must not move.
 */
#include "tracer/analyze/symbolize.h"

#include "tracer/analyze/symbolize-apart.h"
#include "tracer/analyze/symbolize-cache.h"
#include "tracer/analyze/symbolize-list.h"

#include <string.h>

struct layer {
	struct mt_resolved found;
	struct layer *older;
};

struct module {
	struct mt_symbol_module recorded; /* path and build id are ours */
	uint64_t *pcs;                    /* asked for and not resolved yet */
	size_t pc_count, pc_capacity;
	struct layer *layers;
	struct layer *stale; /* kept before the files changed; NULL: nothing */
	bool has_used_stale; /* what is kept is better than what can be found now */
	bool has_asked_cache;
	bool is_noticed;
};

struct mt_symbolizer {
	struct mt_symbolizer_options options;
	char *debug_dir;
	struct mt_symbol_cache cache;
	struct module *modules; /* by id */
	size_t module_count, module_capacity;
};

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "no memory for symbols");
}

int mt_symbolizer_create(struct mt_symbolizer **symbolizer,
			 const struct mt_symbolizer_options *options,
			 struct mt_error *err)
{
	struct mt_symbolizer *made = calloc(1, sizeof *made);
	*symbolizer = made;
	if (!made)
		return no_memory(err);
	made->options = *options;
	if (options->debug_dir) {
		made->debug_dir = strdup(options->debug_dir);
		made->options.debug_dir = made->debug_dir;
		if (!made->debug_dir) {
			mt_symbolizer_destroy(made);
			*symbolizer = NULL;
			return no_memory(err);
		}
	}
	if (!options->no_cache)
		mt_symbol_cache_init(&made->cache);
	return 0;
}

static void free_layer(struct layer *layer)
{
	if (layer)
		mt_resolved_deinit(&layer->found);
	free(layer);
}

static void free_module(struct module *module)
{
	while (module->layers) {
		struct layer *older = module->layers->older;
		free_layer(module->layers);
		module->layers = older;
	}
	free_layer(module->stale);
	free(module->pcs);
	free((char *)module->recorded.path);
	free((uint8_t *)module->recorded.build_id);
}

void mt_symbolizer_destroy(struct mt_symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	for (size_t i = 0; i < symbolizer->module_count; i++)
		free_module(&symbolizer->modules[i]);
	free(symbolizer->modules);
	free(symbolizer->debug_dir);
	mt_symbol_cache_deinit(&symbolizer->cache);
	free(symbolizer);
}

/* Where the module is in the list, or belongs. */
static size_t place_of(const struct mt_symbolizer *symbolizer, uint32_t id)
{
	size_t low = 0, high = symbolizer->module_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (symbolizer->modules[middle].recorded.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct module *find_module(const struct mt_symbolizer *symbolizer, uint32_t id)
{
	size_t i = place_of(symbolizer, id);
	if (i == symbolizer->module_count || symbolizer->modules[i].recorded.id != id)
		return NULL;
	return &symbolizer->modules[i];
}

static bool copy_module(struct module *module, const struct mt_symbol_module *recorded)
{
	size_t bytes = recorded->build_id_bytes;
	char *path = strdup(recorded->path ? recorded->path : "");
	uint8_t *build_id = calloc(bytes + 1, 1);
	if (!path || !build_id) {
		free(path);
		free(build_id);
		return false;
	}
	if (bytes)
		memcpy(build_id, recorded->build_id, bytes);
	*module = (struct module){.recorded = *recorded};
	module->recorded.path = path;
	module->recorded.build_id = build_id;
	return true;
}

int mt_symbolizer_add_module(struct mt_symbolizer *symbolizer,
			     const struct mt_symbol_module *recorded,
			     struct mt_error *err)
{
	struct module module;
	if (find_module(symbolizer, recorded->id))
		return 0;
	void *room =
		mt_list_room(symbolizer->modules, symbolizer->module_count,
			     &symbolizer->module_capacity, sizeof *symbolizer->modules);
	if (!room)
		return no_memory(err);
	symbolizer->modules = room;
	if (!copy_module(&module, recorded))
		return no_memory(err);
	size_t i = place_of(symbolizer, recorded->id);
	memmove(&symbolizer->modules[i + 1], &symbolizer->modules[i],
		(symbolizer->module_count - i) * sizeof module);
	symbolizer->modules[i] = module;
	symbolizer->module_count++;
	return 0;
}

static int by_value(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static void sort_pcs(struct module *module)
{
	size_t kept = 0;
	if (module->pc_count)
		qsort(module->pcs, module->pc_count, sizeof *module->pcs, by_value);
	for (size_t i = 0; i < module->pc_count; i++) {
		if (!i || module->pcs[i] != module->pcs[i - 1])
			module->pcs[kept++] = module->pcs[i];
	}
	module->pc_count = kept;
}

/* The call lies before the address it returns to. */
static uint64_t pc_of(uint64_t offset, bool is_return_address)
{
	return offset - (is_return_address && offset);
}

static uint64_t variable_of(uint64_t offset, bool is_thread_local)
{
	return offset | MT_PC_VARIABLE | (is_thread_local ? MT_PC_THREAD_LOCAL : 0);
}

static int add_pc(struct module *module, uint64_t pc, struct mt_error *err)
{
	if (module->pc_count == module->pc_capacity) {
		sort_pcs(module);
		/* Grow only where duplicates were not what filled it. */
		size_t used = module->pc_count * 2 > module->pc_capacity
				      ? module->pc_capacity
				      : module->pc_count;
		void *room = mt_list_room(module->pcs, used, &module->pc_capacity,
					  sizeof *module->pcs);
		if (!room)
			return no_memory(err);
		module->pcs = room;
	}
	module->pcs[module->pc_count++] = pc;
	return 0;
}

int mt_symbolizer_add(struct mt_symbolizer *symbolizer, uint32_t id, uint64_t offset,
		      bool is_return_address, struct mt_error *err)
{
	struct module *module = find_module(symbolizer, id);
	if (!module || offset >= MT_PC_VARIABLE)
		return 0;
	return add_pc(module, pc_of(offset, is_return_address), err);
}

int mt_symbolizer_add_variable(struct mt_symbolizer *symbolizer, uint32_t id,
			       uint64_t offset, bool is_thread_local,
			       struct mt_error *err)
{
	struct module *module = find_module(symbolizer, id);
	if (!module || offset >= MT_PC_VARIABLE)
		return 0;
	return add_pc(module, variable_of(offset, is_thread_local), err);
}

static struct mt_symbols find_in_layers(const struct module *module, uint64_t pc)
{
	struct mt_symbols symbols = {0};
	for (struct layer *layer = module->layers; layer && !symbols.count;
	     layer = layer->older)
		symbols = mt_resolved_find(&layer->found, pc);
	return symbols;
}

static void drop_known(struct module *module)
{
	size_t kept = 0;
	for (size_t i = 0; i < module->pc_count; i++) {
		if (!find_in_layers(module, module->pcs[i]).count)
			module->pcs[kept++] = module->pcs[i];
	}
	module->pc_count = kept;
}

static void notice(const struct mt_symbolizer *symbolizer, struct module *module,
		   const char *text)
{
	/* Where damage took a module's record there is nothing to name. */
	bool has_name = module->recorded.path && *module->recorded.path;
	if (!module->is_noticed && has_name && symbolizer->options.notice)
		symbolizer->options.notice(symbolizer->options.notice_context,
					   module->recorded.path, text);
	module->is_noticed = true;
}

static void push_layer(const struct mt_symbolizer *symbolizer, struct module *module,
		       struct layer *layer)
{
	layer->older = module->layers;
	module->layers = layer;
	if (layer->found.notice)
		notice(symbolizer, module, layer->found.text + layer->found.notice);
}

static int ask_cache(struct mt_symbolizer *symbolizer, struct module *module,
		     struct mt_error *err)
{
	bool is_fresh;
	if (module->has_asked_cache)
		return 0;
	module->has_asked_cache = true;
	struct layer *layer = calloc(1, sizeof *layer);
	if (!layer)
		return no_memory(err);
	if (!mt_symbol_cache_load(&symbolizer->cache, &module->recorded,
				  &symbolizer->options, &layer->found, &is_fresh))
		free(layer);
	else if (is_fresh)
		push_layer(symbolizer, module, layer);
	else
		module->stale = layer;
	return 0;
}

/*
 * What was kept while the file was there, which is no more: it is right still. The new
 * answer, which is worse, is only for what had not been asked then, and is not kept.
 */
static void prefer_stale(struct mt_symbolizer *symbolizer, struct module *module,
			 struct layer *worse)
{
	struct layer *stale = module->stale, *below = module->layers;
	module->stale = NULL;
	module->has_used_stale = true;
	push_layer(symbolizer, module, stale);
	drop_known(module);
	if (!module->pc_count) {
		free_layer(worse);
		return;
	}
	module->layers = below;
	push_layer(symbolizer, module, worse);
	push_layer(symbolizer, module, stale);
}

/* From the files; where debug information is fatal, without it. */
static bool ask_files(const struct mt_symbolizer *symbolizer, struct module *module,
		      struct mt_resolved *found)
{
	struct mt_symbol_request request = {
		.module = &module->recorded,
		.options = &symbolizer->options,
		.pcs = module->pcs,
		.pc_count = module->pc_count,
	};
	if (mt_symbol_apart_resolve(&request, found))
		return true;
	request.names_only = true;
	if (mt_symbol_apart_resolve(&request, found)) {
		notice(symbolizer, module,
		       "debug information is damaged or too large: no lines");
		found->is_volatile = true;
		return true;
	}
	notice(symbolizer, module, "the file is damaged: no symbols");
	return false;
}

/* All layers in one; the newest knows the files. */
static void store(struct mt_symbolizer *symbolizer, const struct module *module)
{
	const struct mt_resolved *newest = &module->layers->found;
	struct mt_resolved all = {.is_volatile = newest->is_volatile};
	if (!symbolizer->cache.directory || newest->is_volatile || module->has_used_stale)
		return;
	all.notice = mt_resolved_text(&all, newest->text + newest->notice);
	for (const struct layer *layer = module->layers; layer; layer = layer->older)
		mt_resolved_append(&all, &layer->found);
	mt_symbol_cache_store(&symbolizer->cache, &module->recorded, &symbolizer->options,
			      &all);
	mt_resolved_deinit(&all);
}

static int resolve_module(struct mt_symbolizer *symbolizer, struct module *module,
			  struct mt_error *err)
{
	sort_pcs(module);
	if (!module->pc_count || module->recorded.has_no_file)
		return 0;
	if (ask_cache(symbolizer, module, err) < 0)
		return MT_ERR_NO_MEMORY;
	drop_known(module);
	if (!module->pc_count)
		return 0;
	struct layer *layer = calloc(1, sizeof *layer);
	if (!layer)
		return no_memory(err);
	bool has_found = ask_files(symbolizer, module, &layer->found);
	bool is_worse = !has_found || layer->found.notice;
	if (is_worse && module->stale && !module->stale->found.notice) {
		prefer_stale(symbolizer, module, layer);
	} else if (has_found) {
		push_layer(symbolizer, module, layer);
		store(symbolizer, module);
	} else {
		free(layer);
	}
	module->pc_count = 0;
	return 0;
}

int mt_symbolizer_resolve(struct mt_symbolizer *symbolizer, struct mt_error *err)
{
	for (size_t i = 0; i < symbolizer->module_count; i++) {
		int rc = resolve_module(symbolizer, &symbolizer->modules[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

struct mt_symbols mt_symbolizer_find(const struct mt_symbolizer *symbolizer, uint32_t id,
				     uint64_t offset, bool is_return_address)
{
	static const struct mt_symbol unknown;
	const struct module *module = find_module(symbolizer, id);
	struct mt_symbols symbols = {0};
	if (module)
		symbols = find_in_layers(module, pc_of(offset, is_return_address));
	return symbols.count ? symbols : (struct mt_symbols){&unknown, 1};
}

const char *mt_symbolizer_find_variable(const struct mt_symbolizer *symbolizer,
					uint32_t id, uint64_t offset,
					bool is_thread_local)
{
	const struct module *module = find_module(symbolizer, id);
	if (!module || offset >= MT_PC_VARIABLE)
		return NULL;
	struct mt_symbols symbols =
		find_in_layers(module, variable_of(offset, is_thread_local));
	return symbols.count ? symbols.list[0].function : NULL;
}
