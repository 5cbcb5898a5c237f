/*
 * record.c - one record to bytes and back; see record.h. Outside.
 *
 * memtrace-trace(5) describes the bytes. Fields of kinds that are alone in their group
 * may only be added at the end: older readers leave the rest of a group unread. A row of
 * a packed kind cannot change; a new kind must be added.
 */
#include "formats/record.h"

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/layout.h"
#include "formats/reach.h"

enum {
	/* Kind, numbers and lengths of the largest record, without its bytes. */
	FIXED_BYTES_MAX = 256,
	KIND_MAX =
		15, /* frame kinds, roots, snapshot kinds, also those of later formats */
	REASON_MAX = 255, /* as KIND_MAX, of losses */

	/* The first byte of a COUNTER row. */
	COUNTER_LIVE_SHIFT = 0,
	COUNTER_PEAK_SHIFT = 2,
	COUNTER_VALUES_MASK = 3,
	COUNTER_ALLOC_EVEN = 1 << 4, /* bytes are given as bytes per block */
	COUNTER_LIVE_EVEN = 1 << 5,
	COUNTER_PEAK_EVEN = 1 << 6,
	COUNTER_NEXT = 1 << 7, /* traceback is the one after the row before's */
};

/* How live and peak values are given in a COUNTER row. */
enum counter_values {
	VALUES_ZERO = 0,
	VALUES_AS_ALLOC = 1,
	VALUES_AS_LIVE = 2, /* peak only */
	VALUES_GIVEN = 3,
};

bool mt_record_is_packed(enum mt_record_kind kind)
{
	return kind == MT_RECORD_FRAME || kind == MT_RECORD_TRACEBACK ||
	       kind == MT_RECORD_COUNTER || kind == MT_RECORD_CELL ||
	       kind == MT_RECORD_SAMPLE || mt_layout_is_packed(kind) ||
	       mt_reach_is_packed(kind);
}

uint16_t mt_record_chunk_type(uint64_t kind)
{
	static const uint16_t types[MT_RECORD_KIND_COUNT] = {
		[MT_RECORD_META] = MT_CHUNK_META,
		[MT_RECORD_MODULE] = MT_CHUNK_MODULES,
		[MT_RECORD_FRAME] = MT_CHUNK_FRAMES,
		[MT_RECORD_TRACEBACK] = MT_CHUNK_TRACEBACKS,
		[MT_RECORD_THREAD] = MT_CHUNK_THREADS,
		[MT_RECORD_SNAPSHOT] = MT_CHUNK_SNAPSHOTS,
		[MT_RECORD_SNAPSHOT_END] = MT_CHUNK_SNAPSHOTS,
		[MT_RECORD_COUNTER] = MT_CHUNK_COUNTERS,
		[MT_RECORD_CELL] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_CLASS] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_ARENAS] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_LOSS] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_SAMPLE] = MT_CHUNK_TIMELINE,
		[MT_RECORD_PROCESS] = MT_CHUNK_PROCESSES,
		[MT_RECORD_POOL] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_PIN] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_HOLD] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_BORDER] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_LAYER] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_SCAN] = MT_CHUNK_SCAN,
		[MT_RECORD_ROOT] = MT_CHUNK_SCAN,
		[MT_RECORD_BLOCK] = MT_CHUNK_SCAN,
		[MT_RECORD_EDGE] = MT_CHUNK_SCAN,
		[MT_RECORD_ERROR] = MT_CHUNK_ERRORS,
		[MT_RECORD_CONTENTS] = MT_CHUNK_SCAN,
		[MT_RECORD_WAITING] = MT_CHUNK_OCCUPANCY,
		[MT_RECORD_CALLER] = MT_CHUNK_SCAN,
	};
	return kind < MT_RECORD_KIND_COUNT ? types[kind] : 0;
}

size_t mt_record_size_limit(const struct mt_record *rec)
{
	size_t size = FIXED_BYTES_MAX;
	switch (rec->kind) {
	case MT_RECORD_META:
		return size + rec->meta.key.size + rec->meta.value.size;
	case MT_RECORD_MODULE:
		return size + rec->module.path.size + rec->module.build_id.size;
	case MT_RECORD_THREAD:
		return size + rec->thread.name.size;
	case MT_RECORD_SNAPSHOT:
	case MT_RECORD_SNAPSHOT_END:
		return size + rec->snapshot.label.size;
	case MT_RECORD_PROCESS:
		return size + rec->process.program.size + rec->process.trace.size +
		       rec->process.began.size + rec->process.end.size;
	case MT_RECORD_ERROR:
		return size + rec->error.call.size + rec->error.text.size;
	case MT_RECORD_CONTENTS:
		return size + rec->contents.bytes.size;
	default:
		return size;
	}
}

static void encode_bytes(struct mt_output *out, struct mt_bytes bytes)
{
	mt_output_varint(out, bytes.size);
	mt_output_put(out, bytes.data, bytes.size);
}

static struct mt_bytes decode_bytes(struct mt_cursor *in)
{
	uint64_t size = mt_cursor_varint(in);
	const uint8_t *data = mt_cursor_take(in, size);
	return (struct mt_bytes){(const char *)data, data ? (size_t)size : 0};
}

static void encode_module(struct mt_output *out, const struct mt_record_module *module)
{
	mt_output_varint(out, module->id);
	mt_output_varint(out, module->flags);
	mt_output_varint(out, module->start);
	mt_output_varint(out, module->end);
	mt_output_varint(out, module->bias);
	encode_bytes(out, module->path);
	encode_bytes(out, module->build_id);
	mt_output_varint(out, module->file_bytes);
	mt_output_varint(out, module->file_mtime_ns);
}

static void decode_module(struct mt_cursor *in, struct mt_record_module *module)
{
	module->id = mt_cursor_varint32(in);
	module->flags = mt_cursor_varint32(in);
	module->start = mt_cursor_varint(in);
	module->end = mt_cursor_varint(in);
	module->bias = mt_cursor_varint(in);
	module->path = decode_bytes(in);
	module->build_id = decode_bytes(in);
	module->file_bytes = mt_cursor_varint(in);
	module->file_mtime_ns = mt_cursor_varint(in);
}

/* Ids count up within a group: only the first is written. */
static void encode_id(struct mt_output *out, struct mt_record_context *context,
		      uint32_t id)
{
	if (!context->is_begun)
		mt_output_varint(out, id);
	context->is_begun = true;
	context->id = id;
}

static uint32_t decode_id(struct mt_cursor *in, struct mt_record_context *context)
{
	context->id = context->is_begun ? context->id + 1 : mt_cursor_varint32(in);
	context->is_begun = true;
	return context->id;
}

/* kind << 2 | exact << 1 | other module; module if other; offset against the last one's. */
static void encode_frame(struct mt_output *out, struct mt_record_context *context,
			 const struct mt_record_frame *frame)
{
	encode_id(out, context, frame->id);
	bool other = frame->module != context->module;
	mt_output_varint(out, (uint64_t)frame->kind << 2 | (uint64_t)frame->exact << 1 |
				      other);
	if (other)
		mt_output_varint(out, frame->module);
	mt_output_signed(out, (int64_t)(frame->offset - context->offset));
	context->module = frame->module;
	context->offset = frame->offset;
}

static void decode_frame(struct mt_cursor *in, struct mt_record_context *context,
			 struct mt_record_frame *frame)
{
	frame->id = decode_id(in, context);
	uint8_t head = mt_cursor_u8(in);
	frame->kind = head >> 2;
	frame->exact = head & 2;
	if (head & 1)
		context->module = mt_cursor_varint32(in);
	context->offset += (uint64_t)mt_cursor_signed(in);
	frame->module = context->module;
	frame->offset = context->offset;
}

/* frame << 1 | (parent is the row before); else the distance to it. Root: 0 and which. */
static void encode_traceback(struct mt_output *out, struct mt_record_context *context,
			     const struct mt_record_traceback *traceback)
{
	encode_id(out, context, traceback->id);
	if (traceback->root) {
		mt_output_u8(out, 0);
		mt_output_u8(out, traceback->root);
		return;
	}
	uint32_t distance = traceback->id - traceback->parent;
	mt_output_varint(out, (uint64_t)traceback->frame << 1 | (distance == 1));
	if (distance != 1)
		mt_output_varint(out, distance);
}

static void decode_traceback(struct mt_cursor *in, struct mt_record_context *context,
			     struct mt_record_traceback *traceback)
{
	*traceback = (struct mt_record_traceback){.id = decode_id(in, context)};
	uint64_t head = mt_cursor_varint(in);
	if (!head) {
		traceback->root = mt_cursor_u8(in);
		return;
	}
	if (head >> 1 > UINT32_MAX)
		in->failed = true;
	traceback->frame = (uint32_t)(head >> 1);
	traceback->parent = traceback->id - (head & 1 ? 1 : mt_cursor_varint32(in));
}

static void encode_thread(struct mt_output *out, const struct mt_record_thread *thread)
{
	mt_output_varint(out, thread->slot);
	mt_output_varint(out, thread->tid);
	mt_output_varint(out, thread->serial);
	mt_output_u8(out, thread->alive);
	encode_bytes(out, thread->name);
}

static void decode_thread(struct mt_cursor *in, struct mt_record_thread *thread)
{
	thread->slot = mt_cursor_varint32(in);
	thread->tid = mt_cursor_varint32(in);
	thread->serial = mt_cursor_varint32(in);
	thread->alive = mt_cursor_u8(in) & 1;
	thread->name = decode_bytes(in);
}

static void encode_snapshot(struct mt_output *out,
			    const struct mt_record_snapshot *snapshot)
{
	mt_output_varint(out, snapshot->ordinal);
	mt_output_varint(out, snapshot->index + 1); /* checkpoints: 0 */
	mt_output_u8(out, snapshot->kind);
	mt_output_varint(out, snapshot->base);
	encode_bytes(out, snapshot->label);
	mt_output_varint(out, snapshot->time_ns);
	mt_output_varint(out, snapshot->span_ns);
	mt_output_signed(out, snapshot->live_bytes);
	mt_output_signed(out, snapshot->live_count);
	mt_output_signed(out, snapshot->peak_bytes);
	mt_output_signed(out, snapshot->peak_count);
	mt_output_varint(out, snapshot->total_bytes);
	mt_output_varint(out, snapshot->total_count);
	mt_output_varint(out, snapshot->peak_bound_bytes);
	mt_output_varint(out, snapshot->defined.modules);
	mt_output_varint(out, snapshot->defined.frames);
	mt_output_varint(out, snapshot->defined.tracebacks);
	mt_output_varint(out, snapshot->defined.slots);
}

static void decode_snapshot(struct mt_cursor *in, struct mt_record_snapshot *snapshot)
{
	snapshot->ordinal = mt_cursor_varint32(in);
	snapshot->index = mt_cursor_varint32(in) - 1;
	snapshot->kind = mt_cursor_u8(in);
	snapshot->base = mt_cursor_varint32(in);
	snapshot->is_delta = snapshot->base;
	snapshot->label = decode_bytes(in);
	snapshot->time_ns = mt_cursor_varint(in);
	snapshot->span_ns = mt_cursor_varint(in);
	snapshot->live_bytes = mt_cursor_signed(in);
	snapshot->live_count = mt_cursor_signed(in);
	snapshot->peak_bytes = mt_cursor_signed(in);
	snapshot->peak_count = mt_cursor_signed(in);
	snapshot->total_bytes = mt_cursor_varint(in);
	snapshot->total_count = mt_cursor_varint(in);
	snapshot->peak_bound_bytes = mt_cursor_varint(in);
	snapshot->defined.modules = mt_cursor_varint32(in);
	snapshot->defined.frames = mt_cursor_varint32(in);
	snapshot->defined.tracebacks = mt_cursor_varint32(in);
	snapshot->defined.slots = mt_cursor_varint32(in);
}

/* Blocks and their bytes. */
struct amount {
	uint64_t count, bytes;
};

static bool is_same(struct amount a, struct amount b)
{
	return a.count == b.count && a.bytes == b.bytes;
}

static bool is_even(struct amount a)
{
	return a.count && a.bytes % a.count == 0;
}

/* counts may be negative where a snapshot caught an event half done. */
static void encode_amount(struct mt_output *out, struct amount a, bool even)
{
	mt_output_signed(out, (int64_t)a.count);
	mt_output_signed(out, (int64_t)(even ? a.bytes / a.count : a.bytes));
}

static struct amount decode_amount(struct mt_cursor *in, bool even)
{
	uint64_t count = (uint64_t)mt_cursor_signed(in);
	uint64_t bytes = (uint64_t)mt_cursor_signed(in);
	return (struct amount){count, even ? count * bytes : bytes};
}

/* A head byte, the traceback unless it is the next one, and the amounts not implied. */
static void encode_counter(struct mt_output *out, struct mt_record_context *context,
			   const struct mt_record_counter *counter)
{
	struct amount alloc = {counter->alloc_count, counter->alloc_bytes};
	struct amount live = {(uint64_t)counter->live_count,
			      (uint64_t)counter->live_bytes};
	struct amount peak = {(uint64_t)counter->peak_count,
			      (uint64_t)counter->peak_bytes};
	struct amount zero = {0, 0};
	enum counter_values of_live = is_same(live, zero)    ? VALUES_ZERO
				      : is_same(live, alloc) ? VALUES_AS_ALLOC
							     : VALUES_GIVEN;
	enum counter_values of_peak = is_same(peak, zero)    ? VALUES_ZERO
				      : is_same(peak, alloc) ? VALUES_AS_ALLOC
				      : is_same(peak, live)  ? VALUES_AS_LIVE
							     : VALUES_GIVEN;
	bool next = counter->traceback == context->id + 1;
	bool live_even = of_live == VALUES_GIVEN && is_even(live);
	bool peak_even = of_peak == VALUES_GIVEN && is_even(peak);
	mt_output_u8(out, (uint8_t)(of_live << COUNTER_LIVE_SHIFT |
				    of_peak << COUNTER_PEAK_SHIFT |
				    (is_even(alloc) ? COUNTER_ALLOC_EVEN : 0) |
				    (live_even ? COUNTER_LIVE_EVEN : 0) |
				    (peak_even ? COUNTER_PEAK_EVEN : 0) |
				    (next ? COUNTER_NEXT : 0)));
	if (!next)
		mt_output_signed(out, (int64_t)counter->traceback - context->id);
	encode_amount(out, alloc, is_even(alloc));
	if (of_live == VALUES_GIVEN)
		encode_amount(out, live, live_even);
	if (of_peak == VALUES_GIVEN)
		encode_amount(out, peak, peak_even);
	context->id = counter->traceback;
}

/* The row before's traceback and a difference; out of 32 bits fails. */
static uint32_t decode_near_id(struct mt_cursor *in, struct mt_record_context *context,
			       int64_t difference)
{
	int64_t id;
	if (__builtin_add_overflow(difference, context->id, &id) || id < 0 ||
	    id > UINT32_MAX) {
		in->failed = true;
		id = 0;
	}
	context->id = (uint32_t)id;
	return context->id;
}

static struct amount decode_values(struct mt_cursor *in, unsigned values, bool even,
				   struct amount alloc, struct amount live)
{
	switch (values & COUNTER_VALUES_MASK) {
	case VALUES_ZERO:
		return (struct amount){0, 0};
	case VALUES_AS_ALLOC:
		return alloc;
	case VALUES_AS_LIVE:
		return live;
	default:
		return decode_amount(in, even);
	}
}

static void decode_counter(struct mt_cursor *in, struct mt_record_context *context,
			   struct mt_record_counter *counter)
{
	unsigned head = mt_cursor_u8(in);
	int64_t difference = head & COUNTER_NEXT ? 1 : mt_cursor_signed(in);
	counter->traceback = decode_near_id(in, context, difference);
	struct amount alloc = decode_amount(in, head & COUNTER_ALLOC_EVEN);
	struct amount live =
		decode_values(in, head >> COUNTER_LIVE_SHIFT, head & COUNTER_LIVE_EVEN,
			      alloc, (struct amount){0, 0});
	struct amount peak = decode_values(in, head >> COUNTER_PEAK_SHIFT,
					   head & COUNTER_PEAK_EVEN, alloc, live);
	counter->alloc_count = alloc.count;
	counter->alloc_bytes = alloc.bytes;
	counter->live_count = (int64_t)live.count;
	counter->live_bytes = (int64_t)live.bytes;
	counter->peak_count = (int64_t)peak.count;
	counter->peak_bytes = (int64_t)peak.bytes;
}

/* zigzag(traceback - last) << 2 | other slot << 1 | even; slot if other; class; amount. */
static void encode_cell(struct mt_output *out, struct mt_record_context *context,
			const struct mt_record_cell *cell)
{
	struct amount amount = {cell->count, cell->bytes};
	uint64_t near = mt_zigzag((int64_t)cell->traceback - context->id);
	bool other = cell->slot != context->slot;
	mt_output_varint(out, near << 2 | (uint64_t)other << 1 | is_even(amount));
	if (other)
		mt_output_varint(out, cell->slot);
	mt_output_u8(out, cell->class_index);
	encode_amount(out, amount, is_even(amount));
	context->id = cell->traceback;
	context->slot = cell->slot;
}

static void decode_cell(struct mt_cursor *in, struct mt_record_context *context,
			struct mt_record_cell *cell)
{
	uint64_t head = mt_cursor_varint(in);
	cell->traceback = decode_near_id(in, context, mt_unzigzag(head >> 2));
	if (head & 2)
		context->slot = mt_cursor_varint32(in);
	cell->slot = context->slot;
	cell->class_index = mt_cursor_u8(in);
	struct amount amount = decode_amount(in, head & 1);
	cell->count = amount.count;
	cell->bytes = amount.bytes;
}

static void encode_class(struct mt_output *out, const struct mt_record_class *class)
{
	mt_output_u8(out, class->index);
	mt_output_varint(out, class->block_bytes);
	mt_output_varint(out, class->pools);
	mt_output_varint(out, class->blocks_in_use);
	mt_output_varint(out, class->requested_bytes);
	mt_output_varint(out, class->inherited);
	mt_output_varint(out, class->waiting);
}

static void decode_class(struct mt_cursor *in, struct mt_record_class *class)
{
	class->index = mt_cursor_u8(in);
	class->block_bytes = mt_cursor_varint32(in);
	class->pools = mt_cursor_varint(in);
	class->blocks_in_use = mt_cursor_varint(in);
	class->requested_bytes = mt_cursor_varint(in);
	class->inherited = mt_cursor_varint(in);
	/* Added later. */
	class->waiting = mt_cursor_left(in) ? mt_cursor_varint(in) : 0;
}

static void encode_arenas(struct mt_output *out, const struct mt_record_arenas *arenas)
{
	mt_output_varint(out, arenas->allocated_total);
	mt_output_varint(out, arenas->reclaimed);
	mt_output_varint(out, arenas->highwater);
	mt_output_varint(out, arenas->current);
	mt_output_varint(out, arenas->free_pools);
	mt_output_varint(out, arenas->large_blocks);
	mt_output_varint(out, arenas->large_bytes);
	mt_output_varint(out, arenas->large_block_bytes);
	mt_output_varint(out, arenas->guarded_blocks);
	mt_output_varint(out, arenas->guarded_bytes);
	mt_output_varint(out, arenas->guarded_block_bytes);
}

static void decode_arenas(struct mt_cursor *in, struct mt_record_arenas *arenas)
{
	arenas->allocated_total = mt_cursor_varint(in);
	arenas->reclaimed = mt_cursor_varint(in);
	arenas->highwater = mt_cursor_varint(in);
	arenas->current = mt_cursor_varint(in);
	arenas->free_pools = mt_cursor_varint(in);
	arenas->large_blocks = mt_cursor_varint(in);
	arenas->large_bytes = mt_cursor_varint(in);
	/* Added later, in two steps. */
	arenas->large_block_bytes = mt_cursor_left(in) ? mt_cursor_varint(in) : 0;
	bool has_guarded = mt_cursor_left(in) > 0;
	arenas->guarded_blocks = has_guarded ? mt_cursor_varint(in) : 0;
	arenas->guarded_bytes = has_guarded ? mt_cursor_varint(in) : 0;
	arenas->guarded_block_bytes = has_guarded ? mt_cursor_varint(in) : 0;
}

/* All as differences to the sample before. */
static void encode_sample(struct mt_output *out, struct mt_record_context *context,
			  const struct mt_record_sample *sample)
{
	const struct mt_record_sample *last = &context->sample;
	mt_output_signed(out, (int64_t)(sample->time_ns - last->time_ns));
	mt_output_signed(out, (int64_t)((uint64_t)sample->live_bytes -
					(uint64_t)last->live_bytes));
	mt_output_signed(out, (int64_t)(sample->resident_bytes - last->resident_bytes));
	mt_output_signed(out, (int64_t)(sample->heap_bytes - last->heap_bytes));
	context->sample = *sample;
}

static void decode_sample(struct mt_cursor *in, struct mt_record_context *context,
			  struct mt_record_sample *sample)
{
	struct mt_record_sample *last = &context->sample;
	last->time_ns += (uint64_t)mt_cursor_signed(in);
	last->live_bytes =
		(int64_t)((uint64_t)last->live_bytes + (uint64_t)mt_cursor_signed(in));
	last->resident_bytes += (uint64_t)mt_cursor_signed(in);
	last->heap_bytes += (uint64_t)mt_cursor_signed(in);
	*sample = *last;
}

static void encode_process(struct mt_output *out, const struct mt_record_process *process)
{
	mt_output_varint(out, process->pid);
	mt_output_varint(out, process->parent_pid);
	mt_output_put(out, process->uuid, sizeof process->uuid);
	encode_bytes(out, process->program);
	encode_bytes(out, process->trace);
	encode_bytes(out, process->began);
	encode_bytes(out, process->end);
}

static void decode_process(struct mt_cursor *in, struct mt_record_process *process)
{
	process->pid = mt_cursor_varint32(in);
	process->parent_pid = mt_cursor_varint32(in);
	const uint8_t *uuid = mt_cursor_take(in, sizeof process->uuid);
	if (uuid)
		memcpy(process->uuid, uuid, sizeof process->uuid);
	process->program = decode_bytes(in);
	process->trace = decode_bytes(in);
	process->began = decode_bytes(in);
	process->end = decode_bytes(in);
}

static void encode_error(struct mt_output *out, const struct mt_record_error *error)
{
	mt_output_u8(out, error->kind);
	mt_output_varint(out, error->time_ns);
	mt_output_varint(out, error->tid);
	mt_output_varint(out, error->address);
	mt_output_varint(out, error->block);
	mt_output_varint(out, error->block_bytes);
	mt_output_varint(out, error->serial);
	mt_output_u8(out, error->allocated_by);
	mt_output_u8(out, error->called_by);
	mt_output_varint(out, error->allocated);
	mt_output_varint(out, error->freed);
	mt_output_varint(out, error->here);
	encode_bytes(out, error->call);
	encode_bytes(out, error->text);
}

static void decode_error(struct mt_cursor *in, struct mt_record_error *error)
{
	error->kind = mt_cursor_u8(in);
	error->time_ns = mt_cursor_varint(in);
	error->tid = mt_cursor_varint32(in);
	error->address = mt_cursor_varint(in);
	error->block = mt_cursor_varint(in);
	error->block_bytes = mt_cursor_varint(in);
	error->serial = mt_cursor_varint(in);
	error->allocated_by = mt_cursor_u8(in);
	error->called_by = mt_cursor_u8(in);
	error->allocated = mt_cursor_varint32(in);
	error->freed = mt_cursor_varint32(in);
	error->here = mt_cursor_varint32(in);
	error->call = decode_bytes(in);
	error->text = decode_bytes(in);
}

void mt_record_encode(struct mt_output *out, struct mt_record_context *context,
		      const struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_META:
		encode_bytes(out, rec->meta.key);
		encode_bytes(out, rec->meta.value);
		break;
	case MT_RECORD_MODULE:
		encode_module(out, &rec->module);
		break;
	case MT_RECORD_FRAME:
		encode_frame(out, context, &rec->frame);
		break;
	case MT_RECORD_TRACEBACK:
		encode_traceback(out, context, &rec->traceback);
		break;
	case MT_RECORD_THREAD:
		encode_thread(out, &rec->thread);
		break;
	case MT_RECORD_SNAPSHOT:
	case MT_RECORD_SNAPSHOT_END:
		encode_snapshot(out, &rec->snapshot);
		break;
	case MT_RECORD_COUNTER:
		encode_counter(out, context, &rec->counter);
		break;
	case MT_RECORD_CELL:
		encode_cell(out, context, &rec->cell);
		break;
	case MT_RECORD_CLASS:
		encode_class(out, &rec->class);
		break;
	case MT_RECORD_ARENAS:
		encode_arenas(out, &rec->arenas);
		break;
	case MT_RECORD_LOSS:
		mt_output_varint(out, rec->loss.reason);
		mt_output_varint(out, rec->loss.count);
		break;
	case MT_RECORD_SAMPLE:
		encode_sample(out, context, &rec->sample);
		break;
	case MT_RECORD_PROCESS:
		encode_process(out, &rec->process);
		break;
	case MT_RECORD_ERROR:
		encode_error(out, &rec->error);
		break;
	default:
		mt_layout_encode(out, context, rec);
		mt_reach_encode(out, context, rec);
		break;
	}
}

void mt_record_decode(struct mt_cursor *in, struct mt_record_context *context,
		      struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_META:
		rec->meta.key = decode_bytes(in);
		rec->meta.value = decode_bytes(in);
		break;
	case MT_RECORD_MODULE:
		decode_module(in, &rec->module);
		break;
	case MT_RECORD_FRAME:
		decode_frame(in, context, &rec->frame);
		break;
	case MT_RECORD_TRACEBACK:
		decode_traceback(in, context, &rec->traceback);
		break;
	case MT_RECORD_THREAD:
		decode_thread(in, &rec->thread);
		break;
	case MT_RECORD_SNAPSHOT:
	case MT_RECORD_SNAPSHOT_END:
		decode_snapshot(in, &rec->snapshot);
		break;
	case MT_RECORD_COUNTER:
		decode_counter(in, context, &rec->counter);
		break;
	case MT_RECORD_CELL:
		decode_cell(in, context, &rec->cell);
		break;
	case MT_RECORD_CLASS:
		decode_class(in, &rec->class);
		break;
	case MT_RECORD_ARENAS:
		decode_arenas(in, &rec->arenas);
		break;
	case MT_RECORD_LOSS:
		rec->loss.reason = mt_cursor_varint32(in);
		rec->loss.count = mt_cursor_varint(in);
		break;
	case MT_RECORD_SAMPLE:
		decode_sample(in, context, &rec->sample);
		break;
	case MT_RECORD_PROCESS:
		decode_process(in, &rec->process);
		break;
	case MT_RECORD_ERROR:
		decode_error(in, &rec->error);
		break;
	default:
		mt_layout_decode(in, context, rec);
		mt_reach_decode(in, context, rec);
		break;
	}
}
