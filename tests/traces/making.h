/*
 * making.h - traces with known answers, made by the writer: one call for each traceback
 * and row, for tests of everything that reads traces.
 *
 * Frames are named by file and line; their module is "/made/program" and the offset of
 * the n-th distinct one is 16 n. Locations of frames come from made_locations, not from
 * debug information.
 */
#ifndef MT_TESTS_TRACES_MAKING_H
#define MT_TESTS_TRACES_MAKING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/state.h"
#include "formats/writer.h"
#include "tracer/analyze/location.h"
#include "tracer/analyze/profile.h"

enum {
	MADE_FRAMES = 4096,
	MADE_ROOT = 1, /* traceback id of the complete root */
	MADE_INHERITED = 2,
};

struct made_frame {
	char *file; /* NULL: unknown */
	uint32_t line;
};

struct made {
	int fd;
	struct mt_writer *writer;
	struct made_frame frames[MADE_FRAMES];
	uint32_t frame_count, record_frames, tracebacks, snapshots;
	struct mt_record_snapshot snapshot; /* the open one */
	bool is_closed;
};

static inline void made_put(struct made *made, struct mt_record rec)
{
	struct mt_error err = {0};
	if (mt_writer_put(made->writer, &rec, &err) < 0) {
		fprintf(stderr, "made_put: %s\n", err.message);
		abort();
	}
}

static inline struct mt_bytes made_bytes(const char *text)
{
	return (struct mt_bytes){text, strlen(text)};
}

static inline void made_module(struct made *made, uint32_t id, const char *path,
			       uint32_t flags)
{
	made_put(made,
		 (struct mt_record){.kind = MT_RECORD_MODULE,
				    .module = {.id = id,
					       .path = made_bytes(path),
					       .start = id * UINT64_C(0x10000000),
					       .end = (id + 1) * UINT64_C(0x10000000),
					       .flags = flags}});
}

static inline void made_root(struct made *made, enum mt_traceback_root root)
{
	made_put(made, (struct mt_record){
			       .kind = MT_RECORD_TRACEBACK,
			       .traceback = {.id = ++made->tracebacks, .root = root}});
}

static inline void made_meta(struct made *made, const char *key, const char *value)
{
	made_put(made, (struct mt_record){.kind = MT_RECORD_META,
					  .meta = {made_bytes(key), made_bytes(value)}});
}

static inline void made_begin(struct made *made)
{
	struct mt_error err = {0};
	struct mt_writer_options options = {.uuid = {1}, .start_realtime_ns = 1};
	*made = (struct made){.fd = memfd_create("made", 0)};
	if (made->fd < 0 || mt_writer_open(&made->writer, made->fd, &options, &err) < 0)
		abort();
	made_meta(made, "alignment", "16");
	made_module(made, 1, "/made/program", MT_MODULE_MAIN);
	made_root(made, MT_TRACEBACK_COMPLETE);
	made_root(made, MT_TRACEBACK_INHERITED);
}

/* The frame id of a call at file:line; a new one for each distinct place. */
static inline uint32_t made_frame(struct made *made, const char *file, uint32_t line)
{
	for (uint32_t i = 0; i < made->frame_count; i++)
		if (made->frames[i].line == line && made->frames[i].file && file &&
		    !strcmp(made->frames[i].file, file))
			return i + 1;
	if (made->frame_count == MADE_FRAMES)
		abort();
	made->frames[made->frame_count++] =
		(struct made_frame){file ? strdup(file) : NULL, line};
	made_put(made, (struct mt_record){.kind = MT_RECORD_FRAME,
					  .frame = {.id = made->frame_count,
						    .module = 1,
						    .offset = made->frame_count * 16}});
	return made->frame_count;
}

/* The frame of a domain: to be the first below the root. */
static inline uint32_t made_domain(struct made *made, uint32_t domain)
{
	if (made->frame_count == MADE_FRAMES)
		abort();
	made->frames[made->frame_count++] = (struct made_frame){0};
	made_put(made, (struct mt_record){.kind = MT_RECORD_FRAME,
					  .frame = {.id = made->frame_count,
						    .kind = MT_FRAME_DOMAIN,
						    .offset = domain}});
	return made->frame_count;
}

/* A new traceback id each time, equal or not. */
static inline uint32_t made_call(struct made *made, uint32_t parent, uint32_t frame)
{
	made_put(made, (struct mt_record){.kind = MT_RECORD_TRACEBACK,
					  .traceback = {.id = ++made->tracebacks,
							.parent = parent,
							.frame = frame}});
	return made->tracebacks;
}

static inline void made_snapshot(struct made *made, struct mt_record_snapshot snapshot)
{
	snapshot.index =
		snapshot.kind == MT_SNAPSHOT_CHECKPOINT ? UINT32_MAX : made->snapshots++;
	made->snapshot = snapshot;
	made_put(made,
		 (struct mt_record){.kind = MT_RECORD_SNAPSHOT, .snapshot = snapshot});
}

/* Totals of the snapshot must be right beforehand: the header is written first. */
static inline void made_row(struct made *made, uint32_t traceback, int64_t bytes,
			    int64_t count)
{
	made_put(made, (struct mt_record){.kind = MT_RECORD_COUNTER,
					  .counter = {.traceback = traceback,
						      .alloc_bytes = (uint64_t)bytes,
						      .alloc_count = (uint64_t)count,
						      .live_bytes = bytes,
						      .live_count = count,
						      .peak_bytes = bytes,
						      .peak_count = count}});
}

/* A slot must be made known before its cells. */
static inline void made_thread(struct made *made, uint32_t slot, uint32_t tid,
			       const char *name)
{
	made_put(made, (struct mt_record){.kind = MT_RECORD_THREAD,
					  .thread = {.slot = slot,
						     .tid = tid,
						     .serial = tid,
						     .name = made_bytes(name)}});
}

static inline void made_cell(struct made *made, uint32_t traceback, uint32_t slot,
			     uint8_t class_index, uint64_t bytes, uint64_t count)
{
	made_put(made, (struct mt_record){.kind = MT_RECORD_CELL,
					  .cell = {.traceback = traceback,
						   .slot = slot,
						   .class_index = class_index,
						   .bytes = bytes,
						   .count = count}});
}

/* A snapshot's header for rows that sum up to this, live as well as ever. */
static inline struct mt_record_snapshot made_sums(enum mt_snapshot_kind kind,
						  int64_t bytes, int64_t count)
{
	return (struct mt_record_snapshot){.kind = (uint8_t)kind,
					   .live_bytes = bytes,
					   .live_count = count,
					   .peak_bytes = bytes,
					   .peak_count = count,
					   .total_bytes = (uint64_t)bytes,
					   .total_count = (uint64_t)count};
}

static inline void made_snapshot_end(struct made *made)
{
	made_put(made, (struct mt_record){.kind = MT_RECORD_SNAPSHOT_END,
					  .snapshot = made->snapshot});
}

/* The path of the file; valid until made_end. */
static inline const char *made_path(struct made *made)
{
	static char path[64];
	struct mt_error err = {0};
	if (!made->is_closed && mt_writer_close(made->writer, &err) < 0)
		abort();
	made->is_closed = true;
	snprintf(path, sizeof path, "/proc/self/fd/%d", made->fd);
	return path;
}

static inline void made_end(struct made *made)
{
	made_path(made);
	for (uint32_t i = 0; i < made->frame_count; i++)
		free(made->frames[i].file);
	close(made->fd);
}

/* What a symbolizer would say of all frames of a trace that was made so. */
static inline void made_locations(const struct made *made,
				  struct mt_frame_locations *frames)
{
	struct mt_error err = {0};
	for (size_t i = 0; i < frames->trace->frames.count; i++) {
		const struct mt_trace_frame *f = &frames->trace->frames.list[i];
		if (f->kind != MT_FRAME_NATIVE || f->module != 0)
			continue;
		const struct made_frame *frame = &made->frames[f->offset / 16 - 1];
		struct mt_symbol symbol = {.file = frame->file, .line = frame->line};
		struct mt_symbols symbols = {&symbol, 1};
		if (mt_frame_locations_put(frames, (uint32_t)i, symbols, &err) < 0)
			abort();
	}
}

#endif
