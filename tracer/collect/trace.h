/*
 * trace.h - the trace of one process image: its snapshots, timeline and facts, as records
 * of a file. Outside.
 */
#ifndef MT_TRACER_COLLECT_TRACE_H
#define MT_TRACER_COLLECT_TRACE_H

#include "formats/error.h"
#include "formats/record.h"
#include "tracer/collect/image.h"

struct mt_layers;
struct mt_heap_scan;

struct mt_dictionary;
struct mt_trace_file;

/*
 * Begin a trace in fd (borrowed); name is for messages. image is borrowed until close.
 */
int mt_trace_file_open(struct mt_trace_file **trace, struct mt_image *image, int fd,
		       const char *name, struct mt_error *err);

/* Finish the file and free; frees also when it fails. */
int mt_trace_file_close(struct mt_trace_file *trace, struct mt_error *err);

int mt_trace_file_meta(struct mt_trace_file *trace, const char *key, const char *value,
		       size_t size, struct mt_error *err);
int mt_trace_file_meta_text(struct mt_trace_file *trace, const char *key,
			    const char *value, struct mt_error *err);
int mt_trace_file_meta_number(struct mt_trace_file *trace, const char *key,
			      uint64_t value, struct mt_error *err);

/* What the state says about itself: geometry, modes, and their like. */
int mt_trace_file_facts(struct mt_trace_file *trace, struct mt_error *err);

/*
 * Names of threads that the kernel knows, asked while a snapshot is taken. False: not
 * known.
 */
typedef bool mt_thread_name(uint32_t pid, uint32_t tid, char name[MT_NAME_BYTES]);

struct mt_snapshot_request {
	enum mt_snapshot_kind kind;
	const char *label;  /* "": none */
	bool is_still;      /* the process cannot change anything meanwhile */
	uint64_t now_ns;    /* CLOCK_MONOTONIC; 0: ask the clock */
	uint64_t copied_ns; /* when the state had been copied; 0: it is read live */
	mt_thread_name *thread_name;    /* NULL: the process is gone */
	const struct mt_layers *layers; /* what the kernel said last; NULL: nothing */
	struct mt_heap_scan *scan;      /* made for it; NULL: none */
};

/* EXIT is preceded by the header of PEAK. */
int mt_trace_file_snapshot(struct mt_trace_file *trace,
			   const struct mt_snapshot_request *request,
			   struct mt_error *err);

/* Threads that are new or have another name or state, while they can be asked. */
int mt_trace_file_threads(struct mt_trace_file *trace, mt_thread_name *ask,
			  struct mt_error *err);

/*
 * One point of the timeline, left out where nothing has changed since the last. Returns 1
 * when something has, 0 when not.
 */
int mt_trace_file_sample(struct mt_trace_file *trace, uint64_t now_ns,
			 uint64_t resident_bytes, struct mt_error *err);

int mt_trace_file_process(struct mt_trace_file *trace,
			  const struct mt_record_process *process, struct mt_error *err);

/* With its tracebacks; text: what was said of it. In the file when this returns. */
int mt_trace_file_error(struct mt_trace_file *trace, const struct mt_state_error *error,
			const char *text, struct mt_error *err);

/* Up to date after each snapshot and each error. */
struct mt_dictionary *mt_trace_file_dictionary(struct mt_trace_file *trace);

/* All that was put is in the file. */
int mt_trace_file_flush(struct mt_trace_file *trace, struct mt_error *err);

uint64_t mt_clock_ns(void); /* CLOCK_MONOTONIC */

#endif
