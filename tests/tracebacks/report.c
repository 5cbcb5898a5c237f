/*
 * report.c - see report.h. Inside the traced process, with signals held back; nothing here
 * allocates.
 */
#include "tests/tracebacks/report.h"

#include "preload/config.h"
#include "tracer/record/syscall.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

enum {
	FILE_BYTES = 65536,
	PAIRS = (FILE_BYTES - 64) / 8, /* hashes of those that are written already */
	MOST_FRAMES_SHOWN = 200,
};

struct file {
	struct report_counts counts;
	_Alignas(64) _Atomic uint64_t pairs[PAIRS];
};
_Static_assert(sizeof(struct file) == FILE_BYTES,
	       "tests/tracebacks/run makes it so long");

static const char *file_name(void)
{
	return config_find(config_environment(), "MEMTRACE_CHECK");
}

/* Shared where there is a name; else the process's own. Mapped once, and kept by children. */
static struct file *find_file(void)
{
	static struct file *_Atomic mapped;
	static struct file own;
	struct file *file = atomic_load(&mapped);
	if (file)
		return file;
	const char *name = file_name();
	long fd = name ? mt_syscall3(SYS_open, (long)name, O_RDWR | O_CLOEXEC, 0) : -1;
	long address = -1;
	if (fd >= 0)
		address = mt_syscall6(SYS_mmap, 0, FILE_BYTES, PROT_READ | PROT_WRITE,
				      MAP_SHARED, fd, 0);
	if (fd >= 0)
		mt_syscall3(SYS_close, fd, 0, 0);
	file = mt_syscall_is_address(address) ? (struct file *)address : &own;
	atomic_store(&mapped, file);
	return file;
}

void report_compared(bool is_right, bool is_truncated, uint32_t frames)
{
	struct report_counts *counts = &find_file()->counts;
	atomic_fetch_add_explicit(&counts->compared, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counts->frames, frames, memory_order_relaxed);
	if (!is_right)
		atomic_fetch_add_explicit(&counts->mismatched, 1, memory_order_relaxed);
	else if (is_truncated)
		atomic_fetch_add_explicit(&counts->truncated, 1, memory_order_relaxed);
}

static uint64_t hash_frames(uint64_t hash, const uint64_t *frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
	return hash;
}

/* Once for each pair; a table that is full knows no new ones. */
static bool is_new(const struct report *r)
{
	struct file *file = find_file();
	uint64_t hash = hash_frames(1, r->got, r->got_count);
	hash = hash_frames(hash, r->expected, r->expected_count) | 1;
	for (uint32_t i = 0; i < PAIRS; i++) {
		uint64_t seen = 0;
		if (atomic_compare_exchange_strong(&file->pairs[i], &seen, hash))
			return true;
		if (seen == hash)
			return false;
	}
	return false;
}

static void write_frame(int fd, const char *side, uint32_t index, uint64_t frame)
{
	uintptr_t pc = frame & ~oracle_interrupted;
	struct dl_find_object object;
	bool is_known = !_dl_find_object((void *)pc, &object);
	const struct link_map *map = is_known ? object.dlfo_link_map : NULL;
	const char *name = !map           ? "(no object)"
			   : *map->l_name ? map->l_name
					  : "(program)";
	dprintf(fd, "  %s %3u %#lx %s+%#lx%s\n", side, index, (unsigned long)pc, name,
		(unsigned long)(map ? pc - map->l_addr : 0),
		frame & oracle_interrupted ? " interrupted" : "");
}

/* Frames that are the same are shown once, with "=". */
static void write_pair(int fd, const struct report *r)
{
	static const char *const endings[] = {"complete", "no information", "broken"};
	dprintf(fd, "pid %ld: %u frames, root %u%s; libunwind %u frames, %s\n",
		mt_syscall3(SYS_getpid, 0, 0, 0), r->got_count, r->got_root,
		r->names_others ? ", in other modules" : "", r->expected_count,
		endings[r->ending]);
	for (uint32_t i = 0; i < MOST_FRAMES_SHOWN; i++) {
		bool has_got = i < r->got_count, has_expected = i < r->expected_count;
		if (has_got && has_expected && r->got[i] == r->expected[i]) {
			write_frame(fd, "=", i, r->got[i]);
			continue;
		}
		if (has_got)
			write_frame(fd, "-", i, r->got[i]);
		if (has_expected)
			write_frame(fd, "+", i, r->expected[i]);
	}
}

void report_mismatch(const struct report *r)
{
	if (!is_new(r))
		return;
	const char *name = file_name();
	char path[4096];
	long fd = -1;
	if (name && snprintf(path, sizeof(path), "%s.pairs", name) < (int)sizeof(path))
		fd = mt_syscall6(SYS_open, (long)path,
				 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600, 0, 0,
				 0);
	write_pair(fd < 0 ? 2 : (int)fd, r);
	if (fd >= 0)
		mt_syscall3(SYS_close, fd, 0, 0);
}
