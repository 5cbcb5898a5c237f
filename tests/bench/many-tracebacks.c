/*
 * many-tracebacks.c - write a trace with a given number of distinct tracebacks that own
 * blocks, so that the answers about a large trace can be timed.
 *
 *     many-tracebacks FILE [TRACEBACKS]
 *
 * 4,000 addresses of this program's own code, tracebacks of 16 to 23 frames in a tree of
 * which every second node owns blocks, two snapshots. From a fixed seed: the same each time.
 */
#include "formats/writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FRAMES = 4000,
	SLOTS = 4,
	TRUNK = 16, /* frames from the root that all tracebacks have */
	BRANCH = 8, /* frames beyond it */
};

extern const char __executable_start, __etext;

static uint64_t seed = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * limit >> 32);
}

static void put(struct mt_writer *writer, struct mt_record record)
{
	struct mt_error err = {0};
	if (mt_writer_put(writer, &record, &err) < 0) {
		fprintf(stderr, "many-tracebacks: %s\n", err.message);
		exit(1);
	}
}

static struct mt_bytes bytes(const char *text)
{
	return (struct mt_bytes){text, strlen(text)};
}

static void put_frames(struct mt_writer *writer)
{
	char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof path);
	uint64_t code = (uint64_t)(&__etext - &__executable_start);
	put(writer,
	    (struct mt_record){.kind = MT_RECORD_MODULE,
			       .module = {.id = 1,
					  .flags = 1,
					  .end = code,
					  .path = {path, size < 0 ? 0 : (size_t)size}}});
	for (uint32_t i = 0; i < FRAMES; i++)
		put(writer,
		    (struct mt_record){
			    .kind = MT_RECORD_FRAME,
			    .frame = {.id = i + 1,
				      .module = 1,
				      .offset = code / 2 + code / 2 * i / FRAMES}});
}

/* Node ids: 1 is the root, then a trunk, then branches one after the other. */
static void put_tracebacks(struct mt_writer *writer, uint32_t nodes)
{
	put(writer,
	    (struct mt_record){.kind = MT_RECORD_TRACEBACK,
			       .traceback = {.id = 1, .root = MT_TRACEBACK_COMPLETE}});
	for (uint32_t id = 2; id <= nodes; id++) {
		uint32_t above = id - 1;
		if (id > TRUNK + 1 && (id - TRUNK - 2) % BRANCH == 0)
			above = TRUNK + 1;
		put(writer,
		    (struct mt_record){.kind = MT_RECORD_TRACEBACK,
				       .traceback = {.id = id,
						     .parent = above,
						     .frame = 1 + random_below(FRAMES)}});
	}
}

static struct mt_record row_of(uint32_t id, uint32_t factor)
{
	uint32_t count = 1 + id % 7;
	uint64_t size = (uint64_t)count * (16 + id % 509) * factor;
	return (struct mt_record){.kind = MT_RECORD_COUNTER,
				  .counter = {.traceback = id,
					      .alloc_count = count * 3,
					      .alloc_bytes = size * 3,
					      .live_count = count,
					      .live_bytes = (int64_t)size,
					      .peak_count = count,
					      .peak_bytes = (int64_t)size}};
}

/* Twice over the rows: the header has their sums. */
static void put_snapshot(struct mt_writer *writer, uint32_t index, uint32_t nodes)
{
	struct mt_record_snapshot head = {.index = index,
					  .kind = index ? MT_SNAPSHOT_EXIT
							: MT_SNAPSHOT_START,
					  .label = bytes(index ? "exit" : "start"),
					  .time_ns = index * UINT64_C(1000000000)};
	for (uint32_t id = TRUNK + 2; id <= nodes; id += 2) {
		struct mt_record row = row_of(id, index + 1);
		head.live_count += row.counter.live_count;
		head.live_bytes += row.counter.live_bytes;
		head.peak_count += row.counter.peak_count;
		head.peak_bytes += row.counter.peak_bytes;
		head.total_count += row.counter.alloc_count;
		head.total_bytes += row.counter.alloc_bytes;
	}
	put(writer, (struct mt_record){.kind = MT_RECORD_SNAPSHOT, .snapshot = head});
	for (uint32_t id = TRUNK + 2; id <= nodes; id += 2)
		put(writer, row_of(id, index + 1));
	for (uint32_t id = TRUNK + 2; id <= nodes; id += 2) {
		struct mt_record row = row_of(id, index + 1);
		put(writer, (struct mt_record){
				    .kind = MT_RECORD_CELL,
				    .cell = {.traceback = id,
					     .slot = id % SLOTS,
					     .class_index = (uint8_t)(id % 32),
					     .count = (uint64_t)row.counter.live_count,
					     .bytes = (uint64_t)row.counter.live_bytes}});
	}
	put(writer, (struct mt_record){.kind = MT_RECORD_SNAPSHOT_END, .snapshot = head});
}

int main(int argc, char **argv)
{
	uint32_t tracebacks = argc > 2 ? (uint32_t)atol(argv[2]) : 1000000;
	uint32_t nodes = TRUNK + 2 * tracebacks;
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
	struct mt_error err = {0};
	struct mt_writer *writer;
	struct mt_writer_options options = {.name = "many"};
	if (fd < 0 || mt_writer_open(&writer, fd, &options, &err) < 0) {
		fprintf(stderr, "usage: many-tracebacks FILE [TRACEBACKS]\n");
		return 2;
	}
	put(writer, (struct mt_record){.kind = MT_RECORD_META,
				       .meta = {bytes("program"), bytes("many")}});
	put_frames(writer);
	put_tracebacks(writer, nodes);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		put(writer, (struct mt_record){.kind = MT_RECORD_THREAD,
					       .thread = {.slot = slot,
							  .tid = 100 + slot,
							  .serial = slot + 1,
							  .name = bytes("many")}});
	put_snapshot(writer, 0, nodes);
	put_snapshot(writer, 1, nodes);
	put(writer, (struct mt_record){.kind = MT_RECORD_META,
				       .meta = {bytes("end"), bytes("exit")}});
	return mt_writer_close(writer, &err) < 0;
}
