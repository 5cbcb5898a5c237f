/*
 * test-record.c - each kind of record comes back from its bytes, whatever its values; a
 * record cut anywhere fails; what cannot be is refused.
 */
#include "formats/record.h"

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/state.h"
#include "tests/tap.h"

#define LITERAL(text)                                                                    \
	{                                                                                \
		text, sizeof text - 1                                                    \
	}

static const struct mt_record samples[] = {
	{.kind = MT_RECORD_META, .meta = {LITERAL("argv"), LITERAL("a\0b")}},
	{.kind = MT_RECORD_META, .meta = {{NULL, 0}, {NULL, 0}}},
	{.kind = MT_RECORD_MODULE,
	 .module = {7, UINT32_MAX, 1, UINT64_MAX, UINT64_MAX, LITERAL("/x"),
		    LITERAL("\0\1"), UINT64_MAX, UINT64_MAX}},
	{.kind = MT_RECORD_FRAME, .frame = {1, 2, true, 9, UINT64_MAX}},
	{.kind = MT_RECORD_FRAME, .frame = {2, 15, false, UINT32_MAX, 0}},
	{.kind = MT_RECORD_TRACEBACK, .traceback = {1, 0, 0, MT_TRACEBACK_CUT}},
	{.kind = MT_RECORD_TRACEBACK, .traceback = {2, 1, UINT32_MAX, 0}},
	{.kind = MT_RECORD_TRACEBACK, .traceback = {3, 1, 1, 0}},
	{.kind = MT_RECORD_THREAD, .thread = {3, 4, 5, true, LITERAL("name")}},
	{.kind = MT_RECORD_SNAPSHOT,
	 .snapshot = {UINT32_MAX,
		      MT_SNAPSHOT_CHECKPOINT,
		      false,
		      LITERAL("l"),
		      1,
		      2,
		      INT64_MIN,
		      INT64_MAX,
		      -1,
		      1,
		      UINT64_MAX,
		      8,
		      9,
		      4,
		      0,
		      {1, 2, 3, 4}}},
	{.kind = MT_RECORD_SNAPSHOT_END,
	 .snapshot = {0,
		      MT_SNAPSHOT_PERIODIC,
		      true,
		      {NULL, 0},
		      1,
		      2,
		      3,
		      4,
		      5,
		      6,
		      7,
		      8,
		      0,
		      4,
		      3,
		      {1, 2, 3, 4}}},
	{.kind = MT_RECORD_COUNTER, .counter = {1, 0, 0, 0, 0, 0, 0}},
	{.kind = MT_RECORD_COUNTER, .counter = {2, 3, 48, 3, 48, 3, 48}},
	{.kind = MT_RECORD_COUNTER, .counter = {9, 3, 49, 2, 32, 2, 32}},
	{.kind = MT_RECORD_COUNTER, .counter = {4, 7, 70, 0, 0, 5, 51}},
	{.kind = MT_RECORD_COUNTER, .counter = {UINT32_MAX, 0, 5, -1, -16, 3, 0}},
	{.kind = MT_RECORD_COUNTER,
	 .counter = {1, UINT64_MAX, UINT64_MAX, INT64_MIN, INT64_MIN, INT64_MAX, -1}},
	{.kind = MT_RECORD_CELL, .cell = {5, 1, 63, 3, 300}},
	{.kind = MT_RECORD_CELL, .cell = {5, 1, 255, UINT64_MAX, UINT64_MAX}},
	{.kind = MT_RECORD_CELL, .cell = {UINT32_MAX, 7, 0, 0, 1}},
	{.kind = MT_RECORD_CLASS, .class = {63, 512, 1, 2, 3, 4, 5}},
	{.kind = MT_RECORD_ARENAS,
	 .arenas = {1, 2, 3, 4, 5, 6, UINT64_MAX, 7, 8, 9, UINT64_MAX}},
	{.kind = MT_RECORD_LOSS, .loss = {255, UINT64_MAX}},
	{.kind = MT_RECORD_SAMPLE, .sample = {1, -5, 7, UINT64_MAX}},
	{.kind = MT_RECORD_SAMPLE, .sample = {UINT64_MAX, INT64_MIN, 0, 0}},
	{.kind = MT_RECORD_POOL, .pool = {0, MT_POOL_USED, 63, 5}},
	{.kind = MT_RECORD_POOL, .pool = {1, MT_POOL_EMPTY, 0, 0}},
	{.kind = MT_RECORD_POOL, .pool = {UINT32_MAX - 1, MT_POOL_FULL, 0, UINT32_MAX}},
	{.kind = MT_RECORD_POOL, .pool = {7, MT_POOL_USED, 1, 0}},
	{.kind = MT_RECORD_PIN, .pin = {UINT32_MAX - 1, 1, 3}},
	{.kind = MT_RECORD_PIN, .pin = {0, UINT32_MAX, UINT32_MAX}},
	{.kind = MT_RECORD_HOLD, .hold = {0, 1, 2, 3, UINT64_MAX}},
	{.kind = MT_RECORD_HOLD, .hold = {UINT32_MAX, UINT64_MAX, 0, UINT64_MAX, 0}},
	{.kind = MT_RECORD_BORDER, .border = {9, 4, 100, 1}},
	{.kind = MT_RECORD_BORDER, .border = {3, 255, UINT64_MAX, 16}},
	{.kind = MT_RECORD_LAYER,
	 .layer = {MT_LAYER_HEAP, 1, 2, UINT64_MAX, UINT64_MAX, 3}},
	{.kind = MT_RECORD_LAYER, .layer = {63, 0, 0, 0, 0, 0}},
	{.kind = MT_RECORD_SCAN,
	 .scan = {MT_SCAN_FORK,
		  MT_SCAN_HASHES,
		  1,
		  2,
		  3,
		  4,
		  5,
		  UINT64_MAX,
		  6,
		  7,
		  8,
		  9,
		  {{1, 2}, {3, 4}, {UINT64_MAX, 5}, {6, 7}}}},
	{.kind = MT_RECORD_ROOT, .root = {1, MT_HELD_GLOBAL, 2, 4096, 0, 0, 0}},
	{.kind = MT_RECORD_ROOT, .root = {2, MT_HELD_REGISTER, 0, 0, 77, 9, 16}},
	{.kind = MT_RECORD_ROOT,
	 .root = {3, 63, UINT32_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}},
	{.kind = MT_RECORD_BLOCK, .block = {.id = 5, .address = 4096, .traceback = 1}},
	{.kind = MT_RECORD_BLOCK,
	 .block = {6, 4160, 40, 1, MT_LEAK_INDIRECT, false, true, 5, 8, 1, 40, 1, 3,
		   MT_CONTENT_STRING, 17, 0, 0, true, UINT64_MAX}},
	{.kind = MT_RECORD_BLOCK,
	 .block = {7, UINT64_MAX, 0, UINT32_MAX, MT_LEAK_REACHABLE, true, false,
		   UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 1, UINT32_MAX,
		   MT_CONTENT_OBJECT, 0, UINT32_MAX, UINT64_MAX, false, 0}},
	{.kind = MT_RECORD_BLOCK,
	 .block = {8, 16, UINT64_MAX - 16, 1, MT_LEAK_POSSIBLE, false, false, UINT32_MAX,
		   0, 0, 0, 0, 0, 7, 0, 0, 0, true, 0}},
	{.kind = MT_RECORD_EDGE, .edge = {1, 2, 16}},
	{.kind = MT_RECORD_EDGE, .edge = {UINT32_MAX, UINT32_MAX, UINT64_MAX}},
	{.kind = MT_RECORD_EDGE, .edge = {1, 1, 0}},
	{.kind = MT_RECORD_PROCESS,
	 .process = {1,
		     2,
		     {1, 2, 3, 255},
		     LITERAL("p"),
		     LITERAL("t"),
		     LITERAL("fork"),
		     LITERAL("")}},
	{.kind = MT_RECORD_ERROR,
	 .error = {1, 2, 3, UINT64_MAX, 5, 6, 7, 'c', 'n', 8, 0, UINT32_MAX,
		   LITERAL("free"), LITERAL("text\nin lines")}},
	{.kind = MT_RECORD_ERROR, .error = {.kind = 63}},
	{.kind = MT_RECORD_WAITING, .waiting = {9, 4, 100, 8000}},
	{.kind = MT_RECORD_WAITING, .waiting = {3, 255, UINT64_MAX, UINT64_MAX}},
	{.kind = MT_RECORD_CALLER, .caller = {1, 9}},
	{.kind = MT_RECORD_CALLER, .caller = {UINT32_MAX, UINT32_MAX}},
	{.kind = MT_RECORD_CALLER, .caller = {2, 1}},
	{.kind = MT_RECORD_CONTENTS, .contents = {3, LITERAL("GET / HTTP/1.1")}},
	{.kind = MT_RECORD_CONTENTS, .contents = {4, LITERAL("")}},
	{.kind = MT_RECORD_CONTENTS, .contents = {UINT32_MAX, LITERAL("\0\xff")}},
};

enum {
	SAMPLES = sizeof samples / sizeof samples[0]
};

static bool is_same_bytes(struct mt_bytes a, struct mt_bytes b)
{
	return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

/* Encoding is one to one, so that equal bytes mean equal records. */
static size_t encode_alone(const struct mt_record *rec, uint8_t *data, size_t size)
{
	struct mt_record_context context = {0};
	struct mt_output out = mt_output_over(data, size);
	mt_record_encode(&out, &context, rec);
	return out.failed ? 0 : (size_t)(out.at - data);
}

TEST(records_come_back)
{
	struct mt_record_context writing = {0}, reading = {0};
	for (int i = 0; i < SAMPLES; i++) {
		bool continues = i && samples[i].kind == samples[i - 1].kind;
		if (!continues)
			writing = reading = (struct mt_record_context){0};
		uint8_t data[512], first[512], second[512];
		struct mt_output out = mt_output_over(data, sizeof data);
		mt_record_encode(&out, &writing, &samples[i]);
		ok((size_t)(out.at - data) <= mt_record_size_limit(&samples[i]));
		struct mt_cursor in = mt_cursor_over(data, (size_t)(out.at - data));
		struct mt_record back = {.kind = samples[i].kind};
		mt_record_decode(&in, &reading, &back);
		ok(!in.failed);
		is_int(mt_cursor_left(&in), 0);
		size_t size = encode_alone(&samples[i], first, sizeof first);
		is_int(encode_alone(&back, second, sizeof second), size);
		if (!ok(size && !memcmp(first, second, size)))
			printf("# sample %d\n", i);
	}
}

TEST(fields_are_where_they_were)
{
	uint8_t data[512];
	struct mt_record_context context = {0};
	const struct mt_record *meta = &samples[0];
	struct mt_cursor in = mt_cursor_over(data, encode_alone(meta, data, sizeof data));
	struct mt_record back = {.kind = MT_RECORD_META};
	mt_record_decode(&in, &context, &back);
	ok(is_same_bytes(back.meta.key, meta->meta.key));
	ok(is_same_bytes(back.meta.value, meta->meta.value));

	in = mt_cursor_over(data, encode_alone(&samples[9], data, sizeof data));
	back = (struct mt_record){.kind = MT_RECORD_SNAPSHOT};
	mt_record_decode(&in, &context, &back);
	is_int(back.snapshot.index, UINT32_MAX);
	is_int(back.snapshot.live_bytes, INT64_MIN);
	is_int(back.snapshot.live_count, INT64_MAX);
	is_int(back.snapshot.peak_count, 1);
	is_int(back.snapshot.peak_bound_bytes, 9);
	is_int(back.snapshot.defined.slots, 4);
	ok(!back.snapshot.is_delta);

	in = mt_cursor_over(data, encode_alone(&samples[13], data, sizeof data));
	back = (struct mt_record){.kind = MT_RECORD_COUNTER};
	mt_record_decode(&in, &context, &back);
	is_int(back.counter.traceback, 9);
	is_int(back.counter.alloc_count, 3);
	is_int(back.counter.alloc_bytes, 49);
	is_int(back.counter.live_count, 2);
	is_int(back.counter.live_bytes, 32);
	is_int(back.counter.peak_count, 2);
	is_int(back.counter.peak_bytes, 32);
}

/* Where earlier versions ended a record, it may end. */
static bool was_whole(const struct mt_record *rec, size_t size)
{
	struct mt_record earlier = *rec;
	uint8_t data[512];
	if (rec->kind == MT_RECORD_CLASS) {
		earlier.class.waiting = 0;
		return size == encode_alone(&earlier, data, sizeof data) - 1;
	}
	if (rec->kind != MT_RECORD_ARENAS)
		return false;
	earlier.arenas.guarded_blocks = earlier.arenas.guarded_bytes = 0;
	earlier.arenas.guarded_block_bytes = 0;
	if (size == encode_alone(&earlier, data, sizeof data) - 3)
		return true;
	earlier.arenas.large_block_bytes = 0;
	return size == encode_alone(&earlier, data, sizeof data) - 4;
}

TEST(a_record_cut_anywhere_fails)
{
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t data[512];
		size_t whole = encode_alone(&samples[i], data, sizeof data);
		for (size_t size = 0; size < whole; size++) {
			struct mt_record_context context = {0};
			uint8_t *cut = malloc(size + 1);
			memcpy(cut, data, size);
			struct mt_cursor in = mt_cursor_over(cut, size);
			struct mt_record back = {.kind = samples[i].kind};
			mt_record_decode(&in, &context, &back);
			if (!ok(in.failed != was_whole(&samples[i], size)))
				printf("# sample %d, %zu bytes\n", i, size);
			free(cut);
		}
	}
}

TEST(most_rows_are_small)
{
	struct mt_record_context context = {0};
	uint8_t data[512];
	struct mt_output out = mt_output_over(data, sizeof data);
	struct mt_record rec = {.kind = MT_RECORD_COUNTER,
				.counter = {1, 9, 144, 0, 0, 9, 144}};
	mt_record_encode(&out, &context, &rec);
	is_int(out.at - data, 3);
	rec = (struct mt_record){.kind = MT_RECORD_TRACEBACK, .traceback = {5, 4, 60, 0}};
	context = (struct mt_record_context){.is_begun = true, .id = 4};
	out = mt_output_over(data, sizeof data);
	mt_record_encode(&out, &context, &rec);
	is_int(out.at - data, 1);
}

TEST(every_kind_has_a_chunk_type)
{
	for (int kind = 1; kind < MT_RECORD_KIND_COUNT; kind++)
		ok(mt_record_chunk_type((uint64_t)kind));
	is_int(mt_record_chunk_type(0), 0);
	is_int(mt_record_chunk_type(MT_RECORD_KIND_COUNT), 0);
	is_int(mt_record_chunk_type(UINT64_MAX), 0);
}

TEST(what_cannot_be_is_refused)
{
	static const struct mt_record wrong[] = {
		{.kind = MT_RECORD_MODULE, .module = {.id = 0}},
		{.kind = MT_RECORD_MODULE, .module = {.id = 1, .start = 2, .end = 1}},
		{.kind = MT_RECORD_FRAME, .frame = {.id = 0}},
		{.kind = MT_RECORD_FRAME, .frame = {.id = 1, .kind = 16}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {.id = 0}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {1, 0, 0, 16}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {2, 1, 0, 1}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {2, 2, 1, 0}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {2, 3, 1, 0}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {2, 0, 1, 0}},
		{.kind = MT_RECORD_TRACEBACK, .traceback = {2, 1, 0, 0}},
		{.kind = MT_RECORD_THREAD, .thread = {.slot = UINT32_MAX}},
		{.kind = MT_RECORD_SNAPSHOT, .snapshot = {.ordinal = 0}},
		{.kind = MT_RECORD_SNAPSHOT, .snapshot = {.ordinal = 1, .kind = 16}},
		{.kind = MT_RECORD_SNAPSHOT, .snapshot = {.ordinal = 2, .base = 2}},
		{.kind = MT_RECORD_COUNTER, .counter = {.traceback = 0}},
		{.kind = MT_RECORD_CELL, .cell = {.traceback = 0}},
		{.kind = MT_RECORD_CELL, .cell = {.traceback = 1, .slot = UINT32_MAX}},
		{.kind = MT_RECORD_CELL, .cell = {.traceback = 1, .class_index = 64}},
		{.kind = MT_RECORD_CLASS, .class = {.index = MT_MAX_CLASSES}},
		{.kind = MT_RECORD_LOSS, .loss = {.reason = 256}},
		{.kind = MT_RECORD_POOL, .pool = {UINT32_MAX, MT_POOL_EMPTY, 0, 0}},
		{.kind = MT_RECORD_POOL, .pool = {1, MT_POOL_NONE, 0, 0}},
		{.kind = MT_RECORD_POOL, .pool = {1, MT_POOL_USED, MT_MAX_CLASSES, 0}},
		{.kind = MT_RECORD_PIN, .pin = {.pool = UINT32_MAX, .traceback = 1}},
		{.kind = MT_RECORD_PIN, .pin = {.traceback = 0}},
		{.kind = MT_RECORD_BORDER, .border = {.traceback = 0}},
		{.kind = MT_RECORD_BORDER, .border = {1, 64, 1, 1}},
		{.kind = MT_RECORD_WAITING, .waiting = {.traceback = 0}},
		{.kind = MT_RECORD_WAITING, .waiting = {1, 64, 1, 1}},
		{.kind = MT_RECORD_LAYER, .layer = {.kind = 64}},
		{.kind = MT_RECORD_SCAN, .scan = {.method = 16}},
		{.kind = MT_RECORD_ROOT, .root = {.id = 0}},
		{.kind = MT_RECORD_ROOT, .root = {.id = UINT32_MAX}},
		{.kind = MT_RECORD_ROOT, .root = {.id = 1, .kind = 64}},
		{.kind = MT_RECORD_BLOCK, .block = {.id = 0, .traceback = 1}},
		{.kind = MT_RECORD_BLOCK, .block = {.id = 1, .traceback = 0}},
		{.kind = MT_RECORD_BLOCK, .block = {.id = 1, .traceback = 1, .kind = 4}},
		{.kind = MT_RECORD_BLOCK,
		 .block = {.id = 1, .traceback = 1, .content = 8}},
		{.kind = MT_RECORD_BLOCK,
		 .block = {.id = 1, .traceback = 1, .address = UINT64_MAX, .size = 1}},
		{.kind = MT_RECORD_BLOCK,
		 .block = {.id = 1, .traceback = 1, .held_by_root = true}},
		{.kind = MT_RECORD_CALLER, .caller = {0, 1}},
		{.kind = MT_RECORD_CALLER, .caller = {1, 0}},
		{.kind = MT_RECORD_EDGE, .edge = {0, 1, 0}},
		{.kind = MT_RECORD_EDGE, .edge = {1, 0, 0}},
		{.kind = MT_RECORD_ERROR, .error = {.kind = 0}},
		{.kind = MT_RECORD_ERROR, .error = {.kind = 64}},
		{.kind = MT_RECORD_CONTENTS, .contents = {0, LITERAL("x")}},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (!ok(mt_record_fault(&wrong[i])))
			printf("# number %zu\n", i);
	for (int i = 0; i < SAMPLES; i++)
		if (!ok(!mt_record_fault(&samples[i])))
			printf("# sample %d\n", i);
}

/* A heap of a million blocks that are held one after the other costs little. */
TEST(rows_of_blocks_are_small)
{
	struct mt_record_context context = {0};
	uint8_t data[512];
	struct mt_output out;
	struct mt_record rec = {.kind = MT_RECORD_BLOCK,
				.block = {.id = 1000,
					  .address = UINT64_C(0x7f0012345670),
					  .size = 64,
					  .traceback = 77,
					  .kind = MT_LEAK_REACHABLE,
					  .holder = 999,
					  .offset = 8,
					  .in_degree = 1,
					  .retained_bytes = 64,
					  .retained_count = 1}};
	for (int i = 0; i < 2; i++) {
		out = mt_output_over(data, sizeof data);
		mt_record_encode(&out, &context, &rec);
		rec.block.id++, rec.block.holder++, rec.block.address += 64;
	}
	is_int(out.at - data, 7);
}

TEST(references_beyond_what_is_defined_are_found)
{
	const struct mt_defined defined = {2, 3, 4, 1};
	struct mt_defined needs;
	struct mt_record rec = {.kind = MT_RECORD_FRAME, .frame = {.id = 4, .module = 2}};
	ok(!mt_record_lacks(&rec, &defined, &needs));
	rec.frame.module = 3;
	ok(mt_record_lacks(&rec, &defined, &needs));
	is_int(needs.modules, 3);
	rec.frame = (struct mt_record_frame){.id = 5};
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec = (struct mt_record){.kind = MT_RECORD_CELL, .cell = {.traceback = 4}};
	ok(!mt_record_lacks(&rec, &defined, &needs));
	rec.cell.slot = 1;
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec = (struct mt_record){.kind = MT_RECORD_COUNTER, .counter = {.traceback = 5}};
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec = (struct mt_record){.kind = MT_RECORD_ROOT, .root = {.module = 2}};
	ok(!mt_record_lacks(&rec, &defined, &needs));
	rec.root.module = 3;
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec.root = (struct mt_record_root){.frame = 4};
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec = (struct mt_record){.kind = MT_RECORD_BLOCK, .block = {.traceback = 4}};
	ok(!mt_record_lacks(&rec, &defined, &needs));
	rec.block.traceback = 5;
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec.block = (struct mt_record_block){.traceback = 1, .content_module = 3};
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec = (struct mt_record){.kind = MT_RECORD_THREAD, .thread = {.slot = 1}};
	ok(!mt_record_lacks(&rec, &defined, &needs));
	rec.thread.slot = 2;
	ok(mt_record_lacks(&rec, &defined, &needs));
	rec = (struct mt_record){.kind = MT_RECORD_ERROR, .error = {.freed = 4}};
	ok(!mt_record_lacks(&rec, &defined, &needs));
	rec.error.here = 5;
	ok(mt_record_lacks(&rec, &defined, &needs));
}

TAP_MAIN()
