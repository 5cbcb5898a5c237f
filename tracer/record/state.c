/*
 * state.c - make the shared state, map it, begin it again in a forked child.
 * Inside the traced process: may run at the very first allocation, so it makes system
 * calls only and needs no lock; nobody else runs then.
 */
#include "tracer/record/state.h"

#include "tracer/record/pages.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum {
	PAGE = 4096,
	MAX_STEP = 24, /* halvings of everything until only the heap's end is left */
	/* Out of the way of what constructors open, and below the first growth of a
	 * process's descriptor table. */
	FIRST_FD = 40,
	/* Strict overcommit: what is backed with memory at once, at start. */
	STRICT_STATE_BYTES = 24 << 20,
	/* Programs under `ulimit -v` keep at least this part of it: 1 - 1/4. */
	LIMIT_SHARE = 4,
	SPARE_ENTRIES = 4096, /* left in each table by mt_state_shrink */
};

static const uint64_t full_heap_bytes = UINT64_C(64) << 30;

/* A plan of the state: how large each table is and where the regions lie. */
struct layout {
	uint64_t heap_bytes;
	uint32_t threads, modules, nodes, tracebacks, chunks, blocks, pools, arenas,
		strings_bytes, starts, kept_bytes;
	struct mt_region regions[MT_REGION_COUNT];
	uint64_t bytes;
};

static struct mt_state_header nowhere; /* when no state could be had */
static struct mt_control nowhere_control MT_PAGES_COLD;

struct mt_state mt_state = {.header = &nowhere, .control = &nowhere_control};

static struct {
	struct mt_state_options options;
	struct mt_geometry geometry;
	struct layout layout;
	unsigned char *base; /* of the state's mapping; NULL: there is none */
	/* Of each region, how much is still mapped after mt_state_shrink. */
	uint64_t kept[MT_REGION_COUNT];
	bool is_shrunk;
	int state_fd, control_fd; /* -1: closed */
	int memfd_error;          /* errno of the last that could not be made */
	uint8_t uuid[16];
	uint32_t pid;
} own = {.state_fd = -1, .control_fd = -1};

static const struct mt_geometry geometries[] = {
	[MT_GEOMETRY_MODERN] = {.alignment = 16,
				.pool_bytes = 16 << 10,
				.arena_bytes = 1 << 20,
				.threshold = 512,
				.pool_header_bytes = 48,
				.class_count = 32},
	[MT_GEOMETRY_CLASSIC] = {.alignment = 8,
				 .pool_bytes = 4 << 10,
				 .arena_bytes = 256 << 10,
				 .threshold = 512,
				 .pool_header_bytes = 48,
				 .class_count = 64},
};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static uint32_t halved(uint64_t full, int step, uint64_t least)
{
	uint64_t value = full >> step;
	return (uint32_t)(value > least ? value : least);
}

static void place(struct layout *layout, enum mt_region_id id, uint64_t bytes)
{
	layout->regions[id] = (struct mt_region){.offset = layout->bytes, .size = bytes};
	layout->bytes += round_up(bytes, PAGE);
}

/* Everything halved `step` times; the tables keep a useful least size. */
static void plan(struct layout *layout, int step)
{
	const struct mt_geometry *geometry = &own.geometry;
	uint64_t heap = full_heap_bytes >> step;
	if (heap < geometry->arena_bytes || own.options.malloc_mode == MT_MALLOC_LIBC)
		heap = 0;
	*layout = (struct layout){
		.heap_bytes = heap,
		.threads = halved(1 << 16, step, 64),
		.modules = halved(65535, step, 1024),
		.nodes = halved(1 << 26, step, 1 << 14),
		.tracebacks = halved(MT_MAX_TRACEBACKS, step, 1 << 12),
		.chunks = halved(1 << 20, step, 64),
		.blocks = halved(1 << 26, step, 1 << 12),
		.starts = halved(1 << 10, step, 64),
		.strings_bytes = halved(64 << 20, step, 64 << 10),
		.kept_bytes = halved(MT_KEPT_BYTES, step, PAGE),
		.pools = (uint32_t)(heap / geometry->pool_bytes),
		.arenas = (uint32_t)(heap / geometry->arena_bytes),
	};
	/* What a brief process touches comes first: it shares the tables of pages. */
	place(layout, MT_REGION_HEADER, sizeof(struct mt_state_header));
	place(layout, MT_REGION_KEPT, layout->kept_bytes);
	place(layout, MT_REGION_STARTS, layout->starts * sizeof(struct mt_state_start));
	place(layout, MT_REGION_MODULES,
	      layout->modules * sizeof(struct mt_state_module));
	place(layout, MT_REGION_THREADS,
	      layout->threads * sizeof(struct mt_state_thread));
	place(layout, MT_REGION_ARENAS, layout->arenas);
	place(layout, MT_REGION_CHUNKS, layout->chunks * sizeof(struct mt_state_chunk));
	place(layout, MT_REGION_POOLS, layout->pools * sizeof(struct mt_state_pool));
	place(layout, MT_REGION_STRINGS, layout->strings_bytes);
	place(layout, MT_REGION_TRACEBACKS, layout->tracebacks * sizeof(mt_node_id));
	place(layout, MT_REGION_NODES, layout->nodes * sizeof(struct mt_state_node));
	uint64_t counters = (uint64_t)layout->chunks * MT_COUNTERS_PER_CHUNK;
	place(layout, MT_REGION_COUNTERS, counters * sizeof(struct mt_state_counter));
	place(layout, MT_REGION_PEAKS, counters * sizeof(struct mt_state_peak));
	place(layout, MT_REGION_BLOCKS, layout->blocks * sizeof(struct mt_state_block));
	place(layout, MT_REGION_SIDE, heap / geometry->alignment * sizeof(uint32_t));
}

/* Up to size - 1 bytes of a small file, with a final NUL; false: not readable. */
static bool read_file(const char *path, char *buffer, size_t size)
{
	long fd = mt_syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0,
			      0, 0);
	if (fd < 0)
		return false;
	long got = mt_syscall3(SYS_read, fd, (long)buffer, (long)size - 1);
	mt_syscall3(SYS_close, fd, 0, 0);
	buffer[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static bool is_overcommit_strict(void)
{
	char text[8];
	return read_file("/proc/sys/vm/overcommit_memory", text, sizeof text) &&
	       text[0] == '2';
}

static uint64_t limit_of(int resource)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
	mt_syscall6(SYS_prlimit64, 0, resource, 0, (long)&limit, 0, 0);
	return limit.rlim_cur;
}

static uint64_t mapped_bytes(void)
{
	char text[64];
	uint64_t pages = 0;
	if (read_file("/proc/self/statm", text, sizeof text))
		for (const char *p = text; *p >= '0' && *p <= '9'; p++)
			pages = pages * 10 + (uint64_t)(*p - '0');
	return pages * PAGE;
}

/* How much address space may be taken, of what `ulimit -v` leaves. */
static uint64_t space_budget(uint64_t limit)
{
	if (limit == RLIM_INFINITY)
		return UINT64_MAX;
	uint64_t mapped = mapped_bytes();
	return mapped < limit ? (limit - mapped) / LIMIT_SHARE : 0;
}

/* fd, but not 0-2, which may be closed and must stay so; closes the one given. */
static int fd_out_of_the_way(int fd)
{
	if (fd < 0)
		return -1;
	long moved = mt_syscall6(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_FD, 0, 0, 0);
	if (moved < 0)
		moved = mt_syscall6(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3, 0, 0, 0);
	mt_syscall3(SYS_close, fd, 0, 0);
	return moved < 0 ? -1 : (int)moved;
}

static int make_memfd(const char *name, uint64_t bytes, bool is_backed, int seals)
{
	long made = mt_syscall3(SYS_memfd_create, (long)name,
				MFD_CLOEXEC | MFD_ALLOW_SEALING, 0);
	int fd = fd_out_of_the_way((int)made);
	if (fd < 0) {
		own.memfd_error = made < 0 ? (int)-made : EMFILE;
		return -1;
	}
	bool sized = mt_syscall3(SYS_ftruncate, fd, (long)bytes, 0) == 0;
	if (sized && is_backed)
		sized = mt_syscall6(SYS_fallocate, fd, 0, 0, (long)bytes, 0, 0) == 0;
	if (sized)
		sized = mt_syscall3(SYS_fcntl, fd, F_ADD_SEALS, seals) == 0;
	if (sized)
		return fd;
	mt_syscall3(SYS_close, fd, 0, 0);
	return -1;
}

void mt_state_close_fds(void)
{
	if (own.state_fd >= 0)
		mt_syscall3(SYS_close, own.state_fd, 0, 0);
	if (own.control_fd >= 0)
		mt_syscall3(SYS_close, own.control_fd, 0, 0);
	own.state_fd = own.control_fd = -1;
}

/*
 * The limit on file sizes holds for memfds too, and would raise SIGXFSZ: it is asked
 * before, so that no signal is ever at stake.
 */
static bool make_memfds(uint64_t bytes, bool is_backed)
{
	if (bytes > limit_of(RLIMIT_FSIZE))
		return false;
	/*
	 * The collector maps the control page only if nobody can take it away again. It
	 * seals the state against writing itself: that fails while anybody maps it.
	 */
	int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	own.state_fd = make_memfd("memtrace-state", bytes, is_backed, seals);
	own.control_fd = make_memfd("memtrace-control", MT_CONTROL_BYTES, is_backed,
				    seals | F_SEAL_SEAL);
	if (own.state_fd >= 0 && own.control_fd >= 0)
		return true;
	mt_state_close_fds();
	return false;
}

/*
 * fd -1: memory that nobody else sees. Shared, because a limit of data counts all that is
 * private and writable; a forked child never writes to what its parent had.
 */
static bool map_at(unsigned char *address, uint64_t bytes, int fd, uint64_t offset)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS | MAP_NORESERVE : 0);
	long at =
		mt_syscall6(SYS_mmap, (long)address, (long)bytes, PROT_READ | PROT_WRITE,
			    flags | MAP_FIXED, fd, (long)offset);
	if (!mt_syscall_is_address(at))
		return false;
	/* Cores hold the program's memory, not ours. */
	mt_syscall3(SYS_madvise, at, (long)bytes, MADV_DONTDUMP);
	return true;
}

/* The state and the control page at own.base, but for what was given up. */
static bool map_all(int state_fd, int control_fd)
{
	const struct layout *layout = &own.layout;
	bool mapped = map_at(own.base + layout->bytes, MT_CONTROL_BYTES, control_fd, 0);
	if (!own.is_shrunk)
		return mapped && map_at(own.base, layout->bytes, state_fd, 0);
	for (int i = 0; mapped && i < MT_REGION_COUNT; i++) {
		uint64_t offset = layout->regions[i].offset;
		if (own.kept[i])
			mapped = map_at(own.base + offset, own.kept[i], state_fd, offset);
	}
	return mapped;
}

static void unmap(void *address, uint64_t bytes)
{
	if (bytes)
		mt_syscall3(SYS_munmap, (long)address, (long)bytes, 0);
}

/* Heap, state and control page in one reserved piece; the heap may have huge pages. */
static bool reserve(const struct layout *layout)
{
	uint64_t align = MT_PAGES_HUGE_BYTES;
	uint64_t bytes = layout->heap_bytes + layout->bytes + MT_CONTROL_BYTES;
	long at = mt_syscall6(SYS_mmap, 0, (long)(bytes + align), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!mt_syscall_is_address(at))
		return false;
	unsigned char *start = (unsigned char *)at;
	unsigned char *heap = (unsigned char *)round_up((uint64_t)at, align);
	unmap(start, (uint64_t)(heap - start));
	unmap(heap + bytes, align - (uint64_t)(heap - start));
	mt_state.heap = layout->heap_bytes ? heap : NULL;
	own.base = heap + layout->heap_bytes;
	if (map_all(own.state_fd, own.control_fd))
		return true;
	unmap(heap, bytes);
	own.base = NULL;
	return false;
}

static bool try_layout(struct layout *layout, bool is_strict)
{
	if (!make_memfds(layout->bytes, is_strict))
		return false;
	if (reserve(layout))
		return true;
	mt_state_close_fds();
	return false;
}

static void *region(enum mt_region_id id)
{
	return own.base + own.layout.regions[id].offset;
}

static void publish_pointers(void)
{
	const struct layout *layout = &own.layout;
	mt_state.header = region(MT_REGION_HEADER);
	mt_state.control = (struct mt_control *)(own.base + layout->bytes);
	mt_state.threads = region(MT_REGION_THREADS);
	mt_state.modules = region(MT_REGION_MODULES);
	mt_state.strings = region(MT_REGION_STRINGS);
	mt_state.nodes = region(MT_REGION_NODES);
	mt_state.tracebacks = region(MT_REGION_TRACEBACKS);
	mt_state.chunks = region(MT_REGION_CHUNKS);
	mt_state.counters = region(MT_REGION_COUNTERS);
	mt_state.peaks = region(MT_REGION_PEAKS);
	mt_state.side = region(MT_REGION_SIDE);
	mt_state.pools = region(MT_REGION_POOLS);
	mt_state.arenas = region(MT_REGION_ARENAS);
	mt_state.blocks = region(MT_REGION_BLOCKS);
	mt_state.starts = region(MT_REGION_STARTS);
	mt_state.kept = region(MT_REGION_KEPT);
	mt_state.max_threads = layout->threads;
	mt_state.max_modules = layout->modules;
	mt_state.max_nodes = layout->nodes;
	mt_state.max_tracebacks = layout->tracebacks;
	mt_state.max_chunks = layout->chunks;
	mt_state.max_blocks = layout->blocks;
	mt_state.max_pools = layout->pools;
	mt_state.max_arenas = layout->arenas;
	mt_state.max_strings_bytes = layout->strings_bytes;
	mt_state.max_starts = layout->starts;
	mt_state.heap_bytes = layout->heap_bytes;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = {0};
	mt_syscall3(SYS_clock_gettime, clock, (long)&now, 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Random; where the kernel has no randomness yet, at least nobody else's. */
static void make_uuid(uint8_t uuid[16])
{
	if (mt_syscall3(SYS_getrandom, (long)uuid, 16, 1 /* GRND_NONBLOCK */) == 16)
		return;
	uint64_t parts[2] = {clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_MONOTONIC)};
	parts[1] = parts[1] << 22 ^ (uint64_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	for (int i = 0; i < 16; i++)
		uuid[i] = (uint8_t)(parts[i / 8] >> (i % 8 * 8));
}

/* Of every region that a brief process writes to, the first page. */
static void make_present(void)
{
	static const uint8_t regions[] = {MT_REGION_HEADER, MT_REGION_MODULES,
					  MT_REGION_THREADS, MT_REGION_STRINGS};
	for (unsigned i = 0; i < sizeof regions; i++)
		mt_pages_populate(region(regions[i]), PAGE);
	/* Its list and the beginning of what is kept. */
	mt_pages_populate(mt_state.kept, sizeof *mt_state.kept + 1);
	mt_pages_populate(mt_state.control, PAGE);
}

/* The header of an empty state. The reserved entries of the tables count as used. */
static void fill_header(void)
{
	struct mt_state_header *header = mt_state.header;
	header->version = MT_STATE_VERSION;
	header->pid = own.pid;
	header->malloc_mode = own.options.malloc_mode;
	header->check_mode = own.options.check_mode;
	header->geometry_kind = own.options.geometry;
	header->geometry = own.geometry;
	header->heap_pools_reserved = own.layout.pools;
	header->nframe = own.options.nframe;
	header->wants_scan = own.options.wants_scan;
	header->start_realtime_ns = clock_ns(CLOCK_REALTIME);
	header->start_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	header->heap_base = (uint64_t)mt_state.heap;
	header->heap_bytes = own.layout.heap_bytes;
	for (int i = 0; i < MT_REGION_COUNT; i++)
		header->regions[i] = own.layout.regions[i];
	for (int i = 0; i < 16; i++)
		header->uuid[i] = own.uuid[i];
	header->totals.tracing = 1;
	header->totals.peak_epoch = 1;
	header->used.nodes = MT_FIRST_NODE;
	header->used.tracebacks = 1;
	header->used.chunks = 1;
	header->used.modules = 1;
	header->used.strings_bytes = 1;
	header->used.blocks = 1;
	header->magic = MT_STATE_MAGIC;
}

bool mt_state_open(const struct mt_state_options *options)
{
	own.options = *options;
	own.geometry = geometries[options->geometry];
	own.pid = (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	bool is_strict = is_overcommit_strict();
	uint64_t budget = space_budget(limit_of(RLIMIT_AS));
	for (int step = 0; step <= MAX_STEP; step++) {
		struct layout *layout = &own.layout;
		plan(layout, step);
		if (layout->heap_bytes + layout->bytes > budget)
			continue;
		if (is_strict && layout->bytes > STRICT_STATE_BYTES)
			continue;
		if (!try_layout(layout, is_strict))
			continue;
		publish_pointers();
		make_present();
		make_uuid(own.uuid);
		fill_header();
		return true;
	}
	return false;
}

const char *mt_state_missing(void)
{
	switch (own.memfd_error) {
	case 0:
	case ENOMEM:
		return "not recorded: no room for the recorder's state (address space "
		       "or file size limit)";
	case EMFILE:
	case ENFILE:
		return "not recorded: no file descriptor for the recorder's state "
		       "(limit of open files)";
	default:
		return "not recorded: memfd_create is refused, which the recorder's "
		       "state needs";
	}
}

void mt_state_detach(void)
{
	if (!own.base)
		return;
	mt_state_close_fds();
	map_all(-1, -1);
	/* In a forked child: it is not who was handed over. */
	own.pid = (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	fill_header();
	mt_state.header->totals.tracing = 0;
}

bool mt_state_reopen_after_fork(void)
{
	if (!own.base)
		return false;
	uint8_t parent_uuid[16];
	for (int i = 0; i < 16; i++)
		parent_uuid[i] = own.uuid[i];
	uint32_t parent_pid = own.pid;
	uint32_t python = mt_state.header->python;
	mt_state_close_fds(); /* forked between open and hand-over: they are the parent's */
	own.pid = (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0);
	make_uuid(own.uuid);
	bool is_strict = is_overcommit_strict();
	bool is_fresh = make_memfds(own.layout.bytes, is_strict) &&
			map_all(own.state_fd, own.control_fd);
	if (!is_fresh) {
		mt_state_detach();
		return false;
	}
	fill_header();
	mt_state.header->python = python;
	mt_state.header->parent_pid = parent_pid;
	for (int i = 0; i < 16; i++)
		mt_state.header->parent_uuid[i] = parent_uuid[i];
	return true;
}

bool mt_state_fds(int fds[2])
{
	fds[0] = own.state_fd;
	fds[1] = own.control_fd;
	return fds[0] >= 0;
}

/* Keep entries (a multiple of whole pages of them) of a table; returns how many. */
static uint32_t keep(enum mt_region_id id, uint64_t entries, uint64_t entry_bytes)
{
	uint64_t size = own.kept[id];
	uint64_t kept = round_up(entries * entry_bytes, PAGE);
	if (kept < size) {
		unmap((unsigned char *)region(id) + kept, size - kept);
		own.kept[id] = kept;
	}
	return (uint32_t)((kept < size ? kept : size) / entry_bytes);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void shrink_heap(const struct layout *plan)
{
	const struct mt_geometry *geometry = &own.geometry;
	uint64_t arenas = larger(plan->arenas, mt_state.header->used.arenas);
	if (arenas >= mt_state.max_arenas)
		return;
	uint64_t bytes = arenas * geometry->arena_bytes;
	uint64_t given_up = mt_state.heap_bytes - bytes;
	mt_state.max_arenas = (uint32_t)arenas;
	mt_state.max_pools = (uint32_t)(bytes / geometry->pool_bytes);
	mt_state.heap_bytes = bytes;
	unmap(mt_state.heap + bytes, given_up);
	keep(MT_REGION_SIDE, bytes / geometry->alignment, sizeof(uint32_t));
	keep(MT_REGION_POOLS, mt_state.max_pools, sizeof(struct mt_state_pool));
}

static void shrink_tables(const struct layout *plan)
{
	const struct mt_state_header *header = mt_state.header;
	uint64_t nodes = larger(plan->nodes, header->used.nodes + SPARE_ENTRIES);
	uint64_t tracebacks =
		larger(plan->tracebacks, header->used.tracebacks + SPARE_ENTRIES);
	uint64_t blocks = larger(plan->blocks, header->used.blocks + SPARE_ENTRIES);
	uint64_t chunks = larger(plan->chunks, header->used.chunks + SPARE_ENTRIES);
	uint64_t counters = MT_COUNTERS_PER_CHUNK * sizeof(struct mt_state_counter);
	uint64_t peaks = MT_COUNTERS_PER_CHUNK * sizeof(struct mt_state_peak);
	mt_state.max_nodes = keep(MT_REGION_NODES, nodes, sizeof(struct mt_state_node));
	mt_state.max_tracebacks =
		keep(MT_REGION_TRACEBACKS, tracebacks, sizeof(mt_node_id));
	mt_state.max_blocks =
		keep(MT_REGION_BLOCKS, blocks, sizeof(struct mt_state_block));
	mt_state.max_chunks = keep(MT_REGION_COUNTERS, chunks, counters);
	keep(MT_REGION_PEAKS, mt_state.max_chunks, peaks);
}

void mt_state_shrink(uint64_t limit)
{
	if (!own.base || limit == RLIM_INFINITY)
		return;
	struct layout smaller;
	int step = 0;
	do
		plan(&smaller, step);
	while (smaller.heap_bytes + smaller.bytes > limit / LIMIT_SHARE &&
	       ++step <= MAX_STEP);
	if (!own.is_shrunk)
		for (int i = 0; i < MT_REGION_COUNT; i++)
			own.kept[i] = round_up(own.layout.regions[i].size, PAGE);
	own.is_shrunk = true;
	shrink_heap(&smaller);
	shrink_tables(&smaller);
}
