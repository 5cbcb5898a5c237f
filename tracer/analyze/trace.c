/*
 * trace.c - see trace.h. Outside.
 */
#include "tracer/analyze/trace.h"

#include "formats/state.h"
#include "tracer/analyze/vector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Room for one more element at the end of a list of struct mt_trace. */
#define RESERVE_ONE(member, err)                                                         \
	reserve_one((void **)&(member).list, &(member).capacity, (member).count,         \
		    sizeof *(member).list, err)

static int reserve_one(void **list, size_t *capacity, size_t count, size_t element_bytes,
		       struct mt_error *err)
{
	void *old;
	memcpy(&old, list, sizeof old);
	void *grown = mt_vector_reserve(old, capacity, count + 1, element_bytes, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	memcpy(list, &grown, sizeof grown);
	return 0;
}

static char *copy_bytes(struct mt_bytes bytes, struct mt_error *err)
{
	char *copy = malloc(bytes.size + 1);
	if (!copy) {
		mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	if (bytes.size)
		memcpy(copy, bytes.data, bytes.size);
	copy[bytes.size] = '\0';
	return copy;
}

static int misfit(struct mt_trace *trace)
{
	trace->misfits++;
	return 0;
}

/* Ids. */

static int ids_add(struct mt_ids *ids, uint32_t id, uint32_t index, struct mt_error *err)
{
	uint32_t *grown = mt_vector_reserve(ids->indices, &ids->capacity, ids->count + 1,
					    sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	ids->indices = grown;
	if (!ids->run_count || id != ids->last_id + 1) {
		struct mt_id_run *runs =
			mt_vector_reserve(ids->runs, &ids->run_capacity,
					  ids->run_count + 1, sizeof *runs, err);
		if (!runs)
			return MT_ERR_NO_MEMORY;
		ids->runs = runs;
		runs[ids->run_count++] = (struct mt_id_run){id, (uint32_t)ids->count};
	}
	ids->indices[ids->count++] = index;
	ids->last_id = id;
	return 0;
}

uint32_t mt_ids_find(const struct mt_ids *ids, uint32_t id)
{
	size_t low = 0, high = ids->run_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (ids->runs[middle].first_id <= id)
			low = middle;
		else
			high = middle;
	}
	if (low == high || id < ids->runs[low].first_id)
		return MT_INDEX_NONE;
	uint64_t place =
		(uint64_t)ids->runs[low].first_index + (id - ids->runs[low].first_id);
	size_t end =
		low + 1 < ids->run_count ? ids->runs[low + 1].first_index : ids->count;
	return place < end ? (uint32_t)place : MT_INDEX_NONE;
}

static uint32_t ids_index(const struct mt_ids *ids, uint32_t id)
{
	uint32_t place = mt_ids_find(ids, id);
	return place == MT_INDEX_NONE ? MT_INDEX_NONE : ids->indices[place];
}

static void ids_deinit(struct mt_ids *ids)
{
	free(ids->indices);
	free(ids->runs);
}

/* Dictionaries. */

/* A record that stands in for a lost one has no bytes at all. */
static bool is_same(const void *own, size_t size, struct mt_bytes bytes)
{
	return size == bytes.size && (!size || !memcmp(own, bytes.data, size));
}

static bool module_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_trace_module *a =
		&((const struct mt_trace *)owner)->modules.list[id];
	const struct mt_record_module *b = wanted;
	return is_same(a->path, strlen(a->path), b->path) &&
	       is_same(a->build_id, a->build_id_bytes, b->build_id);
}

static int add_distinct_module(struct mt_trace *trace, const struct mt_record_module *rec,
			       uint64_t hash, struct mt_error *err)
{
	if (RESERVE_ONE(trace->modules, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_trace_module module = {
		.path = copy_bytes(rec->path, err),
		.build_id = (uint8_t *)copy_bytes(rec->build_id, err),
		.build_id_bytes = rec->build_id.size,
		.start = rec->start,
		.end = rec->end,
		.bias = rec->bias,
		.flags = rec->flags,
		.file_bytes = rec->file_bytes,
		.file_mtime_ns = rec->file_mtime_ns,
	};
	int rc = module.path && module.build_id
			 ? mt_index_add(&trace->module_index, hash,
					(uint32_t)trace->modules.count, err)
			 : MT_ERR_NO_MEMORY;
	if (rc < 0) {
		free(module.path);
		free(module.build_id);
		return rc;
	}
	trace->modules.list[trace->modules.count++] = module;
	return 0;
}

/* The same file loaded again is one module to every question but "where was it". */
static int take_module(struct mt_trace *trace, const struct mt_record_module *rec,
		       struct mt_error *err)
{
	if (rec->id <= trace->module_ids.last_id)
		return misfit(trace);
	uint64_t hash = mt_hash_bytes(0, rec->path.data, rec->path.size);
	hash = mt_hash_bytes(hash, rec->build_id.data, rec->build_id.size);
	uint32_t index =
		mt_index_find(&trace->module_index, hash, module_equals, trace, rec);
	if (index == MT_INDEX_NONE) {
		index = (uint32_t)trace->modules.count;
		int rc = add_distinct_module(trace, rec, hash, err);
		if (rc < 0)
			return rc;
	}
	return ids_add(&trace->module_ids, rec->id, index, err);
}

static bool frame_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_trace_frame *a =
		&((const struct mt_trace *)owner)->frames.list[id];
	const struct mt_trace_frame *b = wanted;
	return a->offset == b->offset && a->module == b->module && a->kind == b->kind &&
	       a->exact == b->exact;
}

static int take_frame(struct mt_trace *trace, const struct mt_record_frame *rec,
		      struct mt_error *err)
{
	if (rec->id <= trace->frame_ids.last_id)
		return misfit(trace);
	struct mt_trace_frame frame = {.offset = rec->offset,
				       .module =
					       ids_index(&trace->module_ids, rec->module),
				       .kind = rec->kind,
				       .exact = rec->exact};
	if (rec->module && frame.module == MT_NO_MODULE)
		misfit(trace);
	uint64_t hash = mt_hash_word(frame.module, frame.offset);
	hash = mt_hash_word(hash, (uint64_t)frame.kind << 1 | frame.exact);
	uint32_t index =
		mt_index_find(&trace->frame_index, hash, frame_equals, trace, &frame);
	if (index == MT_INDEX_NONE) {
		index = (uint32_t)trace->frames.count;
		if (RESERVE_ONE(trace->frames, err) < 0 ||
		    mt_index_add(&trace->frame_index, hash, index, err) < 0)
			return MT_ERR_NO_MEMORY;
		trace->frames.list[trace->frames.count++] = frame;
	}
	return ids_add(&trace->frame_ids, rec->id, index, err);
}

/* The index of the new node is the count before. */
static int add_node(struct mt_trace *trace, const struct mt_trace_node *node,
		    struct mt_error *err)
{
	return MT_LIST_ADD(trace->nodes, *node, err);
}

static int take_traceback(struct mt_trace *trace, const struct mt_record_traceback *rec,
			  struct mt_error *err)
{
	if (rec->id <= trace->traceback_ids.last_id)
		return misfit(trace);
	struct mt_trace_node node = {
		.parent = MT_NO_NODE, .frame = MT_NO_FRAME, .root = rec->root};
	if (rec->parent) {
		node.parent = mt_trace_node(trace, rec->parent);
		if (trace->nodes.list[node.parent].depth >= MT_MAX_CHAIN)
			node.parent = MT_UNKNOWN_NODE;
		const struct mt_trace_node *parent = &trace->nodes.list[node.parent];
		node.depth = parent->depth + 1;
		node.frame = ids_index(&trace->frame_ids, rec->frame);
		node.root = parent->root;
		node.domain = parent->domain;
		if (node.parent == MT_UNKNOWN_NODE || node.frame == MT_NO_FRAME)
			misfit(trace);
		else if (trace->frames.list[node.frame].kind == MT_FRAME_DOMAIN)
			node.domain = (uint32_t)trace->frames.list[node.frame].offset;
	}
	uint32_t index = (uint32_t)trace->nodes.count;
	int rc = add_node(trace, &node, err);
	return rc < 0 ? rc : ids_add(&trace->traceback_ids, rec->id, index, err);
}

uint32_t mt_trace_node(const struct mt_trace *trace, uint32_t traceback_id)
{
	uint32_t index = ids_index(&trace->traceback_ids, traceback_id);
	return index == MT_INDEX_NONE ? MT_UNKNOWN_NODE : index;
}

/* The rest. */

static size_t complete_snapshots(const struct mt_trace *trace)
{
	if (!trace->snapshots.count)
		return 0;
	const struct mt_trace_snapshot *last =
		&trace->snapshots.list[trace->snapshots.count - 1];
	return last->complete_before + last->is_complete;
}

static int take_meta(struct mt_trace *trace, const struct mt_record_meta *rec,
		     struct mt_error *err)
{
	if (RESERVE_ONE(trace->metas, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_trace_meta meta = {.key = copy_bytes(rec->key, err),
				     .value = copy_bytes(rec->value, err),
				     .value_bytes = rec->value.size};
	trace->metas.list[trace->metas.count++] = meta;
	return meta.key && meta.value ? 0 : MT_ERR_NO_MEMORY;
}

static bool thread_has_slot(const void *owner, uint32_t id, const void *wanted)
{
	const struct mt_trace *trace = owner;
	return trace->threads.list[id].slot == *(const uint32_t *)wanted;
}

static uint32_t first_of_slot(const struct mt_trace *trace, uint32_t slot)
{
	return mt_index_find(&trace->thread_index, mt_hash_word(0, slot), thread_has_slot,
			     trace, &slot);
}

static int take_thread(struct mt_trace *trace, const struct mt_record_thread *rec,
		       struct mt_error *err)
{
	if (RESERVE_ONE(trace->threads, err) < 0)
		return MT_ERR_NO_MEMORY;
	uint32_t index = (uint32_t)trace->threads.count;
	uint32_t first = first_of_slot(trace, rec->slot);
	struct mt_trace_thread thread = {.slot = rec->slot,
					 .tid = rec->tid,
					 .serial = rec->serial,
					 .alive = rec->alive,
					 .name = copy_bytes(rec->name, err),
					 .snapshots_before = complete_snapshots(trace),
					 .previous = MT_INDEX_NONE,
					 .latest = index};
	if (first != MT_INDEX_NONE) {
		thread.previous = trace->threads.list[first].latest;
		trace->threads.list[first].latest = index;
	}
	trace->threads.list[trace->threads.count++] = thread;
	if (!thread.name)
		return MT_ERR_NO_MEMORY;
	return first != MT_INDEX_NONE
		       ? 0
		       : mt_index_add(&trace->thread_index, mt_hash_word(0, rec->slot),
				      index, err);
}

const struct mt_trace_thread *mt_trace_thread(const struct mt_trace *trace, uint32_t slot,
					      const struct mt_trace_snapshot *snapshot)
{
	const struct mt_trace_thread *list = trace->threads.list;
	uint32_t first = first_of_slot(trace, slot);
	uint32_t at = first == MT_INDEX_NONE ? first : list[first].latest;
	while (at != MT_INDEX_NONE &&
	       list[at].snapshots_before > snapshot->complete_before)
		at = list[at].previous;
	return at == MT_INDEX_NONE ? NULL : &list[at];
}

static char *snapshot_label(const struct mt_record_snapshot *rec, struct mt_error *err)
{
	static const char *const reserved[] = {[MT_SNAPSHOT_START] = "start",
					       [MT_SNAPSHOT_PEAK] = "peak",
					       [MT_SNAPSHOT_EXIT] = "exit"};
	const char *name = rec->kind <= MT_SNAPSHOT_EXIT ? reserved[rec->kind] : NULL;
	if (name)
		return copy_bytes((struct mt_bytes){name, strlen(name)}, err);
	return copy_bytes(rec->label, err);
}

static int take_snapshot(struct mt_trace *trace, const struct mt_record_snapshot *rec,
			 struct mt_error *err)
{
	if (RESERVE_ONE(trace->snapshots, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_trace_snapshot snapshot = {.record = *rec,
					     .place = mt_reader_tell(trace->reader),
					     .complete_before =
						     complete_snapshots(trace)};
	/* A peak has no rows of its own that could be missing. */
	snapshot.is_complete = rec->kind == MT_SNAPSHOT_PEAK;
	snapshot.label = snapshot_label(rec, err);
	if (!snapshot.label)
		return MT_ERR_NO_MEMORY;
	if (!*snapshot.label) {
		free(snapshot.label);
		snapshot.label = NULL;
	}
	snapshot.record.label = (struct mt_bytes){0};
	trace->snapshots.list[trace->snapshots.count++] = snapshot;
	return 0;
}

static int take_snapshot_end(struct mt_trace *trace, const struct mt_record_snapshot *rec)
{
	if (!trace->snapshots.count)
		return misfit(trace);
	struct mt_trace_snapshot *last =
		&trace->snapshots.list[trace->snapshots.count - 1];
	if (last->record.index != rec->index || last->record.time_ns != rec->time_ns)
		return misfit(trace);
	last->is_complete = true;
	return 0;
}

static int take_process(struct mt_trace *trace, const struct mt_record_process *rec,
			struct mt_error *err)
{
	if (RESERVE_ONE(trace->processes, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_trace_process process = {.pid = rec->pid,
					   .parent_pid = rec->parent_pid,
					   .program = copy_bytes(rec->program, err),
					   .trace = copy_bytes(rec->trace, err),
					   .began = copy_bytes(rec->began, err),
					   .end = copy_bytes(rec->end, err)};
	memcpy(process.uuid, rec->uuid, sizeof process.uuid);
	trace->processes.list[trace->processes.count++] = process;
	return process.program && process.trace && process.began && process.end
		       ? 0
		       : MT_ERR_NO_MEMORY;
}

static uint32_t node_or_none(const struct mt_trace *trace, uint32_t traceback)
{
	return traceback ? mt_trace_node(trace, traceback) : MT_NO_NODE;
}

static int take_error(struct mt_trace *trace, const struct mt_record_error *rec,
		      struct mt_error *err)
{
	if (RESERVE_ONE(trace->errors, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_trace_error error = {.record = *rec,
				       .call = copy_bytes(rec->call, err),
				       .text = copy_bytes(rec->text, err),
				       .allocated = node_or_none(trace, rec->allocated),
				       .freed = node_or_none(trace, rec->freed),
				       .here = node_or_none(trace, rec->here)};
	error.record.call = error.record.text = (struct mt_bytes){0};
	trace->errors.list[trace->errors.count++] = error;
	return error.call && error.text ? 0 : MT_ERR_NO_MEMORY;
}

static int take_sample(struct mt_trace *trace, const struct mt_record_sample *rec,
		       struct mt_error *err)
{
	return MT_LIST_ADD(trace->samples, *rec, err);
}

static int take(struct mt_trace *trace, const struct mt_record *rec, struct mt_error *err)
{
	switch (rec->kind) {
	case MT_RECORD_META:
		return take_meta(trace, &rec->meta, err);
	case MT_RECORD_MODULE:
		return take_module(trace, &rec->module, err);
	case MT_RECORD_FRAME:
		return take_frame(trace, &rec->frame, err);
	case MT_RECORD_TRACEBACK:
		return take_traceback(trace, &rec->traceback, err);
	case MT_RECORD_THREAD:
		return take_thread(trace, &rec->thread, err);
	case MT_RECORD_SNAPSHOT:
		return take_snapshot(trace, &rec->snapshot, err);
	case MT_RECORD_SNAPSHOT_END:
		return take_snapshot_end(trace, &rec->snapshot);
	case MT_RECORD_PROCESS:
		return take_process(trace, &rec->process, err);
	case MT_RECORD_SAMPLE:
		return take_sample(trace, &rec->sample, err);
	case MT_RECORD_ERROR:
		return take_error(trace, &rec->error, err);
	default:
		return 0; /* rows: profile.h reads them for the snapshot that is wanted */
	}
}

void mt_trace_note_damage(struct mt_trace *trace, const struct mt_error *err)
{
	if (!trace->damage.code)
		trace->damage = *err;
}

int mt_trace_next(struct mt_trace *trace, struct mt_record *rec, struct mt_error *err)
{
	for (;;) {
		struct mt_error local = {0};
		int rc = mt_reader_next(trace->reader, rec, &local);
		if (rc == MT_ERR_DAMAGED) {
			mt_trace_note_damage(trace, &local);
			continue;
		}
		return rc < 0 ? mt_fail(err, local.code, "%s", local.message) : rc;
	}
}

static uint32_t kinds_to_load(enum mt_trace_load load)
{
	if (load == MT_TRACE_LOAD_ALL)
		return UINT32_MAX;
	return 1u << MT_RECORD_META | 1u << MT_RECORD_MODULE | 1u << MT_RECORD_FRAME |
	       1u << MT_RECORD_TRACEBACK | 1u << MT_RECORD_THREAD |
	       1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_SNAPSHOT_END;
}

static int read_dictionaries(struct mt_trace *trace, enum mt_trace_load load,
			     struct mt_error *err)
{
	static const struct mt_trace_node unknown = {.parent = MT_NO_NODE,
						     .frame = MT_NO_FRAME,
						     .root = MT_TRACEBACK_TRUNCATED};
	int rc = add_node(trace, &unknown, err);
	mt_reader_want(trace->reader, kinds_to_load(load));
	struct mt_record rec;
	while (rc >= 0 && (rc = mt_trace_next(trace, &rec, err)) > 0)
		rc = take(trace, &rec, err);
	const struct mt_reader_status *status = mt_reader_status(trace->reader);
	trace->is_closed = status->is_closed;
	trace->was_cut = status->was_cut;
	if (status->damaged_chunks)
		mt_trace_note_damage(trace, &status->first_damage);
	if (trace->misfits && !trace->damage.code)
		mt_fail(&trace->damage, MT_ERR_DAMAGED,
			"%s: %" PRIu64 " record%s others that are not there", trace->path,
			trace->misfits,
			trace->misfits == 1 ? " refers to" : "s refer to");
	return rc;
}

static int open_with_reader(struct mt_trace **trace, struct mt_reader *reader,
			    const char *path, enum mt_trace_load load,
			    struct mt_error *err)
{
	struct mt_trace *new = calloc(1, sizeof *new);
	if (!new) {
		mt_reader_close(reader);
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	}
	new->reader = reader;
	new->path = copy_bytes((struct mt_bytes){path, strlen(path)}, err);
	int rc = new->path ? read_dictionaries(new, load, err) : MT_ERR_NO_MEMORY;
	if (rc < 0) {
		mt_trace_close(new);
		return rc;
	}
	*trace = new;
	return 0;
}

int mt_trace_open(struct mt_trace **trace, const char *path, enum mt_trace_load load,
		  struct mt_error *err)
{
	struct mt_reader *reader;
	int rc = mt_reader_open(&reader, path, err);
	return rc < 0 ? rc : open_with_reader(trace, reader, path, load, err);
}

int mt_trace_open_source(struct mt_trace **trace, struct mt_source source,
			 enum mt_trace_load load, struct mt_error *err)
{
	struct mt_reader *reader;
	int rc = mt_reader_open_source(&reader, source, err);
	return rc < 0 ? rc : open_with_reader(trace, reader, source.name, load, err);
}

static void free_lists(struct mt_trace *trace)
{
	for (size_t i = 0; i < trace->metas.count; i++) {
		free(trace->metas.list[i].key);
		free(trace->metas.list[i].value);
	}
	for (size_t i = 0; i < trace->modules.count; i++) {
		free(trace->modules.list[i].path);
		free(trace->modules.list[i].build_id);
	}
	for (size_t i = 0; i < trace->threads.count; i++)
		free(trace->threads.list[i].name);
	for (size_t i = 0; i < trace->snapshots.count; i++)
		free(trace->snapshots.list[i].label);
	for (size_t i = 0; i < trace->errors.count; i++) {
		free(trace->errors.list[i].call);
		free(trace->errors.list[i].text);
	}
	for (size_t i = 0; i < trace->processes.count; i++) {
		free(trace->processes.list[i].program);
		free(trace->processes.list[i].trace);
		free(trace->processes.list[i].began);
		free(trace->processes.list[i].end);
	}
}

void mt_trace_close(struct mt_trace *trace)
{
	if (!trace)
		return;
	free_lists(trace);
	free(trace->metas.list);
	free(trace->modules.list);
	free(trace->frames.list);
	free(trace->nodes.list);
	free(trace->threads.list);
	free(trace->snapshots.list);
	free(trace->processes.list);
	free(trace->errors.list);
	free(trace->samples.list);
	ids_deinit(&trace->module_ids);
	ids_deinit(&trace->frame_ids);
	ids_deinit(&trace->traceback_ids);
	mt_index_deinit(&trace->module_index);
	mt_index_deinit(&trace->frame_index);
	mt_index_deinit(&trace->thread_index);
	mt_reader_close(trace->reader);
	free(trace->path);
	free(trace);
}

const struct mt_trace_meta *mt_trace_meta(const struct mt_trace *trace, const char *key)
{
	for (size_t i = trace->metas.count; i-- > 0;)
		if (!strcmp(trace->metas.list[i].key, key))
			return &trace->metas.list[i];
	return NULL;
}

uint64_t mt_trace_number(const struct mt_trace *trace, const char *key,
			 uint64_t otherwise)
{
	const struct mt_trace_meta *meta = mt_trace_meta(trace, key);
	if (!meta || meta->value[0] < '0' || meta->value[0] > '9')
		return otherwise;
	char *end;
	uint64_t number = strtoull(meta->value, &end, 10);
	return *end ? otherwise : number;
}

static uint64_t last_moment_ns(const struct mt_trace *trace)
{
	uint64_t last = 0;
	for (size_t i = 0; i < trace->snapshots.count; i++) {
		const struct mt_trace_snapshot *snapshot = &trace->snapshots.list[i];
		if (snapshot->is_complete && last < snapshot->record.time_ns)
			last = snapshot->record.time_ns;
	}
	return last;
}

/* A file stays open after the exit of its process where that has children left. */
static bool has_exit(const struct mt_trace *trace)
{
	for (size_t i = 0; i < trace->snapshots.count; i++) {
		const struct mt_trace_snapshot *snapshot = &trace->snapshots.list[i];
		if (snapshot->is_complete && snapshot->record.kind == MT_SNAPSHOT_EXIT)
			return true;
	}
	return false;
}

void mt_trace_remark(const struct mt_trace *trace, struct mt_error *remark)
{
	if (trace->damage.code)
		mt_fail(remark, MT_ERR_DAMAGED, "%s", trace->damage.message);
	else if (trace->was_cut || (!trace->is_closed && !has_exit(trace)))
		mt_fail(remark, MT_ERR_INCOMPLETE,
			"%s: ends early, after %.3f s: the program still runs, or its "
			"collector was killed",
			trace->path, (double)last_moment_ns(trace) / 1e9);
}
