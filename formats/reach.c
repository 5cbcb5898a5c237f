/*
 * reach.c - see reach.h. Outside.
 */
#include "formats/reach.h"

/* The head of a BLOCK row. */
enum {
	KIND_MASK = 3,
	HELD_SHIFT = 2,
	HELD_MASK = 3,
	INTERIOR = 1 << 4,
	RETAINS_ITSELF = 1 << 5,
	IN_CYCLE = 1 << 6,
	HASHED = 1 << 7,
	CONTENT_SHIFT = 8,
	CONTENT_MASK = 7,
};

enum held {
	HELD_NOT = 0,
	HELD_BY_BLOCK = 1,
	HELD_BY_ROOT = 2,
};

bool mt_reach_is_packed(enum mt_record_kind kind)
{
	return kind == MT_RECORD_ROOT || kind == MT_RECORD_BLOCK ||
	       kind == MT_RECORD_EDGE || kind == MT_RECORD_CONTENTS ||
	       kind == MT_RECORD_CALLER;
}

static void encode_scan(struct mt_output *out, const struct mt_record_scan *scan)
{
	mt_output_u8(out, scan->method);
	mt_output_varint(out, scan->flags);
	mt_output_varint(out, scan->pause_ns);
	mt_output_varint(out, scan->span_ns);
	mt_output_varint(out, scan->threads);
	mt_output_varint(out, scan->threads_missed);
	mt_output_varint(out, scan->root_bytes);
	mt_output_varint(out, scan->heap_bytes);
	mt_output_varint(out, scan->unreadable_bytes);
	mt_output_varint(out, scan->blocks);
	mt_output_varint(out, scan->roots);
	mt_output_varint(out, scan->edges);
	for (int kind = 0; kind < MT_LEAK_KINDS; kind++) {
		mt_output_varint(out, scan->kinds[kind].count);
		mt_output_varint(out, scan->kinds[kind].bytes);
	}
}

static void decode_scan(struct mt_cursor *in, struct mt_record_scan *scan)
{
	scan->method = mt_cursor_u8(in);
	scan->flags = mt_cursor_varint32(in);
	scan->pause_ns = mt_cursor_varint(in);
	scan->span_ns = mt_cursor_varint(in);
	scan->threads = mt_cursor_varint(in);
	scan->threads_missed = mt_cursor_varint(in);
	scan->root_bytes = mt_cursor_varint(in);
	scan->heap_bytes = mt_cursor_varint(in);
	scan->unreadable_bytes = mt_cursor_varint(in);
	scan->blocks = mt_cursor_varint(in);
	scan->roots = mt_cursor_varint(in);
	scan->edges = mt_cursor_varint(in);
	for (int kind = 0; kind < MT_LEAK_KINDS; kind++) {
		scan->kinds[kind].count = mt_cursor_varint(in);
		scan->kinds[kind].bytes = mt_cursor_varint(in);
	}
}

/* The id of the first row begins the group; the others count up from it. */
static void encode_first_id(struct mt_output *out, struct mt_record_context *context,
			    uint32_t id)
{
	if (!context->is_begun)
		mt_output_varint(out, id);
	context->is_begun = true;
}

static uint32_t decode_next_id(struct mt_cursor *in, struct mt_record_context *context,
			       uint32_t last)
{
	bool is_first = !context->is_begun;
	context->is_begun = true;
	if (is_first)
		return mt_cursor_varint32(in);
	if (last == UINT32_MAX)
		in->failed = true;
	return last + 1;
}

/* last + difference, in 32 bits. */
static uint32_t add_near(struct mt_cursor *in, uint32_t last, int64_t difference)
{
	int64_t id;
	if (__builtin_add_overflow(difference, last, &id) || id < 0 || id > UINT32_MAX) {
		in->failed = true;
		id = 0;
	}
	return (uint32_t)id;
}

static void encode_root(struct mt_output *out, struct mt_record_context *context,
			const struct mt_record_root *root)
{
	encode_first_id(out, context, root->id);
	mt_output_u8(out, root->kind);
	mt_output_varint(out, root->module);
	mt_output_signed(out, (int64_t)(root->offset - context->root.offset));
	mt_output_varint(out, root->tid);
	mt_output_varint(out, root->frame);
	mt_output_varint(out, root->number);
	context->root = *root;
}

static void decode_root(struct mt_cursor *in, struct mt_record_context *context,
			struct mt_record_root *root)
{
	struct mt_record_root *last = &context->root;
	last->id = decode_next_id(in, context, last->id);
	last->kind = mt_cursor_u8(in);
	last->module = mt_cursor_varint32(in);
	last->offset += (uint64_t)mt_cursor_signed(in);
	last->tid = mt_cursor_varint32(in);
	last->frame = mt_cursor_varint32(in);
	last->number = mt_cursor_varint32(in);
	*root = *last;
}

static void encode_caller(struct mt_output *out, struct mt_record_context *context,
			  const struct mt_record_caller *caller)
{
	mt_output_signed(out, (int64_t)caller->root - context->id);
	mt_output_signed(out, (int64_t)caller->frame - context->frame);
	context->id = caller->root;
	context->frame = caller->frame;
}

static void decode_caller(struct mt_cursor *in, struct mt_record_context *context,
			  struct mt_record_caller *caller)
{
	caller->root = add_near(in, context->id, mt_cursor_signed(in));
	caller->frame = add_near(in, context->frame, mt_cursor_signed(in));
	context->id = caller->root;
	context->frame = caller->frame;
}

static bool retains_itself(const struct mt_record_block *block)
{
	return block->retained_count == 1 && block->retained_bytes == block->size;
}

static enum held who_holds(const struct mt_record_block *block)
{
	return !block->holder        ? HELD_NOT
	       : block->held_by_root ? HELD_BY_ROOT
				     : HELD_BY_BLOCK;
}

static void encode_block_head(struct mt_output *out, const struct mt_record_block *block)
{
	mt_output_varint(out, (unsigned)block->kind |
				      (unsigned)who_holds(block) << HELD_SHIFT |
				      (block->is_interior ? INTERIOR : 0) |
				      (retains_itself(block) ? RETAINS_ITSELF : 0) |
				      (block->cycle ? IN_CYCLE : 0) |
				      (block->has_hash ? HASHED : 0) |
				      (unsigned)block->content << CONTENT_SHIFT);
}

/* context->root.id: of the last root that held one. */
static void encode_holder(struct mt_output *out, struct mt_record_context *context,
			  const struct mt_record_block *block)
{
	if (!block->holder)
		return;
	if (block->held_by_root) {
		mt_output_signed(out, (int64_t)block->holder - context->root.id);
		context->root.id = block->holder;
		return;
	}
	mt_output_signed(out, (int64_t)block->id - block->holder);
	mt_output_varint(out, block->offset);
}

static void encode_content(struct mt_output *out, struct mt_record_context *context,
			   const struct mt_record_block *block)
{
	if (block->content == MT_CONTENT_STRING)
		mt_output_varint(out, block->length);
	if (block->content != MT_CONTENT_OBJECT)
		return;
	mt_output_varint(out, block->content_module);
	mt_output_signed(out, (int64_t)(block->content_offset - context->offset));
	context->offset = block->content_offset;
}

static void encode_block(struct mt_output *out, struct mt_record_context *context,
			 const struct mt_record_block *block)
{
	const struct mt_record_block *last = &context->block;
	encode_first_id(out, context, block->id);
	encode_block_head(out, block);
	mt_output_varint(out, block->address - last->address);
	mt_output_signed(out, (int64_t)(block->size - last->size));
	mt_output_signed(out, (int64_t)block->traceback - last->traceback);
	encode_holder(out, context, block);
	mt_output_varint(out, block->in_degree);
	if (!retains_itself(block)) {
		mt_output_varint(out, block->retained_bytes);
		mt_output_varint(out, block->retained_count);
	}
	if (block->cycle)
		mt_output_varint(out, block->cycle);
	encode_content(out, context, block);
	if (block->has_hash)
		mt_output_u64(out, block->hash);
	context->block = *block;
}

static void decode_block_head(struct mt_record_block *block, uint64_t head)
{
	block->kind = head & KIND_MASK;
	block->held_by_root = (head >> HELD_SHIFT & HELD_MASK) == HELD_BY_ROOT;
	block->is_interior = head & INTERIOR;
	block->has_hash = head & HASHED;
	block->content = head >> CONTENT_SHIFT & CONTENT_MASK;
}

static void decode_holder(struct mt_cursor *in, struct mt_record_context *context,
			  struct mt_record_block *block, unsigned held)
{
	if (held == HELD_BY_ROOT) {
		block->holder = add_near(in, context->root.id, mt_cursor_signed(in));
		context->root.id = block->holder;
	} else if (held == HELD_BY_BLOCK) {
		int64_t back = mt_cursor_signed(in);
		if (back == INT64_MIN)
			in->failed = true;
		else
			block->holder = add_near(in, block->id, -back);
		block->offset = mt_cursor_varint(in);
	} else if (held != HELD_NOT) {
		in->failed = true;
	}
}

static void decode_content(struct mt_cursor *in, struct mt_record_context *context,
			   struct mt_record_block *block)
{
	if (block->content == MT_CONTENT_STRING)
		block->length = mt_cursor_varint(in);
	if (block->content != MT_CONTENT_OBJECT)
		return;
	block->content_module = mt_cursor_varint32(in);
	context->offset += (uint64_t)mt_cursor_signed(in);
	block->content_offset = context->offset;
}

static void decode_block(struct mt_cursor *in, struct mt_record_context *context,
			 struct mt_record_block *block)
{
	const struct mt_record_block *last = &context->block;
	*block = (struct mt_record_block){.id = decode_next_id(in, context, last->id)};
	uint64_t head = mt_cursor_varint(in);
	decode_block_head(block, head);
	block->address = last->address + mt_cursor_varint(in);
	block->size = last->size + (uint64_t)mt_cursor_signed(in);
	block->traceback = add_near(in, last->traceback, mt_cursor_signed(in));
	decode_holder(in, context, block, head >> HELD_SHIFT & HELD_MASK);
	block->in_degree = mt_cursor_varint(in);
	bool alone = head & RETAINS_ITSELF;
	block->retained_bytes = alone ? block->size : mt_cursor_varint(in);
	block->retained_count = alone ? 1 : mt_cursor_varint(in);
	if (head & IN_CYCLE)
		block->cycle = mt_cursor_varint32(in);
	decode_content(in, context, block);
	if (block->has_hash)
		block->hash = mt_cursor_u64(in);
	context->block = *block;
}

static void encode_edge(struct mt_output *out, struct mt_record_context *context,
			const struct mt_record_edge *edge)
{
	mt_output_signed(out, (int64_t)edge->from - context->edge.from);
	mt_output_signed(out, (int64_t)edge->to - edge->from);
	mt_output_varint(out, edge->offset);
	context->edge = *edge;
}

static void decode_edge(struct mt_cursor *in, struct mt_record_context *context,
			struct mt_record_edge *edge)
{
	edge->from = add_near(in, context->edge.from, mt_cursor_signed(in));
	edge->to = add_near(in, edge->from, mt_cursor_signed(in));
	edge->offset = mt_cursor_varint(in);
	context->edge = *edge;
}

static void encode_contents(struct mt_output *out, struct mt_record_context *context,
			    const struct mt_record_contents *contents)
{
	mt_output_signed(out, (int64_t)contents->block - context->id);
	mt_output_varint(out, contents->bytes.size);
	mt_output_put(out, contents->bytes.data, contents->bytes.size);
	context->id = contents->block;
}

static void decode_contents(struct mt_cursor *in, struct mt_record_context *context,
			    struct mt_record_contents *contents)
{
	contents->block = add_near(in, context->id, mt_cursor_signed(in));
	uint64_t size = mt_cursor_varint(in);
	const uint8_t *data = mt_cursor_take(in, size);
	contents->bytes = (struct mt_bytes){(const char *)data, data ? (size_t)size : 0};
	context->id = contents->block;
}

void mt_reach_encode(struct mt_output *out, struct mt_record_context *context,
		     const struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_SCAN:
		encode_scan(out, &rec->scan);
		break;
	case MT_RECORD_ROOT:
		encode_root(out, context, &rec->root);
		break;
	case MT_RECORD_CALLER:
		encode_caller(out, context, &rec->caller);
		break;
	case MT_RECORD_BLOCK:
		encode_block(out, context, &rec->block);
		break;
	case MT_RECORD_EDGE:
		encode_edge(out, context, &rec->edge);
		break;
	case MT_RECORD_CONTENTS:
		encode_contents(out, context, &rec->contents);
		break;
	default:
		break;
	}
}

void mt_reach_decode(struct mt_cursor *in, struct mt_record_context *context,
		     struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_SCAN:
		decode_scan(in, &rec->scan);
		break;
	case MT_RECORD_ROOT:
		decode_root(in, context, &rec->root);
		break;
	case MT_RECORD_CALLER:
		decode_caller(in, context, &rec->caller);
		break;
	case MT_RECORD_BLOCK:
		decode_block(in, context, &rec->block);
		break;
	case MT_RECORD_EDGE:
		decode_edge(in, context, &rec->edge);
		break;
	case MT_RECORD_CONTENTS:
		decode_contents(in, context, &rec->contents);
		break;
	default:
		break;
	}
}
