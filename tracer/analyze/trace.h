/*
 * trace.h - what a trace file knows apart from its snapshots' rows: facts, modules,
 * frames, tracebacks, threads, the list of snapshots, the timeline, the process tree.
 * Outside.
 *
 * Ids of the file become indices here: equal modules and frames are one, however often
 * the file has them. Equal tracebacks may be several; grouping adds them up. The reader
 * stays open, so that profile.h can fetch a snapshot's rows.
 */
#ifndef MT_TRACER_ANALYZE_TRACE_H
#define MT_TRACER_ANALYZE_TRACE_H

#include "formats/error.h"
#include "formats/reader.h"
#include "formats/record.h"
#include "tracer/analyze/index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_NO_MODULE = UINT32_MAX,
	MT_NO_FRAME = UINT32_MAX,
	MT_NO_NODE = UINT32_MAX,
	MT_UNKNOWN_NODE = 0, /* stands for a traceback that the file has lost */
	/* No traceback is longer: --nframe allows 1024. Bounds every walk along one. */
	MT_MAX_CHAIN = 2048,
};

struct mt_trace_module {
	char *path;
	uint8_t *build_id;
	size_t build_id_bytes;
	uint64_t start, end, bias;
	uint32_t flags; /* enum mt_module_flag */
	uint64_t file_bytes;
	uint64_t file_mtime_ns;
};

struct mt_trace_frame {
	uint64_t offset; /* in the ELF file's own numbering; a domain's number */
	uint32_t module; /* index, or MT_NO_MODULE */
	uint8_t kind;    /* enum mt_frame_kind */
	bool exact;      /* offset is no return address */
};

/* A traceback is the chain from a node to its root. A parent has a smaller index. */
struct mt_trace_node {
	uint32_t parent; /* MT_NO_NODE for a root */
	uint32_t frame;  /* MT_NO_FRAME for a root */
	uint32_t domain;
	uint16_t depth; /* nodes outwards from it */
	uint8_t root;   /* of the chain: enum mt_traceback_root */
};

struct mt_trace_thread {
	uint32_t slot;
	uint32_t tid;
	uint32_t serial;
	bool alive;
	char *name;
	size_t snapshots_before; /* complete snapshots in the file before it was said */
	uint32_t previous;       /* record of the same slot, or MT_INDEX_NONE */
	uint32_t latest;         /* in the first record of a slot: the last one */
};

struct mt_trace_snapshot {
	struct mt_record_snapshot record; /* its label is ours */
	char *label;                      /* "start", "peak", "exit" too; NULL: none */
	bool is_complete;
	uint64_t place;         /* of its header, for mt_reader_seek */
	size_t complete_before; /* complete snapshots before it */
};

struct mt_trace_error {
	struct mt_record_error record; /* its bytes and tracebacks are ours: */
	char *call, *text;
	uint32_t allocated, freed, here; /* nodes, or MT_NO_NODE */
};

struct mt_trace_process {
	uint32_t pid, parent_pid;
	uint8_t uuid[16];
	char *program, *trace, *began, *end;
};

struct mt_trace_meta {
	char *key;
	char *value; /* NUL-terminated; may hold NULs, as argv does */
	size_t value_bytes;
};

/* Ids of the file are ascending, with gaps where something was lost. */
struct mt_id_run {
	uint32_t first_id;
	uint32_t first_index;
};

struct mt_ids {
	uint32_t *indices; /* by order in the file */
	size_t count, capacity;
	struct mt_id_run *runs;
	size_t run_count, run_capacity;
	uint64_t last_id;
};

#define MT_LIST(type)                                                                    \
	struct {                                                                         \
		type *list;                                                              \
		size_t count, capacity;                                                  \
	}

struct mt_trace {
	char *path;
	struct mt_reader *reader;
	MT_LIST(struct mt_trace_meta) metas;
	MT_LIST(struct mt_trace_module) modules;
	MT_LIST(struct mt_trace_frame) frames;
	MT_LIST(struct mt_trace_node) nodes;
	MT_LIST(struct mt_trace_thread) threads;
	MT_LIST(struct mt_trace_snapshot) snapshots;
	MT_LIST(struct mt_trace_process) processes;
	MT_LIST(struct mt_trace_error) errors;
	MT_LIST(struct mt_record_sample) samples;
	struct mt_ids module_ids, frame_ids, traceback_ids;
	struct mt_index module_index, frame_index;
	struct mt_index thread_index; /* by slot: its first record */
	uint64_t misfits;             /* records that refer to what the file has lost */
	struct mt_error damage;       /* the first one; code 0: none */
	bool is_closed;               /* the writer finished */
	bool was_cut;                 /* the file ends within a chunk */
};

enum mt_trace_load {
	MT_TRACE_LOAD_PROFILES = 0, /* all that answers about profiles need */
	MT_TRACE_LOAD_ALL = 1,      /* the processes and the timeline too */
};

/*
 * Open path and read its dictionaries. A damaged or unfinished file is no failure: see
 * damage and is_closed. On success *trace is the caller's.
 */
int mt_trace_open(struct mt_trace **trace, const char *path, enum mt_trace_load load,
		  struct mt_error *err);
/* From any source; name is what messages call it. Takes the source in either case. */
int mt_trace_open_source(struct mt_trace **trace, struct mt_source source,
			 enum mt_trace_load load, struct mt_error *err);
void mt_trace_close(struct mt_trace *trace);

/* NULL: the trace does not say. */
const struct mt_trace_meta *mt_trace_meta(const struct mt_trace *trace, const char *key);
/* The value as a number, or otherwise. */
uint64_t mt_trace_number(const struct mt_trace *trace, const char *key,
			 uint64_t otherwise);

/*
 * What has to be said beside every answer from this trace: nothing (*remark is left
 * alone), MT_ERR_DAMAGED, or MT_ERR_INCOMPLETE for a file that merely ends early.
 */
void mt_trace_remark(const struct mt_trace *trace, struct mt_error *remark);

/* The node of a traceback id of the file; MT_UNKNOWN_NODE where it has been lost. */
uint32_t mt_trace_node(const struct mt_trace *trace, uint32_t traceback_id);

/* What was known of a slot's thread at that snapshot; NULL: nothing. */
const struct mt_trace_thread *mt_trace_thread(const struct mt_trace *trace, uint32_t slot,
					      const struct mt_trace_snapshot *snapshot);

/* Place of an id among those of its kind in the file, or MT_INDEX_NONE. */
uint32_t mt_ids_find(const struct mt_ids *ids, uint32_t id);

/*
 * The next record of the reader, past damage, which is remembered. 1, 0 at the end, or a
 * negative code that is final.
 */
int mt_trace_next(struct mt_trace *trace, struct mt_record *rec, struct mt_error *err);

/* The chunk failure that err reports is remembered; reading can go on. */
void mt_trace_note_damage(struct mt_trace *trace, const struct mt_error *err);

#endif
