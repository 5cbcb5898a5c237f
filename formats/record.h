/*
 * record.h - what a trace file says, one record at a time.
 *
 * A trace is a sequence of records. Dictionaries come before the records that use them:
 * strings are inline; modules, frames, tracebacks and threads have ids that count from 1
 * in the order of their records. A snapshot is a SNAPSHOT record followed by its COUNTER,
 * CELL, CLASS, ARENAS and LOSS rows, up to SNAPSHOT_END. Those that say where blocks lie
 * (all but the periodic ones) have POOL, PIN, HOLD, BORDER, LAYER and WAITING rows too,
 * and always all of them: no delta. One whose heap was scanned has a SCAN record, and ROOT,
 * CALLER, BLOCK, EDGE and CONTENTS rows after it.
 */
#ifndef MT_FORMATS_RECORD_H
#define MT_FORMATS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mt_record_kind {
	MT_RECORD_META = 1,  /* a fact about the process: key and value */
	MT_RECORD_MODULE,    /* a loaded object */
	MT_RECORD_FRAME,     /* module + offset */
	MT_RECORD_TRACEBACK, /* parent traceback + frame */
	MT_RECORD_THREAD, /* a thread slot; a later record for the same slot replaces it */
	MT_RECORD_SNAPSHOT,
	MT_RECORD_COUNTER, /* one traceback in the snapshot */
	MT_RECORD_CELL,    /* live blocks of one traceback, thread slot and class */
	MT_RECORD_CLASS,   /* pools of one size class */
	MT_RECORD_ARENAS,
	MT_RECORD_LOSS,         /* events that were not recorded, by reason */
	MT_RECORD_SNAPSHOT_END, /* the snapshot is complete */
	MT_RECORD_SAMPLE,       /* one point of the timeline */
	MT_RECORD_PROCESS,      /* a process of the tree (first file only) */
	MT_RECORD_POOL,         /* what one pool is used for */
	MT_RECORD_PIN,          /* blocks of one traceback in one pool */
	MT_RECORD_HOLD,         /* memory lost to one traceback's blocks */
	MT_RECORD_BORDER,       /* blocks that just miss the next smaller class */
	MT_RECORD_LAYER,        /* what one kind of mappings takes */
	MT_RECORD_SCAN,         /* a search for what is reachable, and its sums */
	MT_RECORD_ROOT,         /* a place outside the heap that holds a block */
	MT_RECORD_BLOCK,        /* a live block and who holds it */
	MT_RECORD_EDGE,         /* a pointer within a cycle of leaked blocks */
	MT_RECORD_ERROR,        /* what the program did wrong with its memory */
	MT_RECORD_CONTENTS,     /* how a block's contents begin */
	MT_RECORD_WAITING,      /* freed blocks in the quarantine of the debug modes */
	MT_RECORD_CALLER,       /* a frame that called the one that holds a block */
	MT_RECORD_KIND_COUNT
};

/* How much of the dictionaries is defined: the highest ids, and the number of slots. */
struct mt_defined {
	uint32_t modules;
	uint32_t frames;
	uint32_t tracebacks;
	uint32_t slots;
};

/* Bytes in a trace: not NUL-terminated, may hold anything. */
struct mt_bytes {
	const char *data;
	size_t size;
};

/*
 * Keys: "program", "argv" (NUL-separated), "cwd", "host", "pid", "parent_pid",
 * "parent_uuid" (hex), "parent_time_ns" (the fork's moment in the parent's clock),
 * "tree_uuid" (hex), "began" (run, preload, fork, exec), "malloc" (pymalloc, malloc,
 * pymalloc_debug, malloc_debug, guard),
 * "geometry" (modern, classic), "alignment", "pool_bytes", "arena_bytes", "threshold",
 * "python" (none, ours, own), "nframe", "memtrace_version", "start_realtime_ns",
 * "scan_failure" (why a search for leaks was not possible), "thread.TID" (the name of a
 * thread that such a search met),
 * and, written at the end, "end" (exit, signal, exec, unknown), "exit_status", "signal",
 * "peak_bound_bytes", "guarded_blocks", "recorder_bytes", "walked_tracebacks",
 * "walked_frames", "collector_cpu_ns", "layers_at_end" (1: the LAYER rows of `exit` are what
 * the kernel said when the process was about to end, not of some earlier moment).
 * A later value of a key replaces an earlier one.
 */
struct mt_record_meta {
	struct mt_bytes key;
	struct mt_bytes value;
};

struct mt_record_module {
	uint32_t id;
	uint32_t flags; /* enum mt_module_flag */
	uint64_t start, end, bias;
	struct mt_bytes path;
	struct mt_bytes build_id;
	/* Of the file when it was recorded, 0 where unknown: to name a replaced binary. */
	uint64_t file_bytes;
	uint64_t file_mtime_ns;
};

struct mt_record_frame {
	uint32_t id;
	uint8_t kind; /* enum mt_frame_kind; later formats may add to it, below 16 */
	bool exact;   /* offset is the instruction itself, not a return address */
	uint32_t
		module; /* 0: none, offset is the address in the process, or the domain */
	uint64_t offset; /* address in the ELF file's own numbering */
};

/* Roots have a parent 0 and no frame. */
enum mt_traceback_root {
	MT_TRACEBACK_CALLED = 0,   /* no root: has a parent */
	MT_TRACEBACK_COMPLETE = 1, /* = enum mt_root where those agree */
	MT_TRACEBACK_TRUNCATED = 2,
	MT_TRACEBACK_DEEP = 3,
	MT_TRACEBACK_INHERITED = 4,
	MT_TRACEBACK_CUT = 5,  /* --nframe: outer frames left out when written */
	MT_TRACEBACK_LOST = 6, /* stands in for one that the reader found damaged */
};

struct mt_record_traceback {
	uint32_t id;
	uint32_t parent; /* id of an earlier traceback; 0 for a root */
	uint32_t frame;  /* 0 for a root */
	uint8_t root;    /* enum mt_traceback_root; later formats may add, below 16 */
};

struct mt_record_thread {
	uint32_t slot; /* from 0; new slots come in order */
	uint32_t tid;
	uint32_t serial;
	bool alive;
	struct mt_bytes name;
};

enum mt_snapshot_kind {
	MT_SNAPSHOT_START = 0,
	MT_SNAPSHOT_PERIODIC = 1, /* run --snapshot-every */
	MT_SNAPSHOT_LABEL = 2,    /* memtrace_snapshot, memtrace snapshot */
	MT_SNAPSHOT_PEAK = 3, /* no rows: the peak columns of the snapshot that follows */
	MT_SNAPSHOT_EXIT = 4,
	MT_SNAPSHOT_CHECKPOINT = 5, /* has no index; stands in for exit */
};

struct mt_record_snapshot {
	uint32_t index; /* in file order, from 0; checkpoints: UINT32_MAX */
	uint8_t kind;   /* enum mt_snapshot_kind; later formats may add, below 16 */
	bool is_delta;  /* rows replace those of the previous snapshot in the file */
	struct mt_bytes label; /* empty: none */
	uint64_t time_ns;      /* since the process's start, when copying began */
	uint64_t span_ns;      /* how long copying took; 0: the program stood still */
	int64_t live_bytes;    /* sums of the rows */
	int64_t live_count;
	int64_t peak_bytes;
	int64_t peak_count;
	uint64_t total_bytes;
	uint64_t total_count;
	uint64_t peak_bound_bytes; /* 0: exact */

	/* The writer sets these. */
	uint32_t ordinal; /* counts the SNAPSHOT records of the file, from 1 */
	uint32_t base; /* delta: ordinal of the snapshot whose rows it changes; else 0 */
	struct mt_defined defined; /* what of the dictionaries came before */
};

struct mt_record_counter {
	uint32_t traceback;
	uint64_t alloc_count, alloc_bytes;
	int64_t live_count, live_bytes;
	int64_t peak_count, peak_bytes;
};

/* In a delta, the cells of a traceback replace all cells that it had. */
struct mt_record_cell {
	uint32_t traceback;
	uint32_t slot;
	uint8_t class_index; /* below MT_MAX_CLASSES, or MT_CLASS_LARGE */
	uint64_t count;
	uint64_t bytes; /* requested */
};

enum {
	MT_CLASS_LARGE = 255, /* beyond the threshold */
};

struct mt_record_class {
	uint8_t index; /* below MT_MAX_CLASSES */
	uint32_t block_bytes;
	uint64_t pools;         /* used and full */
	uint64_t blocks_in_use; /* by the program */
	uint64_t requested_bytes;
	uint64_t inherited; /* of blocks_in_use: from before the fork, size not known */
	uint64_t waiting;   /* besides: freed, in the quarantine of the debug modes */
};

struct mt_record_arenas {
	uint64_t allocated_total, reclaimed, highwater, current;
	uint64_t free_pools; /* empty and never carved, in arenas in use */
	uint64_t large_blocks, large_bytes;
	uint64_t large_block_bytes; /* what they take of the C library's memory */
	uint64_t guarded_blocks, guarded_bytes;
	uint64_t guarded_block_bytes; /* of pages of their own */
};

struct mt_record_loss {
	uint32_t reason; /* enum mt_loss; later formats may add to it, below 256 */
	uint64_t count;  /* since the start */
};

struct mt_record_sample {
	uint64_t time_ns;
	int64_t live_bytes;
	uint64_t resident_bytes;
	uint64_t heap_bytes; /* arenas in use */
};

struct mt_record_process {
	uint32_t pid;
	uint32_t parent_pid;
	uint8_t uuid[16];
	struct mt_bytes program;
	struct mt_bytes trace; /* file name; empty: not recorded */
	struct mt_bytes began; /* as META */
	struct mt_bytes end;
};

/* Pools that were never carved, and those of arenas not in use, have no record. */
struct mt_record_pool {
	uint32_t
		index; /* in the small-object heap; its arena is index / pools per arena */
	uint8_t state; /* enum mt_pool_state; USED with used 0: kept by a thread's heap */
	uint8_t class_index; /* 0 if it is empty */
	uint32_t used;       /* blocks */
};

/* Only of the cheapest pools: those whose arenas have the fewest blocks. */
struct mt_record_pin {
	uint32_t pool;
	uint32_t traceback;
	uint32_t count;
};

/*
 * Bytes that cannot be used otherwise, or cannot go back, because of a traceback's blocks.
 * Where several keep the same bytes each has a share. traceback 0: nobody's blocks.
 */
struct mt_record_hold {
	uint32_t traceback;
	uint64_t rounding_bytes; /* its blocks' own, beyond what was requested */
	uint64_t free_bytes;     /* free blocks in pools with blocks of it */
	uint64_t empty_bytes;    /* empty pools in arenas with blocks of it */
	uint64_t beneath_bytes;  /* freed by the C library below a block of it */
};

/*
 * Blocks of at most a quarter of the alignment more than the next smaller class; in
 * MT_CLASS_LARGE of at most one alignment more than the threshold.
 */
struct mt_record_border {
	uint32_t traceback;
	uint8_t class_index;
	uint64_t count;
	uint64_t excess_bytes; /* the largest of them; what each has to lose at most */
};

/* Freed blocks whose memory is not: they are live no more. */
struct mt_record_waiting {
	uint32_t traceback;  /* of their allocation */
	uint8_t class_index; /* or MT_CLASS_LARGE */
	uint64_t count;
	uint64_t block_bytes;
};

enum mt_layer_kind {
	MT_LAYER_PROCESS = 0,  /* the whole, as the kernel adds it up */
	MT_LAYER_RESERVED = 1, /* address space that cannot be accessed */
	MT_LAYER_ARENAS = 2,   /* the small-object heap's */
	MT_LAYER_HEAP = 3,     /* the C library's heap */
	MT_LAYER_BLOCKS = 4,   /* other mappings with blocks of the C library */
	MT_LAYER_RECORDER = 5, /* the shared state */
	MT_LAYER_STACK = 6,    /* of the main thread */
	MT_LAYER_FILES = 7,    /* modules and other files */
	MT_LAYER_OTHER = 8,    /* anonymous memory that nothing above explains */
	MT_LAYER_GUARDED = 9,  /* pages of guarded blocks */
	MT_LAYER_COUNT
};

struct mt_record_layer {
	uint8_t kind;     /* enum mt_layer_kind; later formats may add to it, below 64 */
	uint64_t time_ns; /* since the process's start: when the kernel was asked */
	uint64_t mappings;
	uint64_t mapped_bytes, resident_bytes, swapped_bytes;
};

/* How the process was stopped for a scan. */
enum mt_scan_method {
	MT_SCAN_PTRACE = 0,  /* its threads were stopped and its memory read */
	MT_SCAN_FORK = 1,    /* a signal stopped its threads, a forked copy was read */
	MT_SCAN_WAITING = 2, /* its only thread waited for the scan */
};

enum mt_scan_flag {
	MT_SCAN_AT_END = 1 << 0,    /* the process was about to end (run --leaks) */
	MT_SCAN_HASHES = 1 << 1,    /* --dup: every BLOCK has its hash */
	MT_SCAN_SAMPLED = 1 << 2,   /* too many blocks: of the reachable only some have a
				      BLOCK, with all that lead to them */
	MT_SCAN_NO_CYCLES = 1 << 3, /* too many blocks leaked to look for cycles */
	MT_SCAN_RETAINED = 1 << 4,  /* every BLOCK has what it retains */
	MT_SCAN_CONTENTS =
		1 << 5, /* --contents: BLOCKs, or some of them, have CONTENTS */
};

enum mt_leak_kind {
	MT_LEAK_DEFINITE = 0, /* nothing points to it, or only its own cycle does */
	MT_LEAK_INDIRECT = 1, /* only leaked blocks do */
	MT_LEAK_POSSIBLE = 2, /* reachable only by way of an interior pointer */
	MT_LEAK_REACHABLE = 3,
	MT_LEAK_KINDS
};

/* The sums are of all live blocks, also of those without BLOCK. */
struct mt_record_scan {
	uint8_t method;    /* enum mt_scan_method; later formats may add, below 16 */
	uint32_t flags;    /* enum mt_scan_flag */
	uint64_t pause_ns; /* how long the program stood still */
	uint64_t span_ns;  /* from the request to the result */
	uint64_t threads;
	uint64_t threads_missed; /* could not be stopped: their registers are not known */
	uint64_t root_bytes;     /* searched for pointers, outside the heap */
	uint64_t heap_bytes;     /* searched within it */
	uint64_t unreadable_bytes;     /* of both, that should have been */
	uint64_t blocks, roots, edges; /* BLOCK, ROOT and EDGE rows that follow */
	struct {
		uint64_t count, bytes; /* requested */
	} kinds[MT_LEAK_KINDS];
};

enum mt_root_kind {
	MT_HELD_GLOBAL = 0,       /* writable data of a module */
	MT_HELD_THREAD_LOCAL = 1, /* of a module, in a thread */
	MT_HELD_STACK = 2,
	MT_HELD_REGISTER = 3,
	MT_HELD_KEY = 4,      /* pthread_setspecific */
	MT_HELD_LIBC = 5,     /* the C library's and the loader's own tables */
	MT_HELD_TRACKED = 6,  /* a region of memtrace_track */
	MT_HELD_ALTSTACK = 7, /* sigaltstack in use */
	MT_HELD_MAPPING = 8,  /* memory that the program mapped itself */
	MT_HELD_COUNT
};

/* Ids count from 1 within the scan. A place that holds blocks which nothing else leads to. */
struct mt_record_root {
	uint32_t id;
	uint8_t kind;    /* enum mt_root_kind; later formats may add to it, below 64 */
	uint32_t module; /* global, thread-local, libc: whose data; 0: not known */
	uint64_t
		offset; /* in the module's own numbering; thread-local: in its block; stacks:
			    from the frame's lowest address, if that is known; else: address */
	uint32_t tid;   /* of the thread; 0: of none */
	uint32_t frame; /* stacks, register: the function that uses it; 0: not known */
	uint32_t
		number; /* DWARF's of the register; of the key; of the tracked domain; of a
			    mapping: MT_MAPPING_UNRECORDED or 0 */
};

/* Around the frame of a root, in their order: who called it, who called that one, and so on. */
struct mt_record_caller {
	uint32_t root; /* id; not checked by the reader */
	uint32_t frame;
};

/* Memory of malloc whose blocks are not known, as those of a fork's parent are not. */
#define MT_MAPPING_UNRECORDED 1

/* What a block seems to be, by a look at what is in it. */
enum mt_content {
	MT_CONTENT_DATA = 0,
	MT_CONTENT_OBJECT = 1,   /* begins with the vtable at module and offset */
	MT_CONTENT_STRING = 2,   /* of `length` bytes, and its final NUL */
	MT_CONTENT_POINTERS = 3, /* mostly */
	MT_CONTENT_ZEROES = 4,
};

/* One live block. Ids count from 1 within the scan, addresses go up. */
struct mt_record_block {
	uint32_t id;
	uint64_t address;
	uint64_t size; /* requested; inherited: what it takes */
	uint32_t traceback;
	uint8_t kind;      /* enum mt_leak_kind */
	bool held_by_root; /* holder is a ROOT, not a BLOCK */
	bool is_interior;  /* the holder's pointer leads into its middle */
	uint32_t holder;   /* on the shortest path; 0: none. Of a definite one in a cycle:
			       0. Not checked by the reader: look it up */
	uint64_t offset;   /* of the pointer in the holding block */
	uint64_t in_degree; /* pointers to it in the heap and the roots */
	uint64_t retained_bytes, retained_count; /* freed if it were, itself included */
	uint32_t cycle;  /* leaked ones in the same cycle have the same number; 0: none */
	uint8_t content; /* enum mt_content; later formats may add to it, below 8 */
	uint64_t length; /* string */
	uint32_t content_module; /* object; 0: in none */
	uint64_t content_offset;
	bool has_hash;
	uint64_t hash; /* of its bytes: what is equal has the same */
};

/* In a cycle of leaked blocks: from holds a pointer to `to` at offset. */
struct mt_record_edge {
	uint32_t from, to; /* ids of blocks; not checked by the reader */
	uint64_t offset;
};

enum {
	MT_CONTENTS_BYTES = 64, /* kept of a block, at most */
};

struct mt_record_contents {
	uint32_t block; /* id; not checked by the reader */
	struct mt_bytes bytes;
};

/* As struct mt_state_error; text is what the program's stderr got, without tracebacks. */
struct mt_record_error {
	uint8_t kind;     /* enum mt_error_kind; later formats may add to it, below 64 */
	uint64_t time_ns; /* since the process's start */
	uint32_t tid;
	uint64_t address, block, block_bytes, serial;
	uint8_t allocated_by, called_by;
	uint32_t allocated, freed, here; /* tracebacks; 0: none */
	struct mt_bytes call;
	struct mt_bytes text;
};

struct mt_record {
	enum mt_record_kind kind;
	union {
		struct mt_record_meta meta;
		struct mt_record_module module;
		struct mt_record_frame frame;
		struct mt_record_traceback traceback;
		struct mt_record_thread thread;
		struct mt_record_snapshot snapshot; /* SNAPSHOT and SNAPSHOT_END */
		struct mt_record_counter counter;
		struct mt_record_cell cell;
		struct mt_record_class class;
		struct mt_record_arenas arenas;
		struct mt_record_loss loss;
		struct mt_record_sample sample;
		struct mt_record_process process;
		struct mt_record_pool pool;
		struct mt_record_pin pin;
		struct mt_record_hold hold;
		struct mt_record_border border;
		struct mt_record_waiting waiting;
		struct mt_record_layer layer;
		struct mt_record_scan scan;
		struct mt_record_root root;
		struct mt_record_caller caller;
		struct mt_record_block block;
		struct mt_record_edge edge;
		struct mt_record_contents contents;
		struct mt_record_error error;
	};
};

/*
 * To bytes and back, for writer and reader. Rows of one kind follow each other in a
 * group; a context carries what a row is written against and is zeroed where a group
 * begins.
 */
struct mt_cursor;
struct mt_output;

struct mt_record_context {
	bool is_begun;
	uint32_t id; /* of the row before, or the traceback that it is about */
	uint32_t module, frame, slot;
	uint64_t offset;
	struct mt_record_sample sample;
	struct mt_record_root root;
	struct mt_record_block block;
	struct mt_record_edge edge;
};

/* Many records of such a kind share a group; of the others each has its own. */
bool mt_record_is_packed(enum mt_record_kind kind);

/* Of chunks that hold records of this kind: enum mt_chunk_type; 0 for an unknown kind. */
uint16_t mt_record_chunk_type(uint64_t kind);

/* Bytes that suffice to encode rec. */
size_t mt_record_size_limit(const struct mt_record *rec);

void mt_record_encode(struct mt_output *out, struct mt_record_context *context,
		      const struct mt_record *rec);

/*
 * The record at the cursor, its kind set by the caller; its bytes stay in the cursor's
 * buffer. Where bytes are missing the cursor says so. Nothing is checked but that.
 */
void mt_record_decode(struct mt_cursor *in, struct mt_record_context *context,
		      struct mt_record *rec);

/* What is wrong with rec, whatever came before it; NULL: nothing. */
const char *mt_record_fault(const struct mt_record *rec);

/*
 * Whether something that rec refers to is missing in *defined (for a dictionary's record
 * also the id before its own). Then *needs is what ought to be defined.
 */
bool mt_record_lacks(const struct mt_record *rec, const struct mt_defined *defined,
		     struct mt_defined *needs);

/* Counts what rec defines in. */
void mt_record_define(const struct mt_record *rec, struct mt_defined *defined);

#endif
