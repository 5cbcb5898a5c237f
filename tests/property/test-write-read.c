/*
 * test-write-read.c - random records, written with random flushes, are read back equal;
 * and with random damage, what is read is usable without further checks.
 * SEED=n repeats a test.
 */
#include "formats/bytes.h"
#include "formats/record.h"
#include "tests/tap.h"
#include "tests/traces/image.h"

#include <time.h>

enum {
	RUNS = 12,
	DAMAGED_RUNS = 60,
	MAX_RECORDS = 40000,
	POOL_BYTES = 256,
};

static uint64_t state;
static uint8_t pool[POOL_BYTES]; /* what random strings are cut from */

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t limit)
{
	return limit ? next_random() % limit : 0;
}

/* Small, large and extreme values alike. */
static uint64_t any(void)
{
	switch (below(5)) {
	case 0:
		return 0;
	case 1:
		return below(20);
	case 2:
		return next_random() >> below(64);
	case 3:
		return UINT64_MAX - below(3);
	default:
		return below(100000);
	}
}

static struct mt_bytes any_bytes(void)
{
	size_t size = below(40);
	return (struct mt_bytes){(const char *)pool + below(POOL_BYTES - size), size};
}

/* Where a test's random numbers start: printed, or given. */
static uint64_t choose_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("# SEED=%" PRIu64 "\n", seed);
	return seed;
}

static void begin_run(uint64_t seed, uint64_t run)
{
	state = (seed * 1000 + run) * 2654435761 + 1;
	for (int i = 0; i < POOL_BYTES; i++)
		pool[i] = (uint8_t)next_random();
}

static void make_traceback(struct mt_record_traceback *traceback,
			   const struct mt_defined *defined)
{
	traceback->id = defined->tracebacks + 1;
	if (!defined->tracebacks || !defined->frames || !below(20)) {
		traceback->root = (uint8_t)(1 + below(15));
		return;
	}
	traceback->parent = (uint32_t)(below(2) ? defined->tracebacks
						: 1 + below(defined->tracebacks));
	traceback->frame = (uint32_t)(1 + below(defined->frames));
}

static void make_snapshot(struct mt_record_snapshot *snapshot)
{
	snapshot->index = below(5) ? (uint32_t)below(1000) : UINT32_MAX;
	snapshot->kind = (uint8_t)below(6);
	snapshot->label = any_bytes();
	snapshot->time_ns = any();
	snapshot->span_ns = any();
	snapshot->live_bytes = (int64_t)any();
	snapshot->live_count = (int64_t)any();
	snapshot->peak_bytes = (int64_t)any();
	snapshot->peak_count = (int64_t)any();
	snapshot->total_bytes = any();
	snapshot->total_count = any();
	snapshot->peak_bound_bytes = any();
}

static void make_counter(struct mt_record_counter *counter,
			 const struct mt_defined *defined)
{
	counter->traceback = (uint32_t)(1 + below(defined->tracebacks));
	counter->alloc_count = any();
	counter->alloc_bytes = below(2) ? counter->alloc_count * below(512) : any();
	bool all_live = !below(3);
	counter->live_count = (int64_t)(all_live ? counter->alloc_count : any());
	counter->live_bytes = (int64_t)(all_live ? counter->alloc_bytes : any());
	bool peak_is_live = !below(3);
	counter->peak_count = peak_is_live ? counter->live_count : (int64_t)any();
	counter->peak_bytes = peak_is_live ? counter->live_bytes : (int64_t)any();
}

/* Of the open snapshot's scan: rows put so far. */
static uint32_t roots_put, blocks_put;

static void count_rows(const struct mt_record *rec)
{
	if (rec->kind == MT_RECORD_SNAPSHOT)
		roots_put = blocks_put = 0;
	roots_put += rec->kind == MT_RECORD_ROOT;
	blocks_put += rec->kind == MT_RECORD_BLOCK;
}

static void make_block(struct mt_record_block *block, const struct mt_defined *defined)
{
	*block = (struct mt_record_block){
		.id = blocks_put + 1,
		.address = next_random() >> (1 + below(63)),
		.size = next_random() >> (1 + below(63)),
		.traceback = (uint32_t)(1 + below(defined->tracebacks)),
		.kind = (uint8_t)below(MT_LEAK_KINDS),
		.is_interior = below(2),
		.holder = (uint32_t)any(),
		.in_degree = any(),
		.retained_bytes = any(),
		.retained_count = any(),
		.cycle = (uint32_t)any(),
		.content = (uint8_t)below(8),
		.has_hash = below(2),
	};
	block->held_by_root = block->holder && below(2);
	block->offset = block->holder && !block->held_by_root ? any() : 0;
	block->length = block->content == MT_CONTENT_STRING ? any() : 0;
	bool is_object = block->content == MT_CONTENT_OBJECT;
	block->content_module = is_object ? (uint32_t)below(defined->modules + 1) : 0;
	block->content_offset = is_object ? any() : 0;
	block->hash = block->has_hash ? any() : 0;
}

/* A record that the writer would take, if it is in the right place. */
static struct mt_record make_record(const struct mt_defined *defined)
{
	struct mt_record rec = {
		.kind = (enum mt_record_kind)(1 + below(MT_RECORD_KIND_COUNT - 1))};
	switch (rec.kind) {
	case MT_RECORD_META:
		rec.meta = (struct mt_record_meta){any_bytes(), any_bytes()};
		break;
	case MT_RECORD_MODULE:
		rec.module = (struct mt_record_module){
			defined->modules + 1, (uint32_t)any(), 0,     any(), any(),
			any_bytes(),          any_bytes(),     any(), any()};
		rec.module.start = below(rec.module.end);
		break;
	case MT_RECORD_FRAME:
		rec.frame = (struct mt_record_frame){
			defined->frames + 1, (uint8_t)below(16), below(2),
			(uint32_t)below(defined->modules + 1), any()};
		break;
	case MT_RECORD_TRACEBACK:
		make_traceback(&rec.traceback, defined);
		break;
	case MT_RECORD_THREAD:
		rec.thread = (struct mt_record_thread){
			(uint32_t)below(defined->slots + 1), (uint32_t)any(),
			(uint32_t)any(), below(2), any_bytes()};
		break;
	case MT_RECORD_SNAPSHOT:
	case MT_RECORD_SNAPSHOT_END:
		make_snapshot(&rec.snapshot);
		break;
	case MT_RECORD_COUNTER:
		make_counter(&rec.counter, defined);
		break;
	case MT_RECORD_CELL:
		rec.cell = (struct mt_record_cell){
			(uint32_t)(1 + below(defined->tracebacks)),
			(uint32_t)below(defined->slots),
			(uint8_t)(below(4) ? below(64) : MT_CLASS_LARGE), any(), any()};
		break;
	case MT_RECORD_CLASS:
		rec.class = (struct mt_record_class){(uint8_t)below(64),
						     (uint32_t)any(),
						     any(),
						     any(),
						     any(),
						     any(),
						     any()};
		break;
	case MT_RECORD_ARENAS:
		rec.arenas = (struct mt_record_arenas){any(), any(), any(), any(),
						       any(), any(), any(), any(),
						       any(), any(), any()};
		break;
	case MT_RECORD_LOSS:
		rec.loss = (struct mt_record_loss){(uint32_t)below(256), any()};
		break;
	case MT_RECORD_SAMPLE:
		rec.sample =
			(struct mt_record_sample){any(), (int64_t)any(), any(), any()};
		break;
	case MT_RECORD_POOL:
		rec.pool = (struct mt_record_pool){(uint32_t)below(UINT32_MAX),
						   (uint8_t)(1 + below(3)),
						   (uint8_t)below(64), (uint32_t)any()};
		break;
	case MT_RECORD_PIN:
		rec.pin = (struct mt_record_pin){
			(uint32_t)below(UINT32_MAX),
			(uint32_t)(1 + below(defined->tracebacks)), (uint32_t)any()};
		break;
	case MT_RECORD_HOLD:
		rec.hold =
			(struct mt_record_hold){(uint32_t)below(defined->tracebacks + 1),
						any(), any(), any(), any()};
		break;
	case MT_RECORD_BORDER:
		rec.border = (struct mt_record_border){
			(uint32_t)(1 + below(defined->tracebacks)),
			(uint8_t)(below(4) ? below(64) : MT_CLASS_LARGE), any(), any()};
		break;
	case MT_RECORD_LAYER:
		rec.layer = (struct mt_record_layer){
			(uint8_t)below(64), any(), any(), any(), any(), any()};
		break;
	case MT_RECORD_SCAN:
		rec.scan = (struct mt_record_scan){
			(uint8_t)below(16),
			(uint32_t)any(),
			any(),
			any(),
			any(),
			any(),
			any(),
			any(),
			any(),
			any(),
			any(),
			any(),
			{{any(), any()}, {any(), any()}, {any(), any()}, {any(), any()}}};
		break;
	case MT_RECORD_ROOT:
		rec.root = (struct mt_record_root){roots_put + 1,
						   (uint8_t)below(64),
						   (uint32_t)below(defined->modules + 1),
						   any(),
						   (uint32_t)any(),
						   (uint32_t)below(defined->frames + 1),
						   (uint32_t)any()};
		break;
	case MT_RECORD_CALLER:
		rec.caller =
			(struct mt_record_caller){1 + (uint32_t)below(UINT32_MAX),
						  (uint32_t)(1 + below(defined->frames))};
		break;
	case MT_RECORD_BLOCK:
		make_block(&rec.block, defined);
		break;
	case MT_RECORD_EDGE:
		rec.edge =
			(struct mt_record_edge){1 + (uint32_t)below(UINT32_MAX),
						1 + (uint32_t)below(UINT32_MAX), any()};
		break;
	case MT_RECORD_ERROR:
		rec.error = (struct mt_record_error){
			.kind = (uint8_t)(1 + below(63)),
			.time_ns = any(),
			.tid = (uint32_t)any(),
			.address = any(),
			.block = any(),
			.block_bytes = any(),
			.serial = any(),
			.allocated_by = (uint8_t)any(),
			.called_by = (uint8_t)any(),
			.allocated = (uint32_t)below(defined->tracebacks + 1),
			.freed = (uint32_t)below(defined->tracebacks + 1),
			.here = (uint32_t)below(defined->tracebacks + 1),
			.call = any_bytes(),
			.text = any_bytes()};
		break;
	default:
		rec.process = (struct mt_record_process){(uint32_t)any(),
							 (uint32_t)any(),
							 {(uint8_t)any(), (uint8_t)any()},
							 any_bytes(),
							 any_bytes(),
							 any_bytes(),
							 any_bytes()};
		break;
	}
	return rec;
}

/* What the writer sets itself is not compared. */
static size_t encode(struct mt_record rec, uint8_t data[1024])
{
	if (rec.kind == MT_RECORD_SNAPSHOT || rec.kind == MT_RECORD_SNAPSHOT_END) {
		rec.snapshot.ordinal = rec.snapshot.base = 0;
		rec.snapshot.defined = (struct mt_defined){0};
	}
	struct mt_record_context context = {0};
	struct mt_output out = mt_output_over(data, 1024);
	mt_record_encode(&out, &context, &rec);
	return (size_t)(out.at - data);
}

/* Order is kept within a type of chunk, so records are compared kind by kind. */
struct story {
	struct mt_record *records;
	size_t count;
	struct mt_defined defined;
	struct image image;
};

static struct story write_story(void)
{
	struct story story = {.records = calloc(MAX_RECORDS, sizeof(struct mt_record))};
	int fd = memfd_create("story", MFD_CLOEXEC);
	struct mt_writer *writer;
	struct mt_writer_options options = {.name = "story"};
	roots_put = blocks_put = 0;
	struct mt_error err = {0};
	if (mt_writer_open(&writer, fd, &options, &err) < 0)
		abort();
	size_t tries = below(MAX_RECORDS);
	while (tries--) {
		struct mt_record rec = make_record(&story.defined);
		/* Runs of one kind, as real writers make them. */
		for (uint64_t run = below(8) ? 1 : below(300); run && tries; run--) {
			mt_error_clear(&err);
			int rc = mt_writer_put(writer, &rec, &err);
			if (rc == MT_ERR_USAGE)
				break; /* a row out of place */
			if (rc < 0)
				abort();
			story.records[story.count++] = rec;
			mt_record_define(&rec, &story.defined);
			count_rows(&rec);
			enum mt_record_kind kind = rec.kind;
			do
				rec = make_record(&story.defined);
			while (rec.kind != kind);
			tries--;
		}
		if (!below(500))
			mt_writer_flush(writer, &err);
	}
	if (mt_writer_close(writer, &err) < 0)
		abort();
	story.image = image_take(fd);
	return story;
}

static void drop_story(struct story *story)
{
	free(story->records);
	free(story->image.data);
}

/* The next record of that kind from *at on. */
static const struct mt_record *next_of_kind(const struct story *story, size_t *at,
					    enum mt_record_kind kind)
{
	while (*at < story->count)
		if (story->records[(*at)++].kind == kind)
			return &story->records[*at - 1];
	return NULL;
}

TEST(what_was_written_is_read)
{
	uint64_t seed = choose_seed();
	for (uint64_t run = 0; run < RUNS && !tap_failures; run++) {
		begin_run(seed, run);
		struct story story = write_story();
		struct mt_reader *reader;
		struct mt_error err = {0};
		is_int(image_open(&reader, &story.image, &err), 0);
		size_t at[MT_RECORD_KIND_COUNT] = {0}, count = 0;
		struct mt_record rec;
		int rc;
		while ((rc = mt_reader_next(reader, &rec, &err)) > 0) {
			const struct mt_record *written =
				next_of_kind(&story, &at[rec.kind], rec.kind);
			uint8_t a[1024], b[1024];
			size_t size = encode(rec, a);
			if (!ok(written && encode(*written, b) == size &&
				!memcmp(a, b, size)))
				break;
			count++;
		}
		is_int(rc, 0);
		is_str(err.message, "");
		is_int(count, story.count);
		ok(mt_reader_status(reader)->is_closed);
		mt_reader_close(reader);
		drop_story(&story);
	}
}

/* Flips, holes and cuts. */
static void damage(struct image *image)
{
	for (uint64_t n = 1 + below(4); n; n--) {
		size_t at = below(image->size), size = below(3000);
		if (size > image->size - at)
			size = image->size - at;
		switch (below(4)) {
		case 0:
			memset(image->data + at, 0, size);
			break;
		case 1:
			memmove(image->data + at, image->data + at + size,
				image->size - at - size);
			image->size -= size;
			break;
		default:
			image->data[at] ^= (uint8_t)(1 << below(8));
			break;
		}
	}
}

/* The promises of reader.h about the records that come. */
static bool keeps_promises(const struct mt_record *rec, struct mt_defined *defined)
{
	struct mt_defined needs, before = *defined;
	if (mt_record_fault(rec) || mt_record_lacks(rec, defined, &needs))
		return false;
	mt_record_define(rec, defined);
	if (rec->kind == MT_RECORD_MODULE)
		return rec->module.id == before.modules + 1;
	if (rec->kind == MT_RECORD_FRAME)
		return rec->frame.id == before.frames + 1;
	if (rec->kind == MT_RECORD_TRACEBACK)
		return rec->traceback.id == before.tracebacks + 1;
	return true;
}

TEST(damaged_traces_give_records_that_can_be_used)
{
	uint64_t seed = choose_seed();
	for (uint64_t run = 0; run < DAMAGED_RUNS && !tap_failures; run++) {
		begin_run(seed, run);
		struct story story = write_story();
		damage(&story.image);
		struct mt_reader *reader;
		struct mt_error err = {0};
		if (image_open(&reader, &story.image, &err) < 0) {
			drop_story(&story);
			continue;
		}
		struct mt_defined defined = {0};
		struct mt_record rec;
		int rc;
		while ((rc = mt_reader_next(reader, &rec, NULL)) != 0)
			if (rc > 0 && !ok(keeps_promises(&rec, &defined)))
				break;
		mt_reader_close(reader);
		drop_story(&story);
	}
}

TAP_MAIN()
