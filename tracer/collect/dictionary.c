/*
 * dictionary.c - the state's nodes and modules, as records of the trace. Outside.
 */
#include "tracer/collect/dictionary.h"

#include "tracer/collect/table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	READ_BATCH = 4096,
	NO_MODULE = 0,
	KIND_COUNT = 3, /* enum mt_frame_kind */
	ROOT_COUNT = MT_TRACEBACK_CUT + 1,
	KIND_MASK = MT_NODE_EXACT_PC - 1,
};

static const uint64_t offset_limit = UINT64_C(1) << 48;

/* What is known of a module of the state. */
struct module {
	uint32_t id; /* in the file; 0: not written yet */
	uint64_t bias;
};

struct mt_dictionary {
	const struct mt_image *image;
	struct mt_writer *writer;

	struct mt_state_node *nodes; /* as far as the state has been read */
	uint32_t *memo;              /* by node: traceback in the file, 0: not known */
	uint32_t *depths;            /* by node: frames up to the root */
	mt_node_id *domains;         /* by node: the domain's node above, or 0 */
	uint64_t node_count, node_capacity;
	uint64_t node_finished; /* all below are written completely */

	mt_node_id *id_nodes; /* by mt_traceback_id */
	uint64_t id_count, id_capacity;
	uint64_t followed; /* ids below were written ahead, or are left for later */

	struct module *modules;
	uint64_t module_count, module_capacity;
	uint32_t modules_written;

	struct mt_key_table frames[KIND_COUNT][2]; /* by kind and exactness */
	uint32_t frame_count;
	struct mt_key_table tracebacks; /* parent << 32 | frame */
	uint32_t traceback_count;
	uint32_t roots[ROOT_COUNT];

	uint32_t nframe; /* the memo holds for this one */
	mt_node_id *chain;
};

struct mt_dictionary *mt_dictionary_create(const struct mt_image *image,
					   struct mt_writer *writer)
{
	struct mt_dictionary *dictionary = calloc(1, sizeof *dictionary);
	if (!dictionary)
		return NULL;
	dictionary->image = image;
	dictionary->writer = writer;
	dictionary->chain = malloc((MT_MAX_DEPTH + 2) * sizeof *dictionary->chain);
	if (dictionary->chain)
		return dictionary;
	free(dictionary);
	return NULL;
}

void mt_dictionary_destroy(struct mt_dictionary *dictionary)
{
	if (!dictionary)
		return;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int exact = 0; exact < 2; exact++)
			mt_key_table_deinit(&dictionary->frames[kind][exact]);
	mt_key_table_deinit(&dictionary->tracebacks);
	free(dictionary->nodes);
	free(dictionary->memo);
	free(dictionary->depths);
	free(dictionary->domains);
	free(dictionary->id_nodes);
	free(dictionary->modules);
	free(dictionary->chain);
	free(dictionary);
}

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

/* Room for count entries of size bytes, new ones zeroed. */
static bool resize(void **array, uint64_t old_count, uint64_t count, size_t size)
{
	char *larger = realloc(*array, count * size);
	if (!larger)
		return false;
	memset(larger + old_count * size, 0, (count - old_count) * size);
	*array = larger;
	return true;
}

static uint64_t grown(uint64_t capacity, uint64_t needed)
{
	uint64_t next = capacity ? capacity : READ_BATCH;
	while (next < needed)
		next += next / 2;
	return next;
}

static bool reserve_nodes(struct mt_dictionary *d, uint64_t count)
{
	if (count <= d->node_capacity)
		return true;
	uint64_t old = d->node_capacity, next = grown(old, count);
	if (!resize((void **)&d->nodes, old, next, sizeof *d->nodes) ||
	    !resize((void **)&d->memo, old, next, sizeof *d->memo) ||
	    !resize((void **)&d->depths, old, next, sizeof *d->depths) ||
	    !resize((void **)&d->domains, old, next, sizeof *d->domains))
		return false;
	d->node_capacity = next;
	return true;
}

static int node_kind(const struct mt_state_node *node)
{
	int kind = (int)(node->traceback_kind >> MT_NODE_KIND_SHIFT) & KIND_MASK;
	return kind < KIND_COUNT ? kind : MT_FRAME_NATIVE;
}

static bool is_node_exact(const struct mt_state_node *node)
{
	return node->traceback_kind >> MT_NODE_KIND_SHIFT & MT_NODE_EXACT_PC;
}

/*
 * New nodes, and again those from the first that was unfinished: ids are handed out before
 * the nodes are written.
 */
static int update_nodes(struct mt_dictionary *d, struct mt_error *err)
{
	uint64_t used = mt_image_clamp(d->image, MT_REGION_NODES, sizeof *d->nodes,
				       d->image->header.used.nodes);
	uint64_t first =
		d->node_finished > MT_FIRST_NODE ? d->node_finished : MT_FIRST_NODE;
	if (used <= first)
		return 0;
	if (!reserve_nodes(d, used))
		return no_memory(err);
	uint64_t got = mt_image_read(d->image, MT_REGION_NODES, sizeof *d->nodes, first,
				     used - first, d->nodes + first);
	d->node_count = first + got;
	while (first < d->node_count && d->nodes[first].parent)
		first++;
	d->node_finished = first;
	return 0;
}

static bool is_node(const struct mt_dictionary *d, mt_node_id node)
{
	return node >= MT_FIRST_NODE && node < d->node_count && d->nodes[node].parent;
}

/*
 * Depth and domain of node and its callers. A chain that does not end is cut off where it
 * is longer than any can be.
 */
static void place_node(struct mt_dictionary *d, mt_node_id node)
{
	uint32_t length = 0;
	for (; is_node(d, node) && !d->depths[node]; node = d->nodes[node].parent) {
		if (length > MT_MAX_DEPTH) {
			d->nodes[d->chain[length - 1]].parent = MT_ROOT_TRUNCATED;
			node = MT_ROOT_TRUNCATED;
			break;
		}
		d->chain[length++] = node;
	}
	bool has_caller = is_node(d, node);
	if (!has_caller && node >= MT_FIRST_NODE && length)
		d->nodes[d->chain[length - 1]].parent = MT_ROOT_TRUNCATED;
	uint32_t depth = has_caller ? d->depths[node] : 0;
	mt_node_id domain = has_caller ? d->domains[node] : 0;
	while (length) {
		node = d->chain[--length];
		if (depth >= MT_MAX_DEPTH) {
			d->nodes[node].parent = MT_ROOT_TRUNCATED;
			depth = 0;
		}
		if (node_kind(&d->nodes[node]) == MT_FRAME_DOMAIN)
			domain = node;
		d->depths[node] = ++depth;
		d->domains[node] = domain;
	}
}

static int update_ids(struct mt_dictionary *d, struct mt_error *err)
{
	uint64_t used =
		mt_image_clamp(d->image, MT_REGION_TRACEBACKS, sizeof *d->id_nodes,
			       d->image->header.used.tracebacks);
	if (used > d->id_capacity) {
		uint64_t next = grown(d->id_capacity, used);
		if (!resize((void **)&d->id_nodes, d->id_capacity, next,
			    sizeof *d->id_nodes))
			return no_memory(err);
		d->id_capacity = next;
	}
	if (used > d->id_count)
		mt_image_read(d->image, MT_REGION_TRACEBACKS, sizeof *d->id_nodes,
			      d->id_count, used - d->id_count, d->id_nodes + d->id_count);
	d->id_count = used;
	return 0;
}

static int write_module(struct mt_dictionary *d, const struct mt_state_module *module,
			struct module *known, struct mt_error *err)
{
	char path[PATH_MAX];
	mt_image_string(d->image, module->path, path, sizeof path);
	uint32_t build_id = module->build_id_bytes <= sizeof module->build_id
				    ? module->build_id_bytes
				    : 0;
	struct mt_record record = {.kind = MT_RECORD_MODULE};
	record.module = (struct mt_record_module){
		.id = d->modules_written + 1,
		.flags = module->flags,
		.start = module->start,
		.end = module->end,
		.bias = module->bias,
		.path = {path, strlen(path)},
		.build_id = {(const char *)module->build_id, build_id}};
	struct stat file;
	if (path[0] == '/' && !stat(path, &file)) {
		record.module.file_bytes = (uint64_t)file.st_size;
		record.module.file_mtime_ns =
			(uint64_t)file.st_mtim.tv_sec * 1000000000u +
			(uint64_t)file.st_mtim.tv_nsec;
	}
	int rc = mt_writer_put(d->writer, &record, err);
	if (rc < 0)
		return rc;
	*known = (struct module){.id = ++d->modules_written, .bias = module->bias};
	return 0;
}

static int update_modules(struct mt_dictionary *d, struct mt_error *err)
{
	struct mt_state_module module;
	uint64_t used = mt_image_clamp(d->image, MT_REGION_MODULES, sizeof module,
				       d->image->header.used.modules);
	if (used > d->module_capacity) {
		uint64_t next = grown(d->module_capacity, used);
		if (!resize((void **)&d->modules, d->module_capacity, next,
			    sizeof *d->modules))
			return no_memory(err);
		d->module_capacity = next;
	}
	d->module_count = used;
	for (uint64_t i = 1; i < used; i++) {
		if (d->modules[i].id ||
		    !mt_image_read(d->image, MT_REGION_MODULES, sizeof module, i, 1,
				   &module) ||
		    !module.ready)
			continue;
		int rc = write_module(d, &module, &d->modules[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int mt_dictionary_update(struct mt_dictionary *d, struct mt_error *err)
{
	uint32_t nframe = d->image->header.nframe;
	if (nframe != d->nframe && d->memo)
		memset(d->memo, 0, d->node_capacity * sizeof *d->memo);
	d->nframe = nframe ? nframe : 1;
	int rc = update_modules(d, err);
	if (rc == 0)
		rc = update_nodes(d, err);
	if (rc == 0)
		rc = update_ids(d, err);
	return rc;
}

static int write_frame(struct mt_dictionary *d, struct mt_record_frame *frame,
		       struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_FRAME};
	frame->id = d->frame_count + 1;
	record.frame = *frame;
	int rc = mt_writer_put(d->writer, &record, err);
	if (rc == 0)
		d->frame_count++;
	return rc;
}

/* The frame of that kind at pc, in the module of that index in the state. */
static int frame_at(struct mt_dictionary *d, struct mt_record_frame found, uint32_t index,
		    uint64_t pc, uint32_t *frame, struct mt_error *err)
{
	found.offset = pc;
	if (index < d->module_count && d->modules[index].id) {
		uint64_t offset = pc - d->modules[index].bias;
		if (offset < offset_limit) {
			found.module = d->modules[index].id;
			found.offset = offset;
		}
	}
	uint64_t key = (uint64_t)found.module << 48 | found.offset;
	uint32_t *place = mt_key_table_get(&d->frames[found.kind][found.exact], key);
	if (!place)
		return no_memory(err);
	if (!*place) {
		int rc = write_frame(d, &found, err);
		if (rc < 0)
			return rc;
		*place = found.id;
	}
	*frame = *place;
	return 0;
}

static int frame_of(struct mt_dictionary *d, mt_node_id id, uint32_t *frame,
		    struct mt_error *err)
{
	const struct mt_state_node *node = &d->nodes[id];
	struct mt_record_frame found = {.kind = (uint8_t)node_kind(node),
					.exact = is_node_exact(node)};
	return frame_at(d, found, node->module, node->pc, frame, err);
}

uint32_t mt_dictionary_module(const struct mt_dictionary *d, uint32_t index)
{
	return index < d->module_count ? d->modules[index].id : 0;
}

int mt_dictionary_frame(struct mt_dictionary *d, uint32_t index, uint64_t pc, bool exact,
			uint32_t *frame, struct mt_error *err)
{
	struct mt_record_frame found = {.kind = MT_FRAME_NATIVE, .exact = exact};
	return frame_at(d, found, index, pc & (offset_limit - 1), frame, err);
}

static int write_traceback(struct mt_dictionary *d, uint32_t parent, uint32_t frame,
			   uint8_t root, uint32_t *id, struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_TRACEBACK};
	record.traceback = (struct mt_record_traceback){.id = d->traceback_count + 1,
							.parent = parent,
							.frame = frame,
							.root = root};
	int rc = mt_writer_put(d->writer, &record, err);
	if (rc == 0)
		*id = ++d->traceback_count;
	return rc;
}

int mt_dictionary_root(struct mt_dictionary *d, enum mt_traceback_root root,
		       uint32_t *traceback, struct mt_error *err)
{
	int rc = 0;
	if (!d->roots[root])
		rc = write_traceback(d, 0, 0, (uint8_t)root, &d->roots[root], err);
	*traceback = d->roots[root];
	return rc;
}

/* The traceback of node's frame called from parent. */
static int called(struct mt_dictionary *d, uint32_t parent, mt_node_id node,
		  uint32_t *traceback, struct mt_error *err)
{
	uint32_t frame = 0;
	int rc = frame_of(d, node, &frame, err);
	if (rc < 0)
		return rc;
	uint32_t *place =
		mt_key_table_get(&d->tracebacks, (uint64_t)parent << 32 | frame);
	if (!place)
		return no_memory(err);
	if (!*place)
		rc = write_traceback(d, parent, frame, MT_TRACEBACK_CALLED, place, err);
	*traceback = *place;
	return rc;
}

static enum mt_traceback_root root_of(mt_node_id node)
{
	switch (node) {
	case MT_ROOT_COMPLETE:
		return MT_TRACEBACK_COMPLETE;
	case MT_ROOT_DEEP:
		return MT_TRACEBACK_DEEP;
	case MT_ROOT_INHERITED:
		return MT_TRACEBACK_INHERITED;
	default:
		return MT_TRACEBACK_TRUNCATED;
	}
}

/* All frames of node; the memo makes it one step for most. */
static int whole(struct mt_dictionary *d, mt_node_id node, uint32_t *traceback,
		 struct mt_error *err)
{
	uint32_t length = 0;
	while (node >= MT_FIRST_NODE && !d->memo[node]) {
		d->chain[length++] = node;
		node = d->nodes[node].parent;
	}
	int rc = 0;
	if (node >= MT_FIRST_NODE)
		*traceback = d->memo[node];
	else
		rc = mt_dictionary_root(d, root_of(node), traceback, err);
	while (rc == 0 && length) {
		mt_node_id next = d->chain[--length];
		rc = called(d, *traceback, next, traceback, err);
		d->memo[next] = rc == 0 ? *traceback : 0;
	}
	return rc;
}

/* The nframe innermost frames; a domain is kept, as it is no frame of the program. */
static int cut(struct mt_dictionary *d, mt_node_id node, uint32_t *traceback,
	       struct mt_error *err)
{
	mt_node_id innermost = node, domain = d->domains[node];
	uint32_t length = 0;
	for (; length < d->nframe; node = d->nodes[node].parent)
		d->chain[length++] = node;
	int rc = mt_dictionary_root(d, MT_TRACEBACK_CUT, traceback, err);
	if (rc == 0 && domain)
		rc = called(d, *traceback, domain, traceback, err);
	while (rc == 0 && length)
		rc = called(d, *traceback, d->chain[--length], traceback, err);
	d->memo[innermost] = rc == 0 ? *traceback : 0;
	return rc;
}

/* An id is handed out before it is tied to its node: then it is read again. */
static mt_node_id node_of(struct mt_dictionary *d, mt_traceback_id id)
{
	if (id >= d->id_count)
		return MT_NODE_NONE;
	if (!d->id_nodes[id])
		mt_image_read(d->image, MT_REGION_TRACEBACKS, sizeof *d->id_nodes, id, 1,
			      &d->id_nodes[id]);
	mt_node_id node = d->id_nodes[id];
	if (node >= MT_FIRST_NODE && !is_node(d, node))
		return MT_NODE_NONE;
	if (node >= MT_FIRST_NODE && !d->depths[node])
		place_node(d, node);
	return node;
}

int mt_dictionary_traceback(struct mt_dictionary *d, mt_traceback_id id,
			    uint32_t *traceback, struct mt_error *err)
{
	mt_node_id node = node_of(d, id);
	if (node < MT_FIRST_NODE)
		return mt_dictionary_root(d, root_of(node), traceback, err);
	if (d->memo[node]) {
		*traceback = d->memo[node];
		return 0;
	}
	uint32_t frames = d->depths[node] - (d->domains[node] ? 1 : 0);
	return frames > d->nframe ? cut(d, node, traceback, err)
				  : whole(d, node, traceback, err);
}

/* Ids of unfinished nodes, and those after them, wait for the next call. */
int mt_dictionary_follow(struct mt_dictionary *d, struct mt_error *err)
{
	int rc = mt_dictionary_update(d, err);
	for (; rc == 0 && d->followed < d->id_count; d->followed++) {
		mt_node_id node = d->id_nodes[d->followed];
		uint32_t traceback;
		if (node >= d->node_finished)
			break;
		if (node >= MT_FIRST_NODE)
			rc = mt_dictionary_traceback(d, (mt_traceback_id)d->followed,
						     &traceback, err);
	}
	return rc;
}

size_t mt_dictionary_frames(struct mt_dictionary *d, mt_traceback_id id,
			    struct mt_dictionary_frame *frames, size_t n)
{
	size_t count = 0;
	for (mt_node_id at = node_of(d, id); is_node(d, at); at = d->nodes[at].parent) {
		const struct mt_state_node *node = &d->nodes[at];
		if (node_kind(node) != MT_FRAME_NATIVE)
			continue;
		if (count < n)
			frames[count] = (struct mt_dictionary_frame){
				node->pc, node->module, is_node_exact(node)};
		count++;
	}
	return count;
}

uint32_t mt_dictionary_domain(struct mt_dictionary *d, mt_traceback_id id)
{
	mt_node_id node = node_of(d, id);
	mt_node_id domain = is_node(d, node) ? d->domains[node] : 0;
	return domain ? (uint32_t)d->nodes[domain].pc : 0;
}

uint32_t mt_dictionary_count(const struct mt_dictionary *d)
{
	return d->traceback_count;
}
