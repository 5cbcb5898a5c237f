/*
 * layout.c - see layout.h. Outside.
 */
#include "formats/layout.h"

#include "formats/state.h"

enum {
	POOL_STATE_BITS = 2,
};

bool mt_layout_is_packed(enum mt_record_kind kind)
{
	return kind == MT_RECORD_POOL || kind == MT_RECORD_PIN ||
	       kind == MT_RECORD_HOLD || kind == MT_RECORD_BORDER ||
	       kind == MT_RECORD_WAITING;
}

/* An id against the one of the row before. */
static void encode_near(struct mt_output *out, uint32_t *last, uint32_t id)
{
	mt_output_signed(out, (int64_t)id - *last);
	*last = id;
}

static uint32_t decode_near(struct mt_cursor *in, uint32_t *last)
{
	int64_t id;
	if (__builtin_add_overflow(mt_cursor_signed(in), *last, &id) || id < 0 ||
	    id > UINT32_MAX) {
		in->failed = true;
		id = 0;
	}
	*last = (uint32_t)id;
	return *last;
}

/* zigzag(index - last) << 2 | state; class and used blocks unless it is empty. */
static void encode_pool(struct mt_output *out, struct mt_record_context *context,
			const struct mt_record_pool *pool)
{
	uint64_t near = mt_zigzag((int64_t)pool->index - context->id);
	mt_output_varint(out, near << POOL_STATE_BITS | pool->state);
	context->id = pool->index;
	if (pool->state == MT_POOL_EMPTY)
		return;
	mt_output_u8(out, pool->class_index);
	mt_output_varint(out, pool->used);
}

static void decode_pool(struct mt_cursor *in, struct mt_record_context *context,
			struct mt_record_pool *pool)
{
	uint64_t head = mt_cursor_varint(in);
	int64_t index = mt_unzigzag(head >> POOL_STATE_BITS) + context->id;
	if (index < 0 || index > UINT32_MAX)
		in->failed = true;
	context->id = (uint32_t)index;
	*pool = (struct mt_record_pool){.index = context->id,
					.state = head & ((1 << POOL_STATE_BITS) - 1)};
	if (pool->state == MT_POOL_EMPTY)
		return;
	pool->class_index = mt_cursor_u8(in);
	pool->used = mt_cursor_varint32(in);
}

void mt_layout_encode(struct mt_output *out, struct mt_record_context *context,
		      const struct mt_record *rec)
{
	const struct mt_record_layer *layer = &rec->layer;
	switch (rec->kind) {
	case MT_RECORD_POOL:
		encode_pool(out, context, &rec->pool);
		break;
	case MT_RECORD_PIN:
		encode_near(out, &context->slot, rec->pin.pool);
		encode_near(out, &context->id, rec->pin.traceback);
		mt_output_varint(out, rec->pin.count);
		break;
	case MT_RECORD_HOLD:
		encode_near(out, &context->id, rec->hold.traceback);
		mt_output_varint(out, rec->hold.rounding_bytes);
		mt_output_varint(out, rec->hold.free_bytes);
		mt_output_varint(out, rec->hold.empty_bytes);
		mt_output_varint(out, rec->hold.beneath_bytes);
		break;
	case MT_RECORD_BORDER:
		encode_near(out, &context->id, rec->border.traceback);
		mt_output_u8(out, rec->border.class_index);
		mt_output_varint(out, rec->border.count);
		mt_output_varint(out, rec->border.excess_bytes);
		break;
	case MT_RECORD_WAITING:
		encode_near(out, &context->id, rec->waiting.traceback);
		mt_output_u8(out, rec->waiting.class_index);
		mt_output_varint(out, rec->waiting.count);
		mt_output_varint(out, rec->waiting.block_bytes);
		break;
	case MT_RECORD_LAYER:
		mt_output_u8(out, layer->kind);
		mt_output_varint(out, layer->time_ns);
		mt_output_varint(out, layer->mappings);
		mt_output_varint(out, layer->mapped_bytes);
		mt_output_varint(out, layer->resident_bytes);
		mt_output_varint(out, layer->swapped_bytes);
		break;
	default:
		break;
	}
}

void mt_layout_decode(struct mt_cursor *in, struct mt_record_context *context,
		      struct mt_record *rec)
{
	struct mt_record_layer *layer = &rec->layer;
	switch (rec->kind) {
	case MT_RECORD_POOL:
		decode_pool(in, context, &rec->pool);
		break;
	case MT_RECORD_PIN:
		rec->pin.pool = decode_near(in, &context->slot);
		rec->pin.traceback = decode_near(in, &context->id);
		rec->pin.count = mt_cursor_varint32(in);
		break;
	case MT_RECORD_HOLD:
		rec->hold.traceback = decode_near(in, &context->id);
		rec->hold.rounding_bytes = mt_cursor_varint(in);
		rec->hold.free_bytes = mt_cursor_varint(in);
		rec->hold.empty_bytes = mt_cursor_varint(in);
		rec->hold.beneath_bytes = mt_cursor_varint(in);
		break;
	case MT_RECORD_BORDER:
		rec->border.traceback = decode_near(in, &context->id);
		rec->border.class_index = mt_cursor_u8(in);
		rec->border.count = mt_cursor_varint(in);
		rec->border.excess_bytes = mt_cursor_varint(in);
		break;
	case MT_RECORD_WAITING:
		rec->waiting.traceback = decode_near(in, &context->id);
		rec->waiting.class_index = mt_cursor_u8(in);
		rec->waiting.count = mt_cursor_varint(in);
		rec->waiting.block_bytes = mt_cursor_varint(in);
		break;
	case MT_RECORD_LAYER:
		layer->kind = mt_cursor_u8(in);
		layer->time_ns = mt_cursor_varint(in);
		layer->mappings = mt_cursor_varint(in);
		layer->mapped_bytes = mt_cursor_varint(in);
		layer->resident_bytes = mt_cursor_varint(in);
		layer->swapped_bytes = mt_cursor_varint(in);
		break;
	default:
		break;
	}
}
