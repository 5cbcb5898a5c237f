/*
 * test-collect.c - a state made by hand becomes a trace with known rows, also a hostile one.
 */
#include "formats/reader.h"
#include "tests/tap.h"
#include "tracer/collect/image.h"
#include "tracer/collect/starts.h"
#include "tracer/collect/trace.h"

#include <fcntl.h>
#include <sys/mman.h>

enum {
	NODES = 4096,
	IDS = 64,
	POOLS = 4,
	STATE_BYTES = 4 << 20,
};

/* A state in memory, as the library would lay it out. */
struct state {
	int fd;
	unsigned char *base;
	struct mt_state_header *header;
	uint64_t used;
};

static void *add_region(struct state *state, enum mt_region_id id, uint64_t bytes)
{
	state->header->regions[id] = (struct mt_region){state->used, bytes};
	void *at = state->base + state->used;
	state->used += (bytes + 4095) / 4096 * 4096;
	return at;
}

static void *at(const struct state *state, enum mt_region_id id)
{
	return state->base + state->header->regions[id].offset;
}

static struct state make_state(void)
{
	struct state state = {
		.fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
	if (state.fd < 0 || ftruncate(state.fd, STATE_BYTES) < 0)
		abort();
	state.base =
		mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, state.fd, 0);
	state.header = (struct mt_state_header *)state.base;
	add_region(&state, MT_REGION_HEADER, sizeof *state.header);
	add_region(&state, MT_REGION_THREADS, 4 * sizeof(struct mt_state_thread));
	add_region(&state, MT_REGION_MODULES, 8 * sizeof(struct mt_state_module));
	add_region(&state, MT_REGION_STRINGS, 4096);
	add_region(&state, MT_REGION_NODES, NODES * sizeof(struct mt_state_node));
	add_region(&state, MT_REGION_TRACEBACKS, IDS * sizeof(mt_node_id));
	add_region(&state, MT_REGION_CHUNKS, 4 * sizeof(struct mt_state_chunk));
	add_region(&state, MT_REGION_COUNTERS, 4 * 64 * sizeof(struct mt_state_counter));
	add_region(&state, MT_REGION_PEAKS, 4 * 64 * sizeof(struct mt_state_peak));
	add_region(&state, MT_REGION_BLOCKS, 16 * sizeof(struct mt_state_block));
	add_region(&state, MT_REGION_STARTS, 4 * sizeof(struct mt_state_start));
	add_region(&state, MT_REGION_ARENAS, 1);
	add_region(&state, MT_REGION_POOLS, POOLS * sizeof(struct mt_state_pool));
	add_region(&state, MT_REGION_SIDE, POOLS * 1024 * sizeof(uint32_t));
	add_region(&state, MT_REGION_KEPT, 4096);
	state.header->magic = MT_STATE_MAGIC;
	state.header->version = MT_STATE_VERSION;
	state.header->nframe = 128;
	state.header->geometry = (struct mt_geometry){16, 16384, 1 << 20, 512, 48, 32};
	state.header->totals.peak_epoch = 1;
	state.header->totals.threads_ever = 1;
	state.header->used.nodes = MT_FIRST_NODE;
	state.header->used.tracebacks = 1;
	state.header->used.chunks = 2;
	state.header->used.blocks = 1;
	state.header->used.slots = 1;
	((struct mt_state_chunk *)at(&state, MT_REGION_CHUNKS))[1].slot_plus_one = 1;
	return state;
}

/* The next node; parents may be any id. */
static mt_node_id add_node(struct state *state, uint64_t pc, mt_node_id parent)
{
	mt_node_id id = state->header->used.nodes++;
	((struct mt_state_node *)at(state, MT_REGION_NODES))[id] =
		(struct mt_state_node){.pc = pc, .parent = parent};
	return id;
}

static mt_traceback_id add_id(struct state *state, mt_node_id node)
{
	mt_traceback_id id = state->header->used.tracebacks++;
	((mt_node_id *)at(state, MT_REGION_TRACEBACKS))[id] = node;
	return id;
}

static struct mt_state_counter *counter(struct state *state, mt_traceback_id id)
{
	return &((struct mt_state_counter *)at(state, MT_REGION_COUNTERS))[64 + id];
}

static void count(struct state *state, mt_traceback_id id, uint32_t allocs,
		  uint32_t frees, uint32_t bytes_each)
{
	struct mt_state_counter *c = counter(state, id);
	c->alloc_count += allocs;
	c->alloc_bytes += (uint64_t)allocs * bytes_each;
	c->free_count += frees;
	c->free_bytes += (uint64_t)frees * bytes_each;
}

/* A trace of the state under way, in an unlinked file. */
struct recording {
	struct mt_image image;
	struct mt_trace_file *trace;
	char path[64];
	int fd;
};

static bool begin(struct recording *recording, const struct state *state)
{
	strcpy(recording->path, "/tmp/test-collect-XXXXXX");
	recording->fd = mkostemp(recording->path, O_CLOEXEC);
	return mt_image_open(&recording->image, dup(state->fd), NULL) == 0 &&
	       mt_trace_file_open(&recording->trace, &recording->image, recording->fd,
				  recording->path, NULL) == 0;
}

static int snapshot(struct recording *recording, enum mt_snapshot_kind kind)
{
	const struct mt_snapshot_request request = {.kind = kind, .is_still = true};
	return mt_trace_file_snapshot(recording->trace, &request, NULL);
}

/* What one snapshot says, all rows added up. */
struct sums {
	struct mt_record_snapshot header;
	int64_t live_bytes, live_count, peak_bytes, rows;
	uint64_t cells, cell_bytes, large_bytes;
	int roots[8], tracebacks;
};

/* Reads the whole file; *sums is of the last snapshot with rows. */
static void end(struct recording *recording, struct sums *sums)
{
	struct mt_reader *reader = NULL;
	struct mt_record rec;
	struct sums now = {0};
	ok(mt_trace_file_close(recording->trace, NULL) == 0);
	ok(mt_reader_open(&reader, recording->path, NULL) == 0);
	while (reader && mt_reader_next(reader, &rec, NULL) > 0) {
		if (rec.kind == MT_RECORD_TRACEBACK) {
			now.roots[rec.traceback.root]++;
			now.tracebacks++;
		} else if (rec.kind == MT_RECORD_SNAPSHOT) {
			struct sums fresh = {.header = rec.snapshot,
					     .tracebacks = now.tracebacks};
			memcpy(fresh.roots, now.roots, sizeof now.roots);
			now = fresh;
		} else if (rec.kind == MT_RECORD_COUNTER) {
			now.rows++;
			now.live_bytes += rec.counter.live_bytes;
			now.live_count += rec.counter.live_count;
			now.peak_bytes += rec.counter.peak_bytes;
		} else if (rec.kind == MT_RECORD_CELL) {
			now.cells += rec.cell.count;
			now.cell_bytes += rec.cell.bytes;
		} else if (rec.kind == MT_RECORD_ARENAS) {
			now.large_bytes = rec.arenas.large_bytes;
		}
	}
	ok(reader && mt_reader_status(reader)->is_closed);
	is_int(reader ? mt_reader_status(reader)->damaged_chunks : 1, 0);
	*sums = now;
	mt_reader_close(reader);
	unlink(recording->path);
}

TEST(counters_become_rows_and_their_sums)
{
	struct state state = make_state();
	mt_node_id main = add_node(&state, 0x1000, MT_ROOT_COMPLETE);
	mt_traceback_id a = add_id(&state, add_node(&state, 0x2000, main));
	mt_traceback_id b = add_id(&state, add_node(&state, 0x3000, main));
	count(&state, a, 10, 4, 100);
	count(&state, b, 5, 5, 40);
	struct recording recording;
	struct sums sums;
	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_EXIT) == 0);
	end(&recording, &sums);
	is_int(sums.header.kind, MT_SNAPSHOT_EXIT);
	is_int(sums.header.index, 1); /* after the peak */
	is_int(sums.rows, 2);
	is_int(sums.live_bytes, 600);
	is_int(sums.live_count, 6);
	is_int(sums.header.live_bytes, 600);
	is_int(sums.header.total_bytes, 1200);
	is_int(sums.header.total_count, 15);
	is_int(sums.tracebacks, 4); /* root, main and two */
}

TEST(the_peak_is_what_counters_kept)
{
	struct state state = make_state();
	mt_traceback_id a = add_id(&state, add_node(&state, 0x2000, MT_ROOT_COMPLETE));
	mt_traceback_id b = add_id(&state, add_node(&state, 0x3000, MT_ROOT_COMPLETE));
	count(&state, a, 10, 10, 100);
	count(&state, b, 3, 0, 10);
	/* a changed after the highest total and kept 1,000; b did not. */
	state.header->totals.peak_epoch = 2;
	counter(&state, a)->epoch = 2;
	counter(&state, b)->epoch = 1;
	struct mt_state_peak *peaks = at(&state, MT_REGION_PEAKS);
	peaks[64 + a].bytes = 1000;
	peaks[64 + a].count = 10;
	peaks[64 + b].bytes = 77777;
	struct recording recording;
	struct sums sums;
	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_EXIT) == 0);
	end(&recording, &sums);
	is_int(sums.peak_bytes, 1030);
	is_int(sums.header.peak_bytes, 1030);
	is_int(sums.live_bytes, 30);
}

TEST(a_small_change_is_written_as_a_delta_and_the_last_snapshot_whole)
{
	struct state state = make_state();
	for (int i = 1; i < 40; i++)
		count(&state,
		      add_id(&state, add_node(&state, (uint64_t)i, MT_ROOT_COMPLETE)), 1,
		      0, 8);
	struct recording recording;
	struct sums sums;
	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_START) == 0);
	count(&state, 5, 1, 0, 8);
	ok(snapshot(&recording, MT_SNAPSHOT_PERIODIC) == 0);
	end(&recording, &sums);
	ok(sums.header.is_delta);
	is_int(sums.rows, 1);
	is_int(sums.live_bytes, 16);
	is_int(sums.header.live_bytes, 40 * 8);

	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_START) == 0);
	count(&state, 5, 1, 0, 8);
	ok(snapshot(&recording, MT_SNAPSHOT_EXIT) == 0);
	end(&recording, &sums);
	ok(!sums.header.is_delta);
	is_int(sums.rows, 39);
	is_int(sums.live_bytes, 41 * 8);
}

TEST(side_words_and_blocks_become_cells)
{
	struct state state = make_state();
	mt_traceback_id a = add_id(&state, add_node(&state, 0x2000, MT_ROOT_COMPLETE));
	count(&state, a, 4, 0, 0);
	state.header->used.pools = 2;
	struct mt_state_pool *pools = at(&state, MT_REGION_POOLS);
	pools[1] = (struct mt_state_pool){.state = MT_POOL_USED, .class_index = 3};
	uint32_t *words = (uint32_t *)at(&state, MT_REGION_SIDE) + 1024;
	words[48 / 16] = a << MT_SLACK_BITS | 4;       /* 60 bytes */
	words[48 / 16 + 4] = a << MT_SLACK_BITS;       /* 64 bytes */
	words[48 / 16 + 1] = a << MT_SLACK_BITS;       /* at no block's start */
	words[48 / 16 + 8] = a << MT_SLACK_BITS | 127; /* slack beyond the class */
	struct mt_state_block *blocks = at(&state, MT_REGION_BLOCKS);
	state.header->used.blocks = 3;
	blocks[1] = (struct mt_state_block){.address = 1, .size = 5000, .traceback = a};
	struct recording recording;
	struct sums sums;
	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_EXIT) == 0);
	end(&recording, &sums);
	is_int(sums.cells, 3);
	is_int(sums.cell_bytes, 5124);
	is_int(sums.large_bytes, 5000);
}

TEST(tracebacks_are_cut_at_nframe)
{
	struct state state = make_state();
	mt_node_id node = MT_ROOT_COMPLETE;
	for (int i = 0; i < 100; i++)
		node = add_node(&state, (uint64_t)i + 1, node);
	count(&state, add_id(&state, node), 1, 0, 8);
	state.header->nframe = 10;
	struct recording recording;
	struct sums sums;
	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_EXIT) == 0);
	end(&recording, &sums);
	is_int(sums.tracebacks, 11);
	is_int(sums.roots[MT_TRACEBACK_CUT], 1);
	is_int(sums.live_bytes, 8);
}

TEST(a_hostile_state_costs_no_more_than_its_rows)
{
	struct state state = make_state();
	mt_node_id self = add_node(&state, 1, 0);
	((struct mt_state_node *)at(&state, MT_REGION_NODES))[self].parent = self;
	mt_node_id first = add_node(&state, 2, 0), second = add_node(&state, 3, first);
	((struct mt_state_node *)at(&state, MT_REGION_NODES))[first].parent = second;
	mt_node_id far = add_node(&state, 4, UINT32_MAX);
	((struct mt_state_node *)at(&state, MT_REGION_NODES))[far].module = 65535;
	count(&state, add_id(&state, self), 1, 0, 1);
	count(&state, add_id(&state, first), 1, 0, 2);
	count(&state, add_id(&state, far), 1, 0, 4);
	count(&state, add_id(&state, UINT32_MAX), 1, 0, 8);
	state.header->used.nodes = UINT32_MAX;
	state.header->used.tracebacks = UINT32_MAX;
	state.header->used.chunks = UINT32_MAX;
	state.header->used.modules = UINT32_MAX;
	state.header->used.slots = UINT32_MAX;
	state.header->used.blocks = UINT32_MAX;
	state.header->used.pools = UINT32_MAX;
	struct mt_state_chunk *chunks = at(&state, MT_REGION_CHUNKS);
	chunks[2] = (struct mt_state_chunk){.slot_plus_one = 9, .first = UINT32_MAX - 3};
	struct mt_state_pool *pools = at(&state, MT_REGION_POOLS);
	pools[0] = (struct mt_state_pool){MT_POOL_FULL, 255, 1, UINT32_MAX};
	pools[1] = (struct mt_state_pool){MT_POOL_FULL, 31, 65535, UINT32_MAX};
	memset(at(&state, MT_REGION_SIDE), 0xff, POOLS * 4096);
	struct mt_state_block *blocks = at(&state, MT_REGION_BLOCKS);
	memset(blocks, 0xff, 16 * sizeof *blocks);
	struct recording recording;
	struct sums sums;
	ok(begin(&recording, &state));
	ok(snapshot(&recording, MT_SNAPSHOT_START) == 0);
	ok(snapshot(&recording, MT_SNAPSHOT_EXIT) == 0);
	end(&recording, &sums);
	is_int(sums.header.live_bytes, 15);
}

TEST(what_is_no_state_is_refused)
{
	struct state state = make_state();
	struct mt_image image;
	state.header->regions[MT_REGION_SIDE].size = UINT64_MAX;
	is_int(mt_image_open(&image, state.fd, NULL), MT_ERR_DAMAGED);
	state = make_state();
	state.header->regions[MT_REGION_NODES].offset = STATE_BYTES;
	is_int(mt_image_open(&image, state.fd, NULL), MT_ERR_DAMAGED);
	state = make_state();
	state.header->geometry.alignment = 0;
	is_int(mt_image_open(&image, state.fd, NULL), MT_ERR_DAMAGED);
	state = make_state();
	state.header->version++;
	is_int(mt_image_open(&image, state.fd, NULL), MT_ERR_NEWER);
	is_int(mt_image_open(&image, open("/dev/null", O_RDONLY), NULL), MT_ERR_DAMAGED);
	is_int(mt_image_open(&image, memfd_create("empty", 0), NULL), MT_ERR_DAMAGED);
}

/* Extents of the names' bytes 100 ... 115 ("new"), of which the first 3 were kept. */
static struct mt_state_kept *keep_names(struct state *state)
{
	struct mt_state_kept *kept = (struct mt_state_kept *)at(state, MT_REGION_KEPT);
	uint64_t offset = state->header->regions[MT_REGION_STRINGS].offset;
	kept->extents = 1;
	kept->extent[0] =
		(struct mt_state_extent){.offset = offset + 100, .size = 16, .stored = 3};
	memcpy(kept->bytes, "old", 3);
	kept->time_ns = 7;
	return kept;
}

TEST(the_state_before_main_is_what_was_kept_of_it)
{
	struct state state = make_state();
	struct mt_image image;
	char text[32];
	struct mt_state_kept *kept = keep_names(&state);
	memset((char *)at(&state, MT_REGION_STRINGS) + 96, 'n', 24);
	ok(mt_image_open(&image, state.fd, NULL) == 0);
	is_int(mt_image_enter_start(&image), 0);
	kept->ready = 1;
	is_int(mt_image_enter_start(&image), 7);
	is_int(mt_image_read(&image, MT_REGION_STRINGS, 1, 98, 24, text), 24);
	ok(!memcmp(text, "nnold\0\0\0\0\0\0\0\0\0\0\0\0\0nnnn\0\0", 24));
	is_int(mt_image_read(&image, MT_REGION_STRINGS, 1, 101, 4, text), 4);
	ok(!memcmp(text, "ld\0\0", 4));
	mt_image_leave_start(&image);
	is_int(mt_image_read(&image, MT_REGION_STRINGS, 1, 101, 4, text), 4);
	ok(!memcmp(text, "nnnn", 4));
}

TEST(what_was_kept_does_not_reach_beyond_itself)
{
	struct state state = make_state();
	struct mt_image image;
	struct mt_state_kept *kept = keep_names(&state);
	kept->ready = 1;
	ok(mt_image_open(&image, state.fd, NULL) == 0);
	kept->extent[0].stored = 17;
	is_int(mt_image_enter_start(&image), 0);
	kept->extent[0] = (struct mt_state_extent){.size = 1 << 20, .stored = 1 << 20};
	is_int(mt_image_enter_start(&image), 0);
	kept->extent[0] = (struct mt_state_extent){.offset = UINT64_MAX, .size = 8};
	is_int(mt_image_enter_start(&image), 0);
	kept->extents = MT_KEPT_EXTENTS + 1;
	is_int(mt_image_enter_start(&image), 0);
}

TEST(a_frozen_state_does_not_change)
{
	struct state state = make_state();
	struct mt_image image;
	struct mt_state_counter read[2];
	mt_traceback_id id = add_id(&state, add_node(&state, 0x1000, MT_ROOT_COMPLETE));
	count(&state, id, 3, 1, 100);
	ok(mt_image_open(&image, state.fd, NULL) == 0);
	ok(!mt_image_freeze(&image, 16));
	ok(mt_image_freeze(&image, MT_IMAGE_MOST_FROZEN_BYTES));
	ok(!mt_image_freeze(&image, MT_IMAGE_MOST_FROZEN_BYTES));
	count(&state, id, 7, 0, 100);
	state.header->used.nodes++;
	ok(mt_image_refresh(&image));
	is_int(image.header.used.nodes, MT_FIRST_NODE + 1);
	is_int(mt_image_read(&image, MT_REGION_COUNTERS, sizeof read[0], 64 + id, 2,
			     read),
	       2);
	is_int(read[0].alloc_count, 3);
	is_int(read[0].free_bytes, 100);
	mt_image_leave_start(&image);
	is_int(mt_image_read(&image, MT_REGION_COUNTERS, sizeof read[0], 64 + id, 2,
			     read),
	       2);
	is_int(read[0].alloc_count, 10);
}

TEST(a_state_is_mapped_until_the_last_mapping_goes)
{
	struct state state = make_state();
	struct mt_image image;
	ok(mt_image_open(&image, state.fd, NULL) == 0);
	ok(mt_image_is_mapped(&image));
	munmap(state.base, STATE_BYTES);
	ok(!mt_image_is_mapped(&image));
	ok(!mt_image_is_mapped(&image));
}

/* The n-th program that was announced has pid 100 + n. */
static void announce(struct state *state)
{
	uint32_t number = state->header->used.starts++;
	struct mt_state_start *start =
		&((struct mt_state_start *)at(state, MT_REGION_STARTS))[number % 4];
	start->pid = 100 + number;
	snprintf(start->path, sizeof start->path, "p%u", number);
}

TEST(of_announced_programs_the_last_are_known_in_their_order)
{
	struct state state = make_state();
	struct mt_image image;
	struct mt_starts starts = {0};
	is_int(mt_image_open(&image, dup(state.fd), NULL), 0);
	mt_starts_read(&starts, &image);
	is_int(starts.count, 0);
	for (uint32_t count = 1; count <= 9; count++) {
		announce(&state);
		mt_starts_read(&starts, &image);
		is_int(starts.count, count < 4 ? count : 4);
		for (size_t i = 0; i < starts.count; i++)
			is_int(starts.list[i].pid, 100 + count - starts.count + i);
	}
	is_str(mt_starts_find(&starts, 108)->path, "p8");
	ok(!mt_starts_find(&starts, 104));
	mt_image_close(&image);
	mt_starts_read(&starts, &image);
	is_int(starts.count, 4);
	mt_starts_deinit(&starts);
}

TAP_MAIN()
