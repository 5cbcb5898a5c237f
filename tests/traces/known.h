/*
 * known.h - a small trace whose contents are known, for tests of writer and reader, for
 * the traces kept in this folder, and for the reader's fuzz corpus.
 *
 * Two modules, `frames` frames and tracebacks in one chain beneath a complete root, two
 * threads, a full snapshot with a row for each traceback, a delta with one row, a peak
 * and the exit.
 */
#ifndef MT_TESTS_TRACES_KNOWN_H
#define MT_TESTS_TRACES_KNOWN_H

#include <stdlib.h>
#include <string.h>

#include "formats/reader.h"
#include "formats/writer.h"

static const uint8_t known_uuid[16] = {1, 2,  3,  4,  5,  6,  7,  8,
				       9, 10, 11, 12, 13, 14, 15, 16};

enum {
	KNOWN_START_REALTIME_NS = 1000000007,
	KNOWN_ROW_BYTES = 48,
};

static inline struct mt_bytes known_bytes(const char *text)
{
	return (struct mt_bytes){text, strlen(text)};
}

static inline void known_put(struct mt_writer *writer, struct mt_record rec)
{
	struct mt_error err = {0};
	if (mt_writer_put(writer, &rec, &err) < 0)
		abort();
}

static inline void known_meta(struct mt_writer *writer, const char *key,
			      const char *value)
{
	known_put(writer,
		  (struct mt_record){.kind = MT_RECORD_META,
				     .meta = {known_bytes(key), known_bytes(value)}});
}

static inline void known_dictionaries(struct mt_writer *writer, uint32_t frames)
{
	known_put(writer,
		  (struct mt_record){.kind = MT_RECORD_MODULE,
				     .module = {.id = 1,
						.flags = 1,
						.start = 0x555555554000,
						.end = 0x555555558000,
						.bias = 0x555555554000,
						.path = known_bytes("/usr/bin/known"),
						.build_id = {"\x01\x02\x03\0\x05", 5},
						.file_bytes = 16384,
						.file_mtime_ns = 77}});
	known_put(writer, (struct mt_record){
				  .kind = MT_RECORD_MODULE,
				  .module = {.id = 2,
					     .start = 0x7ffff7d00000,
					     .end = 0x7ffff7f00000,
					     .bias = 0x7ffff7d00000,
					     .path = known_bytes("/lib/libknown.so")}});
	known_put(writer, (struct mt_record){
				  .kind = MT_RECORD_TRACEBACK,
				  .traceback = {.id = 1, .root = MT_TRACEBACK_COMPLETE}});
	for (uint32_t i = 1; i <= frames; i++) {
		known_put(writer,
			  (struct mt_record){.kind = MT_RECORD_FRAME,
					     .frame = {.id = i,
						       .exact = i % 5 == 0,
						       .module = i % 3,
						       .offset = 0x1000 + 16 * i}});
		known_put(writer, (struct mt_record){.kind = MT_RECORD_TRACEBACK,
						     .traceback = {.id = i + 1,
								   .parent = i / 2 + 1,
								   .frame = i}});
	}
	for (uint32_t slot = 0; slot < 2; slot++)
		known_put(writer,
			  (struct mt_record){.kind = MT_RECORD_THREAD,
					     .thread = {.slot = slot,
							.tid = 4000 + slot,
							.serial = slot + 1,
							.alive = !slot,
							.name = known_bytes("worker")}});
}

static inline struct mt_record known_counter(uint32_t traceback)
{
	return (struct mt_record){
		.kind = MT_RECORD_COUNTER,
		.counter = {.traceback = traceback,
			    .alloc_count = traceback,
			    .alloc_bytes = KNOWN_ROW_BYTES * traceback,
			    .live_count = traceback / 2,
			    .live_bytes = KNOWN_ROW_BYTES * (traceback / 2),
			    .peak_count = 1,
			    .peak_bytes = KNOWN_ROW_BYTES}};
}

static inline void known_occupancy(struct mt_writer *writer)
{
	known_put(writer, (struct mt_record){.kind = MT_RECORD_CELL,
					     .cell = {.traceback = 2,
						      .slot = 1,
						      .class_index = 2,
						      .count = 1,
						      .bytes = 48}});
	known_put(writer, (struct mt_record){.kind = MT_RECORD_CELL,
					     .cell = {.traceback = 2,
						      .slot = 1,
						      .class_index = MT_CLASS_LARGE,
						      .count = 1,
						      .bytes = 4096}});
	known_put(writer, (struct mt_record){.kind = MT_RECORD_CLASS,
					     .class = {.index = 2,
						       .block_bytes = 48,
						       .pools = 1,
						       .blocks_in_use = 1,
						       .requested_bytes = 48}});
	known_put(writer, (struct mt_record){.kind = MT_RECORD_ARENAS,
					     .arenas = {.allocated_total = 2,
							.reclaimed = 1,
							.highwater = 2,
							.current = 1,
							.free_pools = 63,
							.large_blocks = 1,
							.large_bytes = 4096}});
	known_put(writer, (struct mt_record){.kind = MT_RECORD_LOSS,
					     .loss = {.reason = 0, .count = 3}});
}

/* The sums of all rows; those of a delta are as they were. */
static inline struct mt_record_snapshot known_sums(struct mt_record_snapshot snapshot,
						   uint32_t frames)
{
	for (uint32_t id = 2; id <= frames + 1; id++) {
		struct mt_record_counter counter = known_counter(id).counter;
		snapshot.live_count += counter.live_count;
		snapshot.live_bytes += counter.live_bytes;
		snapshot.peak_count += counter.peak_count;
		snapshot.peak_bytes += counter.peak_bytes;
		snapshot.total_count += counter.alloc_count;
		snapshot.total_bytes += counter.alloc_bytes;
	}
	return snapshot;
}

/* A snapshot with counters of the tracebacks first ... last, ended. */
static inline void known_snapshot(struct mt_writer *writer,
				  struct mt_record_snapshot snapshot, uint32_t first,
				  uint32_t last)
{
	known_put(writer,
		  (struct mt_record){.kind = MT_RECORD_SNAPSHOT, .snapshot = snapshot});
	for (uint32_t id = first; id <= last; id++)
		known_put(writer, known_counter(id));
	if (snapshot.kind == MT_SNAPSHOT_EXIT)
		known_occupancy(writer);
	known_put(writer, (struct mt_record){.kind = MT_RECORD_SNAPSHOT_END,
					     .snapshot = snapshot});
}

/* Everything, to fd; the trace is closed if is_closed. */
static inline void known_write(int fd, uint32_t frames, bool is_closed)
{
	struct mt_error err = {0};
	struct mt_writer *writer;
	struct mt_writer_options options = {.start_realtime_ns = KNOWN_START_REALTIME_NS,
					    .name = "known"};
	memcpy(options.uuid, known_uuid, sizeof options.uuid);
	if (mt_writer_open(&writer, fd, &options, &err) < 0)
		abort();
	known_meta(writer, "program", "known");
	known_meta(writer, "nframe", "128");
	known_dictionaries(writer, frames);
	known_snapshot(
		writer,
		known_sums((struct mt_record_snapshot){.kind = MT_SNAPSHOT_LABEL,
						       .label = known_bytes("half"),
						       .time_ns = 1000000},
			   frames),
		2, frames + 1);
	for (int i = 0; i < 3; i++)
		known_put(writer, (struct mt_record){.kind = MT_RECORD_SAMPLE,
						     .sample = {.time_ns = 100000000u * i,
								.live_bytes = 4096 * i,
								.resident_bytes = 1 << 20,
								.heap_bytes = 1 << 20}});
	known_snapshot(
		writer,
		known_sums((struct mt_record_snapshot){.index = 1,
						       .kind = MT_SNAPSHOT_PERIODIC,
						       .is_delta = true,
						       .time_ns = 2000000},
			   frames),
		3, 3);
	known_put(writer,
		  (struct mt_record){.kind = MT_RECORD_PROCESS,
				     .process = {.pid = 4000,
						 .parent_pid = 1,
						 .uuid = {9, 8, 7},
						 .program = known_bytes("known"),
						 .trace = known_bytes("known.mtz"),
						 .began = known_bytes("run"),
						 .end = known_bytes("exit")}});
	known_put(writer, (struct mt_record){.kind = MT_RECORD_SNAPSHOT,
					     .snapshot = {.index = 2,
							  .kind = MT_SNAPSHOT_PEAK,
							  .time_ns = 1500000}});
	known_snapshot(writer,
		       known_sums((struct mt_record_snapshot){.index = 3,
							      .kind = MT_SNAPSHOT_EXIT,
							      .time_ns = 3000000,
							      .span_ns = 5},
				  frames),
		       2, frames + 1);
	known_meta(writer, "end", "exit");
	if (mt_writer_flush(writer, &err) < 0)
		abort();
	if (!is_closed) /* as after a SIGKILL: the writer's memory goes with the process */
		return;
	if (mt_writer_close(writer, &err) < 0)
		abort();
}

#endif
