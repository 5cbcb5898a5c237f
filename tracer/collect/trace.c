/*
 * trace.c - snapshots of a state as records: full ones, or what changed. Outside.
 */
#include "tracer/collect/trace.h"

#include "formats/writer.h"
#include "tracer/collect/census.h"
#include "tracer/collect/dictionary.h"
#include "tracer/collect/heap-scan.h"
#include "tracer/collect/places.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MAX_DELTAS = 15, /* between full snapshots, so that any is read in few steps */
};

struct mt_trace_file {
	struct mt_image *image; /* refreshed by whoever needs it fresh */
	struct mt_writer *writer;
	struct mt_dictionary *dictionary;
	struct mt_census last; /* of the snapshot before */
	struct mt_census next; /* its rows are made ready while the process runs */
	uint32_t next_index;
	uint32_t deltas;                  /* since the last full snapshot */
	uint64_t delta_rows;              /* in them */
	struct mt_record_thread *threads; /* as written, by slot */
	char (*names)[MT_NAME_BYTES];
	uint32_t thread_count;
	struct mt_record_sample sample; /* the last one written */
	bool has_sample;
};

uint64_t mt_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int mt_trace_file_open(struct mt_trace_file **result, struct mt_image *image, int fd,
		       const char *name, struct mt_error *err)
{
	struct mt_trace_file *trace = calloc(1, sizeof *trace);
	if (!trace)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	struct mt_writer_options options = {
		.start_realtime_ns = image->header.start_realtime_ns, .name = name};
	memcpy(options.uuid, image->header.uuid, sizeof options.uuid);
	trace->image = image;
	int rc = mt_writer_open(&trace->writer, fd, &options, err);
	if (rc < 0) {
		free(trace);
		return rc;
	}
	trace->dictionary = mt_dictionary_create(image, trace->writer);
	*result = trace;
	if (trace->dictionary)
		return 0;
	mt_trace_file_close(trace, NULL);
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

int mt_trace_file_close(struct mt_trace_file *trace, struct mt_error *err)
{
	int rc = mt_writer_close(trace->writer, err);
	mt_dictionary_destroy(trace->dictionary);
	mt_census_deinit(&trace->last);
	mt_census_deinit(&trace->next);
	free(trace->threads);
	free(trace->names);
	free(trace);
	return rc;
}

int mt_trace_file_meta(struct mt_trace_file *trace, const char *key, const char *value,
		       size_t size, struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_META};
	record.meta = (struct mt_record_meta){{key, strlen(key)}, {value, size}};
	return mt_writer_put(trace->writer, &record, err);
}

int mt_trace_file_meta_text(struct mt_trace_file *trace, const char *key,
			    const char *value, struct mt_error *err)
{
	return mt_trace_file_meta(trace, key, value, strlen(value), err);
}

int mt_trace_file_meta_number(struct mt_trace_file *trace, const char *key,
			      uint64_t value, struct mt_error *err)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	return mt_trace_file_meta_text(trace, key, text, err);
}

static const char *malloc_name(const struct mt_state_header *header)
{
	bool is_libc = header->malloc_mode == MT_MALLOC_LIBC;
	if (header->check_mode == MT_CHECK_GUARD)
		return "guard";
	if (header->check_mode == MT_CHECK_DEBUG)
		return is_libc ? "malloc_debug" : "pymalloc_debug";
	return is_libc ? "malloc" : "pymalloc";
}

int mt_trace_file_facts(struct mt_trace_file *trace, struct mt_error *err)
{
	static const char *const pythons[] = {"none", "ours", "own"};
	const struct mt_state_header *header = &trace->image->header;
	const struct mt_geometry *geometry = &header->geometry;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"alignment", geometry->alignment},
		{"pool_bytes", geometry->pool_bytes},
		{"arena_bytes", geometry->arena_bytes},
		{"threshold", geometry->threshold},
		{"nframe", header->nframe},
		{"start_realtime_ns", header->start_realtime_ns},
	};
	int rc = mt_trace_file_meta_text(trace, "malloc", malloc_name(header), err);
	if (rc == 0)
		rc = mt_trace_file_meta_text(trace, "geometry",
					     header->geometry_kind == MT_GEOMETRY_CLASSIC
						     ? "classic"
						     : "modern",
					     err);
	if (rc == 0)
		rc = mt_trace_file_meta_text(
			trace, "python",
			pythons[header->python <= 2 ? header->python : 0], err);
	if (rc == 0 && header->has_own_malloc)
		rc = mt_trace_file_meta_number(trace, "own_malloc", 1, err);
	for (size_t i = 0; rc == 0 && i < sizeof numbers / sizeof *numbers; i++)
		rc = mt_trace_file_meta_number(trace, numbers[i].key, numbers[i].value,
					       err);
	return rc;
}

static int no_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

static bool reserve_threads(struct mt_trace_file *trace, uint32_t count)
{
	if (count <= trace->thread_count)
		return true;
	void *threads = realloc(trace->threads, count * sizeof *trace->threads);
	if (threads)
		trace->threads = threads;
	void *names = realloc(trace->names, count * sizeof *trace->names);
	if (names)
		trace->names = names;
	if (!threads || !names)
		return false;
	for (uint32_t i = trace->thread_count; i < count; i++)
		trace->threads[i] = (struct mt_record_thread){0};
	return true;
}

/* The name that the thread left, the kernel's while it lives, or the last that is known. */
static void name_thread(struct mt_trace_file *trace, const struct mt_state_thread *thread,
			bool is_new, mt_thread_name *ask, char name[MT_NAME_BYTES],
			uint32_t slot)
{
	memcpy(name, thread->name, MT_NAME_BYTES);
	name[MT_NAME_BYTES - 1] = '\0';
	if (name[0])
		return;
	if (ask && ask(trace->image->header.pid, thread->tid, name))
		return;
	if (!is_new && trace->threads[slot].serial == thread->serial)
		memcpy(name, trace->names[slot], MT_NAME_BYTES);
	else if (thread->tid == trace->image->header.pid)
		memcpy(name, trace->image->header.name, MT_NAME_BYTES);
}

static int write_thread(struct mt_trace_file *trace, uint32_t slot,
			const struct mt_state_thread *thread, mt_thread_name *ask,
			struct mt_error *err)
{
	char name[MT_NAME_BYTES] = "";
	bool is_new = slot >= trace->thread_count;
	name_thread(trace, thread, is_new, ask, name, slot);
	struct mt_record record = {.kind = MT_RECORD_THREAD};
	record.thread =
		(struct mt_record_thread){.slot = slot,
					  .tid = thread->tid,
					  .serial = thread->serial,
					  .alive = thread->state == MT_THREAD_LIVE,
					  .name = {name, strlen(name)}};
	if (!is_new) {
		const struct mt_record_thread *old = &trace->threads[slot];
		if (old->tid == thread->tid && old->serial == thread->serial &&
		    old->alive == record.thread.alive &&
		    !strcmp(trace->names[slot], name))
			return 0;
	}
	if (!reserve_threads(trace, slot + 1))
		return no_memory(err);
	int rc = mt_writer_put(trace->writer, &record, err);
	if (rc < 0)
		return rc;
	trace->threads[slot] = record.thread;
	memcpy(trace->names[slot], name, MT_NAME_BYTES);
	if (is_new)
		trace->thread_count = slot + 1;
	return 0;
}

static int write_threads(struct mt_trace_file *trace, mt_thread_name *ask,
			 struct mt_error *err)
{
	struct mt_state_thread thread;
	uint64_t used = mt_image_clamp(trace->image, MT_REGION_THREADS, sizeof thread,
				       trace->image->header.used.slots);
	int rc = 0;
	for (uint32_t slot = 0; rc == 0 && slot < used; slot++)
		if (mt_image_read(trace->image, MT_REGION_THREADS, sizeof thread, slot, 1,
				  &thread))
			rc = write_thread(trace, slot, &thread, ask, err);
	return rc;
}

int mt_trace_file_threads(struct mt_trace_file *trace, mt_thread_name *ask,
			  struct mt_error *err)
{
	if (!mt_image_refresh(trace->image))
		return mt_fail(err, MT_ERR_DAMAGED, "state: its header cannot be read");
	return write_threads(trace, ask, err);
}

/* How two censuses compare, traceback by traceback. */
struct comparison {
	const struct mt_census *old;
	struct mt_census *new;
	bool *has_other_cells; /* by traceback of new */
	uint64_t changed_rows, rows;
};

static const struct mt_record_counter *row_of(const struct mt_census *census, size_t i)
{
	static const struct mt_record_counter nothing;
	return i < census->row_count ? &census->rows[i] : &nothing;
}

static bool is_row_used(const struct mt_record_counter *row)
{
	return row->alloc_count || row->live_count || row->live_bytes || row->peak_count;
}

static bool is_row_same(const struct mt_record_counter *a,
			const struct mt_record_counter *b)
{
	return a->alloc_count == b->alloc_count && a->alloc_bytes == b->alloc_bytes &&
	       a->live_count == b->live_count && a->live_bytes == b->live_bytes &&
	       a->peak_count == b->peak_count && a->peak_bytes == b->peak_bytes;
}

/* Both lists are in order of their keys: one pass finds the tracebacks that differ. */
static void compare_cells(struct comparison *c)
{
	const struct mt_cell *a = c->old->cells.list, *a_end = a + c->old->cells.count;
	const struct mt_cell *b = c->new->cells.list, *b_end = b + c->new->cells.count;
	while (a < a_end || b < b_end) {
		const struct mt_cell *differs = NULL;
		if (b == b_end || (a < a_end && a->key < b->key))
			differs = a++;
		else if (a == a_end || b->key < a->key)
			differs = b++;
		else {
			if (a->count != b->count || a->bytes != b->bytes)
				differs = b;
			a++;
			b++;
		}
		if (differs && mt_cell_traceback(differs) < c->new->row_count)
			c->has_other_cells[mt_cell_traceback(differs)] = true;
	}
}

static int compare(struct comparison *c, struct mt_error *err)
{
	c->has_other_cells = calloc(c->new->row_count + 1, sizeof(bool));
	if (!c->has_other_cells)
		return no_memory(err);
	compare_cells(c);
	for (size_t i = 1; i < c->new->row_count; i++) {
		const struct mt_record_counter *row = &c->new->rows[i];
		c->rows += is_row_used(row);
		c->changed_rows +=
			!is_row_same(row, row_of(c->old, i)) || c->has_other_cells[i];
	}
	return 0;
}

static bool is_in(const struct comparison *c, bool is_delta, size_t i)
{
	const struct mt_record_counter *row = &c->new->rows[i];
	return is_delta ? !is_row_same(row, row_of(c->old, i)) || c->has_other_cells[i]
			: is_row_used(row);
}

static int write_rows(struct mt_trace_file *trace, const struct comparison *c,
		      bool is_delta, struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_COUNTER};
	int rc = 0;
	for (size_t i = 1; rc == 0 && i < c->new->row_count; i++)
		if (is_in(c, is_delta, i)) {
			record.counter = c->new->rows[i];
			rc = mt_writer_put(trace->writer, &record, err);
		}
	return rc;
}

static int write_cell(struct mt_trace_file *trace, const struct mt_cell *cell,
		      uint64_t count, uint64_t bytes, struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_CELL};
	record.cell =
		(struct mt_record_cell){.traceback = mt_cell_traceback(cell),
					.slot = (uint32_t)(cell->key >> 8) & 0xffffff,
					.class_index = (uint8_t)cell->key,
					.count = count,
					.bytes = bytes};
	/* A slot that the state does not explain. */
	if (record.cell.slot >= trace->thread_count)
		return 0;
	return mt_writer_put(trace->writer, &record, err);
}

/*
 * In a delta the cells of a traceback replace all that it had; one that has none any more
 * is given an empty one. Both lists are in order.
 */
static int write_emptied_cells(struct mt_trace_file *trace, const struct comparison *c,
			       struct mt_error *err)
{
	const struct mt_cells *old = &c->old->cells, *new = &c->new->cells;
	uint32_t last = 0;
	int rc = 0;
	for (size_t i = 0, k = 0; rc == 0 && i < old->count; i++) {
		uint32_t traceback = mt_cell_traceback(&old->list[i]);
		while (k < new->count && mt_cell_traceback(&new->list[k]) < traceback)
			k++;
		bool is_left =
			k < new->count &&mt_cell_traceback(&new->list[k]) == traceback;
		if (!is_left && traceback != last)
			rc = write_cell(trace, &old->list[i], 0, 0, err);
		last = traceback;
	}
	return rc;
}

static int write_cells(struct mt_trace_file *trace, const struct comparison *c,
		       bool is_delta, struct mt_error *err)
{
	const struct mt_cells *cells = &c->new->cells;
	int rc = is_delta ? write_emptied_cells(trace, c, err) : 0;
	for (size_t i = 0; rc == 0 && i < cells->count; i++) {
		const struct mt_cell *cell = &cells->list[i];
		if (!is_delta || c->has_other_cells[mt_cell_traceback(cell)])
			rc = write_cell(trace, cell, cell->count, cell->bytes, err);
	}
	return rc;
}

static int write_occupancy(struct mt_trace_file *trace, const struct mt_census *census,
			   struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_CLASS};
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < census->class_count; i++) {
		record.class = census->classes[i];
		if (record.class.pools)
			rc = mt_writer_put(trace->writer, &record, err);
	}
	record = (struct mt_record){.kind = MT_RECORD_ARENAS, .arenas = census->arenas};
	if (rc == 0)
		rc = mt_writer_put(trace->writer, &record, err);
	for (uint32_t i = 0; rc == 0 && i < MT_LOSS_COUNT; i++) {
		uint64_t count = trace->image->header.losses[i];
		record = (struct mt_record){.kind = MT_RECORD_LOSS,
					    .loss = {.reason = i, .count = count}};
		if (count)
			rc = mt_writer_put(trace->writer, &record, err);
	}
	return rc;
}

static void sum_rows(const struct mt_census *census, struct mt_record_snapshot *snapshot)
{
	for (size_t i = 1; i < census->row_count; i++) {
		const struct mt_record_counter *row = &census->rows[i];
		snapshot->live_bytes += row->live_bytes;
		snapshot->live_count += row->live_count;
		snapshot->peak_bytes += row->peak_bytes;
		snapshot->peak_count += row->peak_count;
		snapshot->total_bytes += row->alloc_bytes;
		snapshot->total_count += row->alloc_count;
	}
}

/* The highest total: all that was live then, also as the live columns of a snapshot. */
static int write_peak(struct mt_trace_file *trace, struct mt_record_snapshot snapshot,
		      struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_SNAPSHOT};
	snapshot.index = trace->next_index++;
	snapshot.kind = MT_SNAPSHOT_PEAK;
	snapshot.is_delta = false;
	snapshot.live_bytes = snapshot.peak_bytes;
	snapshot.live_count = snapshot.peak_count;
	snapshot.label = (struct mt_bytes){"peak", 4};
	record.snapshot = snapshot;
	int rc = mt_writer_put(trace->writer, &record, err);
	record.kind = MT_RECORD_SNAPSHOT_END;
	return rc < 0 ? rc : mt_writer_put(trace->writer, &record, err);
}

static int write_snapshot(struct mt_trace_file *trace, struct mt_record_snapshot snapshot,
			  const struct comparison *c,
			  const struct mt_snapshot_request *request, struct mt_error *err)
{
	int rc = 0;
	if (snapshot.kind == MT_SNAPSHOT_EXIT)
		rc = write_peak(trace, snapshot, err);
	snapshot.index = snapshot.kind == MT_SNAPSHOT_CHECKPOINT ? UINT32_MAX
								 : trace->next_index++;
	struct mt_record record = {.kind = MT_RECORD_SNAPSHOT, .snapshot = snapshot};
	if (rc == 0)
		rc = mt_writer_put(trace->writer, &record, err);
	if (rc == 0)
		rc = write_rows(trace, c, snapshot.is_delta, err);
	if (rc == 0)
		rc = write_cells(trace, c, snapshot.is_delta, err);
	if (rc == 0)
		rc = write_occupancy(trace, c->new, err);
	if (rc == 0)
		rc = mt_places_write(trace->writer, c->new, request->layers,
				     trace->image->header.start_monotonic_ns, err);
	if (rc == 0 && request->scan)
		rc = mt_heap_scan_write(request->scan, trace->writer, trace->dictionary,
					err);
	record = (struct mt_record){.kind = MT_RECORD_SNAPSHOT_END, .snapshot = snapshot};
	return rc < 0 ? rc : mt_writer_put(trace->writer, &record, err);
}

/* The last state is always whole, as most will ask for it. */
static bool is_delta_better(const struct mt_trace_file *trace, const struct comparison *c,
			    enum mt_snapshot_kind kind)
{
	return trace->last.rows && kind != MT_SNAPSHOT_EXIT &&
	       trace->deltas < MAX_DELTAS &&
	       trace->delta_rows + c->changed_rows <= c->rows;
}

static int put_census(struct mt_trace_file *trace, struct mt_census *census,
		      struct mt_record_snapshot *snapshot,
		      const struct mt_snapshot_request *request, struct mt_error *err)
{
	struct comparison c = {.old = &trace->last, .new = census};
	int rc = compare(&c, err);
	if (rc == 0) {
		snapshot->is_delta = is_delta_better(trace, &c, snapshot->kind);
		trace->deltas = snapshot->is_delta ? trace->deltas + 1 : 0;
		trace->delta_rows =
			snapshot->is_delta ? trace->delta_rows + c.changed_rows : 0;
		sum_rows(census, snapshot);
		rc = write_snapshot(trace, *snapshot, &c, request, err);
	}
	free(c.has_other_cells);
	return rc;
}

static const char *label_of(const struct mt_snapshot_request *request)
{
	switch (request->kind) {
	case MT_SNAPSHOT_START:
		return "start";
	case MT_SNAPSHOT_EXIT:
		return "exit";
	default:
		return request->label ? request->label : "";
	}
}

static bool has_one_thread(const struct mt_image *image)
{
	return image->header.totals.threads_ever <= 1;
}

int mt_trace_file_snapshot(struct mt_trace_file *trace,
			   const struct mt_snapshot_request *request,
			   struct mt_error *err)
{
	struct mt_image *image = trace->image;
	uint64_t began = request->now_ns ? request->now_ns : mt_clock_ns();
	struct mt_census *census = &trace->next;
	if (!mt_image_refresh(image))
		return mt_fail(err, MT_ERR_DAMAGED, "state: its header cannot be read");
	int rc = mt_dictionary_update(trace->dictionary, err);
	if (rc == 0)
		rc = write_threads(trace, request->thread_name, err);
	if (rc == 0)
		rc = mt_census_take(census, image, trace->dictionary,
				    request->kind != MT_SNAPSHOT_PERIODIC, err);
	if (rc == 0) {
		const char *label = label_of(request);
		bool is_still = request->is_still &&
				(!request->thread_name || has_one_thread(image));
		uint64_t start = image->header.start_monotonic_ns;
		uint64_t end = request->copied_ns ? request->copied_ns : mt_clock_ns();
		struct mt_record_snapshot snapshot = {
			.kind = (uint8_t)request->kind,
			.label = {label, strlen(label)},
			.time_ns = began > start ? began - start : 0,
			.span_ns = is_still ? 0 : end - began + 1,
			.peak_bound_bytes = image->header.totals.peak_bound_bytes};
		rc = put_census(trace, census, &snapshot, request, err);
	}
	mt_census_drop_places(census);
	struct mt_census last = trace->last;
	trace->last = trace->next;
	trace->next = last;
	return rc;
}

int mt_trace_file_sample(struct mt_trace_file *trace, uint64_t now_ns,
			 uint64_t resident_bytes, struct mt_error *err)
{
	struct mt_image *image = trace->image;
	if (!mt_image_refresh(image))
		return mt_fail(err, MT_ERR_DAMAGED, "state: its header cannot be read");
	uint64_t start = image->header.start_monotonic_ns;
	struct mt_record record = {.kind = MT_RECORD_SAMPLE};
	record.sample = (struct mt_record_sample){
		.time_ns = now_ns > start ? now_ns - start : 0,
		.live_bytes = mt_image_sums(image).live_bytes,
		.resident_bytes = resident_bytes,
		.heap_bytes = image->header.arenas.current *
			      (uint64_t)image->header.geometry.arena_bytes};
	if (trace->has_sample && trace->sample.live_bytes == record.sample.live_bytes &&
	    trace->sample.resident_bytes == resident_bytes)
		return 0;
	trace->sample = record.sample;
	trace->has_sample = true;
	int rc = mt_dictionary_follow(trace->dictionary, err);
	if (rc == 0)
		mt_census_prepare(&trace->next, mt_dictionary_count(trace->dictionary));
	if (rc == 0)
		rc = mt_writer_put(trace->writer, &record, err);
	return rc < 0 ? rc : 1;
}

int mt_trace_file_process(struct mt_trace_file *trace,
			  const struct mt_record_process *process, struct mt_error *err)
{
	struct mt_record record = {.kind = MT_RECORD_PROCESS, .process = *process};
	return mt_writer_put(trace->writer, &record, err);
}

static int traceback_of(struct mt_trace_file *trace, mt_traceback_id id,
			uint32_t *traceback, struct mt_error *err)
{
	*traceback = 0;
	return id ? mt_dictionary_traceback(trace->dictionary, id, traceback, err) : 0;
}

int mt_trace_file_error(struct mt_trace_file *trace, const struct mt_state_error *error,
			const char *text, struct mt_error *err)
{
	struct mt_image *image = trace->image;
	if (!mt_image_refresh(image))
		return mt_fail(err, MT_ERR_DAMAGED, "state: its header cannot be read");
	uint64_t now = mt_clock_ns(), start = image->header.start_monotonic_ns;
	struct mt_record record = {.kind = MT_RECORD_ERROR};
	record.error = (struct mt_record_error){
		.kind = (uint8_t)error->kind,
		.time_ns = now > start ? now - start : 0,
		.tid = error->tid,
		.address = error->address,
		.block = error->block,
		.block_bytes = error->block_bytes,
		.serial = error->serial,
		.allocated_by = error->allocated_by,
		.called_by = error->called_by,
		.call = {error->call, strnlen(error->call, sizeof error->call)},
		.text = {text, strlen(text)}};
	int rc = mt_dictionary_update(trace->dictionary, err);
	if (rc == 0)
		rc = traceback_of(trace, error->allocated, &record.error.allocated, err);
	if (rc == 0)
		rc = traceback_of(trace, error->freed, &record.error.freed, err);
	if (rc == 0)
		rc = traceback_of(trace, error->here, &record.error.here, err);
	if (rc == 0)
		rc = mt_writer_put(trace->writer, &record, err);
	return rc < 0 ? rc : mt_writer_flush(trace->writer, err);
}

struct mt_dictionary *mt_trace_file_dictionary(struct mt_trace_file *trace)
{
	return trace->dictionary;
}

int mt_trace_file_flush(struct mt_trace_file *trace, struct mt_error *err)
{
	return mt_writer_flush(trace->writer, err);
}
