/*
 * state.h - the layout of the shared state: all that the library inside a traced
 * process and the collector outside share in memory.
 *
 * The state is one memfd of fixed, sparse size, made of regions. The library is the only
 * writer; the collector reads it with pread, also when the process is gone, and trusts
 * nothing in it. A second, small memfd holds the control page (struct mt_control), which
 * both sides map and both write.
 *
 * All sizes are bytes. Ids start at 1 and 0 means "none". Native byte order: the state
 * never leaves the machine.
 */
#ifndef MT_FORMATS_STATE_H
#define MT_FORMATS_STATE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
	MT_STATE_MAGIC = 0x5354544d, /* "MTTS" */
	MT_STATE_VERSION = 5,

	/* What MEMTRACE_SELF_TEST leaks: a size that no program is likely to ask for. */
	MT_SELF_TEST_BYTES = 31337,

	MT_LABEL_BYTES = 128, /* a snapshot's label with its final NUL */
	MT_NAME_BYTES = 16,   /* a thread's name with its final NUL, as the kernel's */

	MT_SLACK_BITS =
		7, /* side word: traceback id << 7 | (class size - requested size) */
	MT_SLACK_MASK = (1 << MT_SLACK_BITS) - 1,
	MT_TRACEBACK_BITS = 25,
	MT_MAX_TRACEBACKS = 1 << MT_TRACEBACK_BITS, /* ids are below this */

	MT_COUNTERS_PER_CHUNK = 64,
	MT_MAX_CLASSES = 64, /* classic geometry; modern has 32 */
	MT_MAX_DEPTH = 65535,
	MT_MAX_NFRAME = 1024, /* frames kept per traceback when a trace is written */
};

typedef uint32_t mt_node_id; /* a frame in the tree of tracebacks */
typedef uint32_t
	mt_traceback_id; /* a node that owns blocks; dense, below MT_MAX_TRACEBACKS */

/* Part of the state memfd; size 0: absent. */
struct mt_region {
	uint64_t offset;
	uint64_t size;
};

enum mt_region_id {
	MT_REGION_HEADER,     /* struct mt_state_header */
	MT_REGION_THREADS,    /* struct mt_state_thread[], by slot */
	MT_REGION_MODULES,    /* struct mt_state_module[], by module id, entry 0 unused */
	MT_REGION_STRINGS,    /* NUL-terminated strings, by byte offset, byte 0 is NUL */
	MT_REGION_NODES,      /* struct mt_state_node[], by mt_node_id */
	MT_REGION_TRACEBACKS, /* mt_node_id[], by mt_traceback_id */
	MT_REGION_CHUNKS, /* struct mt_state_chunk[]: which thread and ids a chunk counts */
	MT_REGION_COUNTERS, /* struct mt_state_counter[MT_COUNTERS_PER_CHUNK] per chunk */
	MT_REGION_PEAKS,    /* struct mt_state_peak[MT_COUNTERS_PER_CHUNK] per chunk */
	MT_REGION_SIDE,     /* uint32_t side word per granule of the small-object heap */
	MT_REGION_POOLS,    /* struct mt_state_pool[], by pool of the small-object heap */
	MT_REGION_ARENAS,   /* uint8_t enum mt_arena_state, by arena of the heap */
	MT_REGION_BLOCKS, /* struct mt_state_block[]: blocks outside the small-object heap */
	MT_REGION_STARTS, /* struct mt_state_start[]: the last ones, a ring */
	MT_REGION_KEPT,   /* struct mt_state_kept: what changes, as it was before main */
	MT_REGION_COUNT
};

/*
 * The tree of tracebacks. A node is one frame; its parent is the frame that called it.
 * The reserved nodes below are roots: where a traceback begins.
 */
enum mt_root {
	MT_NODE_NONE = 0,
	MT_ROOT_COMPLETE =
		1, /* the outermost frame of a thread or of the program was reached */
	MT_ROOT_TRUNCATED =
		2,        /* the unwinder could not go on: no rule, or a broken stack */
	MT_ROOT_DEEP = 3, /* more than MT_MAX_DEPTH frames */
	MT_ROOT_INHERITED =
		4, /* no frames: blocks that a forked child got from its parent */
	MT_ROOT_NESTED = 5, /* no frames: reserved */
	MT_FIRST_NODE = 16, /* ids of real frames start here */
};

/* What kind of frame a node is. */
enum mt_frame_kind {
	MT_FRAME_NATIVE =
		0, /* pc is a return address (exact address if MT_NODE_EXACT_PC) */
	MT_FRAME_DOMAIN =
		1, /* child of a root: pc is a domain of memtrace_track, frames follow */
	MT_FRAME_PYTHON = 2, /* reserved for Python frames */
};

enum {
	MT_NODE_EXACT_PC =
		1 << 4, /* interrupted by a signal here: pc is no return address */
};

struct mt_state_node {
	uint64_t pc : 48;        /* address in the process */
	uint64_t module : 16;    /* mt_state_module id, 0: in none */
	mt_node_id parent;       /* 0 while being written */
	uint32_t traceback_kind; /* mt_traceback_id | kind and flags << 25 */
};
static_assert(sizeof(struct mt_state_node) == 16, "one frame costs 16 bytes");

enum {
	MT_NODE_KIND_SHIFT = MT_TRACEBACK_BITS, /* enum mt_frame_kind | flags, 7 bits */
};

/*
 * Counts of one traceback by one thread slot, written with plain stores by the slot's
 * owner only. 32-bit counts carry into the high halves in struct mt_state_peak.
 * live = alloc - free, summed over all threads (a single thread's may be negative).
 */
struct mt_state_counter {
	uint64_t alloc_bytes;
	uint64_t free_bytes;
	uint32_t alloc_count;
	uint32_t free_count;
	uint32_t epoch; /* peak epoch in which this record was last touched */
	uint32_t unused;
};
static_assert(sizeof(struct mt_state_counter) == 32, "two to a cache line");

/*
 * Live values that a counter had when epoch (of the counter) began, i.e. at the highest
 * total before it: see peak_epoch in the header.
 */
struct mt_state_peak {
	int64_t bytes;
	int32_t count;
	uint16_t alloc_count_high; /* carries of the 32-bit counts */
	uint16_t free_count_high;
};
static_assert(sizeof(struct mt_state_peak) == 16, "with the counter: 48 bytes");

/* Chunk c holds counters c * 64 ... c * 64 + 63 of slot for ids first ... first + 63. */
struct mt_state_chunk {
	uint32_t slot_plus_one; /* 0: not in use */
	mt_traceback_id first;
};

enum mt_thread_state {
	MT_THREAD_UNUSED = 0,
	MT_THREAD_LIVE = 1,
	MT_THREAD_ENDED = 2, /* its heap and counters wait for the next thread */
};

/* A slot owns a heap and a set of counters; threads come and go in it. */
struct mt_state_thread {
	_Atomic uint32_t state; /* enum mt_thread_state */
	uint32_t tid;           /* of the thread in it, or of the last one */
	uint32_t serial;        /* counts the threads of the process, from 1 */
	uint32_t reserved;
	char name[MT_NAME_BYTES]; /* empty: ask the kernel */
	/*
	 * Bytes allocated minus freed that are not yet in the header's live_bytes. With a
	 * single thread it is never flushed: the header's live_bytes is then its base.
	 */
	int64_t delta_bytes;
	uint64_t walks;  /* stacks that were not predicted */
	uint64_t walked; /* frames walked in them */
	/* The alternate stack for signals that the thread has named; 0 bytes: none. */
	uint64_t signal_stack, signal_stack_bytes;
	uint64_t padding[7];
};
static_assert(sizeof(struct mt_state_thread) == 128, "two cache lines, not shared");

enum mt_module_flag {
	MT_MODULE_MAIN = 1 << 0, /* the program itself */
	MT_MODULE_VDSO = 1 << 1, /* the kernel's; no file */
	MT_MODULE_UNLOADED = 1 << 2,
	MT_MODULE_MEMTRACE = 1 << 3, /* libmemtrace.so */
	MT_MODULE_LOADER = 1 << 4,   /* the dynamic loader */
};

/*
 * A loaded object. What is loaded again is a new module, unless it is the same file, by
 * build-id, at the same address.
 */
struct mt_state_module {
	uint64_t start; /* address range of its mapping */
	uint64_t end;
	uint64_t bias;          /* address in the process - address in the ELF file */
	uint32_t path;          /* in MT_REGION_STRINGS */
	_Atomic uint32_t flags; /* enum mt_module_flag; */
	uint32_t build_id_bytes;
	uint8_t build_id[32];
	uint32_t ready; /* 1 when all the above is written */
	uint64_t padding;
};
static_assert(sizeof(struct mt_state_module) == 80, "");

enum mt_pool_state {
	MT_POOL_NONE = 0,  /* never carved, or its arena went back */
	MT_POOL_EMPTY = 1, /* carved, no block used */
	MT_POOL_USED = 2,
	MT_POOL_FULL = 3,
};

struct mt_state_pool {
	uint8_t state; /* enum mt_pool_state */
	uint8_t class_index;
	uint16_t inherited; /* used blocks that came from the parent of a fork */
	uint32_t slot;      /* thread slot whose heap holds it */
};
static_assert(sizeof(struct mt_state_pool) == 8, "");

enum mt_arena_state {
	MT_ARENA_NONE = 0,
	MT_ARENA_USED = 1,
};

/*
 * A block outside the small-object heap: large, or from the C library in malloc mode, or
 * registered with memtrace_track. traceback 0: entry not in use.
 */
struct mt_state_block {
	uint64_t address;
	uint64_t size; /* requested */
	mt_traceback_id traceback;
	uint32_t slot : 24; /* thread slot that allocated it */
	uint32_t kind : 8;  /* enum mt_block_kind */
};
static_assert(sizeof(struct mt_state_block) == 24, "");

enum mt_block_kind {
	MT_BLOCK_LARGE = 0,
	MT_BLOCK_LIBC = 1,    /* malloc mode: any size */
	MT_BLOCK_TRACKED = 2, /* memtrace_track; its domain is in the traceback's root */
	MT_BLOCK_GUARDED = 3, /* any size, up against an inaccessible page */

	/* With any of them: freed, but waiting in the quarantine of MT_CHECK_DEBUG. */
	MT_BLOCK_WAITING = 1 << 7,
};

/*
 * A program that this process, or a child that has no state, is about to execute. Whether
 * it was recorded shows in its greeting: none came from a program that is static, has
 * other rights, or was started without our environment.
 */
struct mt_state_start {
	_Atomic uint32_t pid;        /* in the process's own numbering; 0: it failed */
	uint32_t has_no_environment; /* 1: without LD_PRELOAD */
	char path[248];              /* as given; cut if it is longer */
};
static_assert(sizeof(struct mt_state_start) == 256, "");

enum mt_malloc_mode {
	MT_MALLOC_PYMALLOC = 0,
	MT_MALLOC_LIBC = 1, /* "malloc": every request to the C library */
};

/* What is done so that errors of the program are found. */
enum mt_check_mode {
	MT_CHECK_NONE = 0,
	MT_CHECK_DEBUG = 1, /* patterns around the blocks, and in freed ones */
	MT_CHECK_GUARD = 2, /* inaccessible pages */
};

enum {
	/* With MT_CHECK_DEBUG: what the program has begins so far into a recorded block. */
	MT_DEBUG_LEAD_BYTES = 16,
	/*
	 * The side word that many granules after a small block's own, which has none any
	 * more, says that it was freed and waits in the quarantine: by its traceback, 0
	 * where that is of before a fork, and a slack that means nothing but that it is there.
	 */
	MT_DEBUG_WAITING_GRANULE = 1,
};

enum mt_geometry_kind {
	MT_GEOMETRY_MODERN = 0,
	MT_GEOMETRY_CLASSIC = 1,
};

/* Geometry as spec'd by CPython: classes are multiples of alignment up to threshold. */
struct mt_geometry {
	uint32_t alignment;         /* = granule: 16 or 8 */
	uint32_t pool_bytes;        /* 16384 or 4096 */
	uint32_t arena_bytes;       /* 1 MiB or 256 KiB */
	uint32_t threshold;         /* 512 */
	uint32_t pool_header_bytes; /* 48 */
	uint32_t class_count;       /* 32 or 64 */
};

/*
 * The parts of the state that change, as they were when main was entered, so that the
 * collector can take the snapshot `start` at its leisure. Where they are too many, the
 * program waits for it instead.
 */
enum {
	MT_KEPT_EXTENTS = 120,
	MT_KEPT_BYTES = 64 << 10, /* of the region, at most */
};

struct mt_state_extent {
	uint64_t offset; /* in the memfd */
	uint32_t size;
	uint32_t stored; /* bytes kept; those after them are zero */
};

struct mt_state_kept {
	_Atomic uint32_t ready; /* 1 when all below is written */
	uint32_t extents;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	struct mt_state_extent extent[MT_KEPT_EXTENTS];
	unsigned char bytes[]; /* what they keep, one after the other */
};
static_assert(sizeof(struct mt_state_extent) == 16, "");

/* Everything that was not recorded as it should has a counter. */
enum mt_loss {
	MT_LOSS_NESTED,          /* events inside events: a signal handler in malloc */
	MT_LOSS_TRACEBACKS_FULL, /* blocks without traceback: out of ids */
	MT_LOSS_NODES_FULL,
	MT_LOSS_COUNTERS_FULL, /* events not counted: out of counter chunks */
	MT_LOSS_THREADS_FULL, /* events of threads without a slot, or without memory for one */
	MT_LOSS_MODULES_FULL,
	MT_LOSS_BLOCKS_FULL,       /* large blocks without an entry */
	MT_LOSS_HEAP_FULL,         /* small requests that went to the C library */
	MT_LOSS_EARLY,             /* served before the recorder was ready */
	MT_LOSS_CHILD_NO_HANDOVER, /* forked children that could not reach the collector */
	MT_LOSS_CHILD_NO_ENVIRONMENT, /* programs started without our environment */
	MT_LOSS_SNAPSHOT,             /* snapshots asked for and not taken in time */
	MT_LOSS_GUARD_BUDGET,   /* blocks not guarded: more than the budget allows */
	MT_LOSS_GUARD_MAPPINGS, /* not guarded: more mappings than the kernel allows */
	MT_LOSS_COUNT
};

/* How the objects of a Python interpreter are served. */
enum mt_python {
	MT_PYTHON_NONE = 0, /* no interpreter seen at start */
	MT_PYTHON_OURS = 1, /* its mem and obj domains come to us */
	MT_PYTHON_OWN = 2,  /* its own pymalloc: by option or PYTHONMALLOC */
};

/*
 * Memory that the program took by sbrk and brk for itself, in order of time, beside what
 * the C library's allocator takes there. In the process's own memory.
 */
enum {
	MT_BREAKS = 256,
};

struct mt_state_breaks {
	_Atomic uint32_t count;
	uint32_t reserved;
	struct {
		_Atomic uint64_t start, end; /* equal: given back */
	} list[MT_BREAKS];
};

struct mt_state_header {
	uint32_t magic;
	uint32_t version;
	uint32_t
		ready; /* 1 when the constructor is done; earlier the state is still valid */
	uint32_t pid;
	uint32_t parent_pid;  /* of a fork; 0 otherwise */
	uint32_t malloc_mode; /* enum mt_malloc_mode */
	uint32_t geometry_kind;
	uint32_t python; /* enum mt_python */
	struct mt_geometry geometry;
	uint32_t heap_pools_reserved;
	uint32_t nframe;         /* frames kept per traceback when the trace is written */
	uint32_t has_own_malloc; /* 1: the program defines one, which comes before ours */
	uint32_t check_mode;     /* enum mt_check_mode */
	uint32_t wants_scan;     /* 1: at its end, for leaks */
	uint64_t start_realtime_ns;  /* CLOCK_REALTIME when the state was made */
	uint64_t start_monotonic_ns; /* CLOCK_MONOTONIC then; time_ns counts from here */
	uint64_t heap_base;          /* address of the small-object heap */
	uint64_t heap_bytes;         /* reserved */
	uint64_t guard_base; /* of the range of guarded blocks; bytes 0: there is none */
	uint64_t guard_bytes;
	uint64_t breaks;         /* address of a struct mt_state_breaks in the process */
	uint8_t parent_uuid[16]; /* of the state this one was forked from, else zero */
	uint8_t uuid[16];
	/* What could be asked of the kernel while the process lives. */
	uint32_t creator_pid; /* of the process that forked it, as it sees it */
	char name[MT_NAME_BYTES];
	uint32_t directory; /* in MT_REGION_STRINGS; 0: not known */
	uint32_t arguments; /* there, too: each with its NUL */
	uint32_t arguments_bytes;
	struct mt_region regions[MT_REGION_COUNT];

	/* Written while the program runs; each line has one purpose. */
	_Alignas(64) struct {
		/*
		 * Live requested bytes without the threads' deltas, the highest total seen, and
		 * the epoch: it grows by one at the first free after a new highest total. A
		 * counter whose epoch is older still has the values of the peak before it;
		 * one whose epoch is current has them in its mt_state_peak. at_peak: no free
		 * has come since the highest total, so that the live values are the peak's.
		 */
		_Atomic int64_t live_bytes;
		_Atomic int64_t peak_bytes;
		_Atomic uint32_t peak_epoch;
		_Atomic uint32_t at_peak;
		_Atomic uint32_t tracing; /* 0: stopped by memtrace_stop */
		_Atomic uint32_t
			threads_ever; /* more than one: totals are flushed in steps */
		/* With threads: how far the peak's total may be off. */
		_Atomic uint64_t peak_bound_bytes;
	} totals;

	_Alignas(64) struct {
		_Atomic uint32_t
			nodes; /* ids handed out so far; a node may be unfinished */
		_Atomic uint32_t tracebacks;
		_Atomic uint32_t chunks;
		_Atomic uint32_t modules;
		_Atomic uint32_t strings_bytes;
		_Atomic uint32_t slots;  /* thread slots ever used */
		_Atomic uint32_t blocks; /* entries ever used */
		_Atomic uint32_t pools;  /* highest pool index ever carved + 1 */
		_Atomic uint32_t arenas; /* highest arena index ever used + 1 */
		_Atomic uint32_t
			generation;      /* of the modules: grows with every dlclose */
		_Atomic uint32_t starts; /* ever */
	} used;

	_Alignas(64) struct {
		_Atomic uint64_t allocated_total;
		_Atomic uint64_t reclaimed;
		_Atomic uint64_t highwater;
		_Atomic uint64_t current;
		_Atomic uint64_t
			inherited_bytes; /* block bytes still live from before the fork */
		_Atomic uint64_t inherited_count;
		_Atomic uint64_t inherited_total_bytes; /* at the fork */
		_Atomic uint64_t inherited_total_count;
	} arenas;

	_Alignas(64) _Atomic uint64_t losses[MT_LOSS_COUNT];
	_Atomic uint64_t guarded_blocks; /* so far, with --malloc guard */
};

/*
 * The control page and its text. Both sides map it; the collector checks F_SEAL_SHRINK first.
 * A request: the library takes the lock, fills kind and label, raises request, wakes the
 * futex; the collector does the work, sets result, sets done = request, wakes it.
 */
enum mt_request_kind {
	MT_REQUEST_NONE = 0,
	MT_REQUEST_SNAPSHOT_START = 1,
	MT_REQUEST_SNAPSHOT_LABEL = 2, /* label holds the name */
	MT_REQUEST_LAYERS = 3,         /* ask the kernel: the process is about to end */
	MT_REQUEST_ERROR = 4,          /* error and text: names for its tracebacks */
	MT_REQUEST_LEAKS = 5,          /* a scan; result: how many blocks are leaked */
	MT_REQUEST_LEAKS_AT_END = 6,   /* the same of a process that is about to end */
};

enum {
	MT_CONTROL_REGISTERS = 17, /* in DWARF's numbering; the last is the pc */
};

/* What a snapshot is to have besides. */
enum mt_snapshot_wish {
	MT_SNAPSHOT_WITH_LEAKS = 1 << 0,    /* a scan of the heap */
	MT_SNAPSHOT_WITH_HASHES = 1 << 1,   /* of the blocks' contents, with it: --dup */
	MT_SNAPSHOT_WITH_CONTENTS = 1 << 2, /* how these begin: --contents */
};

/* Where the thread is that asks for a scan, and waits. */
struct mt_control_thread {
	uint32_t tid;
	uint32_t wishes; /* enum mt_snapshot_wish */
	uint64_t thread_pointer;
	uint64_t registers[MT_CONTROL_REGISTERS]; /* those that a call keeps; else 0 */
};

/* What the program did wrong with its memory. */
enum mt_error_kind {
	MT_ERROR_NONE = 0,
	MT_ERROR_DOUBLE_FREE = 1,        /* the block is free already */
	MT_ERROR_INTERIOR_FREE = 2,      /* a pointer into a block, not to its start */
	MT_ERROR_WILD_FREE = 3,          /* a pointer to no block of the heap */
	MT_ERROR_OTHER_FAMILY = 4,       /* malloc and delete, new and delete[] */
	MT_ERROR_OTHER_SIZE = 5,         /* a sized delete with another size */
	MT_ERROR_WRITE_BEFORE = 6,       /* something wrote before the block */
	MT_ERROR_WRITE_BEYOND = 7,       /* something wrote beyond its end */
	MT_ERROR_WRITE_AFTER_FREE = 8,   /* something wrote into it after its free */
	MT_ERROR_ACCESS_OUTSIDE = 9,     /* this very access is beside a block */
	MT_ERROR_ACCESS_AFTER_FREE = 10, /* this very access is to a freed one */
	MT_ERROR_EXECUTE = 11, /* a jump into a live block, which holds no code */
	MT_ERROR_REALLOC_AFTER_FREE = 12, /* a realloc of a block that is free already */
	MT_ERROR_KIND_COUNT
};

enum {
	MT_ERROR_CALL_BYTES = 40, /* the name of a function with its final NUL */
	MT_ERROR_TEXT_BYTES = 61440,
	MT_CONTROL_BYTES = 65536,
};

struct mt_state_error {
	uint32_t kind; /* enum mt_error_kind */
	uint32_t tid;
	uint64_t address;     /* what was passed, or the first byte that is wrong */
	uint64_t block;       /* as the program knows it; 0: none is known */
	uint64_t block_bytes; /* requested */
	uint64_t serial;      /* of the request; 0: not numbered */
	mt_traceback_id allocated, freed, here; /* 0: none */
	uint8_t allocated_by, called_by; /* ids of APIs, printable; 0: does not matter */
	char call[MT_ERROR_CALL_BYTES];  /* the function that found it */
};

/* What became of the hand-over. */
enum mt_hello {
	MT_HELLO_SENT = 0,    /* not yet received */
	MT_HELLO_TAKEN = 1,   /* there is a trace */
	MT_HELLO_NO_FILE = 2, /* taken over, but the trace cannot be written */
};

/*
 * How a process is stopped that ptrace cannot stop: the collector makes `round` odd and
 * sends the signal to every thread; each puts a note on the list and waits until the round
 * is another. The thread named in `copier` forks a copy of the process, which lives as long
 * as `copy` has its pid.
 */
struct mt_control_halt {
	uint32_t signal;          /* that was taken for it; 0: none */
	_Atomic uint32_t round;   /* futex; odd: threads are to wait */
	_Atomic uint32_t waiting; /* how many do, in this round */
	_Atomic uint32_t copier;  /* futex, as round: a thread's id; 0: none yet */
	_Atomic int32_t copy;     /* pid; -1: it could not be made */
	_Atomic uint64_t notes; /* address of the first struct mt_control_note; 0: none */
};

/* On the stack of a thread that waits. */
struct mt_control_note {
	uint64_t next; /* address; 0: the last */
	uint32_t tid;
	uint32_t round;
	uint64_t thread_pointer;
	uint64_t registers[MT_CONTROL_REGISTERS]; /* in DWARF's numbering */
};

struct mt_control {
	_Atomic uint32_t request;         /* futex for the collector */
	_Atomic uint32_t done;            /* futex for the library */
	_Atomic uint32_t lock;            /* one requesting thread at a time */
	uint32_t kind;                    /* enum mt_request_kind */
	int32_t result;                   /* 0, or -1; LEAKS: a number, or -1 */
	_Atomic uint32_t collector_gone;  /* set by the library when it gave up waiting */
	_Atomic uint64_t coarse_clock_ns; /* CLOCK_MONOTONIC, written by the collector */
	/* Set by the collector: blocks are to be checked at the next event. */
	_Atomic uint32_t check_wanted;
	_Atomic int32_t
		hello; /* the collector's answer: enum mt_hello or an enum mt_code */
	char label[MT_LABEL_BYTES];
	struct mt_state_error error;
	struct mt_control_thread asking; /* LEAKS */
	struct mt_control_halt halt;
	/*
	 * ERROR: what the library says of the block, and then the collector's answer: the
	 * tracebacks in words. NUL-terminated.
	 */
	_Alignas(4096) char text[MT_ERROR_TEXT_BYTES];
};
static_assert(sizeof(struct mt_control) == MT_CONTROL_BYTES, "mapped by both sides");

#endif
