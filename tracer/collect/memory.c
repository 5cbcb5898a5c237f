/*
 * memory.c - see memory.h. Outside.
 */
#include "tracer/collect/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PAGES_PER_PIECE = MT_MEMORY_PIECE_BYTES / MT_MEMORY_PAGE_BYTES,
	/* Smaller ranges are read whether their pages are there or not. */
	WORTH_ASKING_BYTES = 64 << 10,
};

static const uint64_t page_is_there = UINT64_C(3) << 62; /* present or swapped */
static const uint64_t page_is_of_file = UINT64_C(1) << 61;

static int open_file(uint32_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int mt_memory_open(struct mt_memory *memory, uint32_t pid, struct mt_error *err)
{
	*memory = (struct mt_memory){.pid = pid,
				     .mem = open_file(pid, "mem"),
				     .pagemap = open_file(pid, "pagemap"),
				     .piece = malloc(MT_MEMORY_PIECE_BYTES)};
	memory->shared_pagemap = memory->pagemap;
	if (!memory->piece)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	/* Which is refused even for nothing, where reading is. */
	struct iovec nothing = {.iov_base = memory->piece, .iov_len = 1};
	struct iovec remote = {.iov_base = NULL, .iov_len = 1};
	if (process_vm_readv((pid_t)pid, &nothing, 1, &remote, 1, 0) < 0 &&
	    errno != EFAULT)
		memory->has_no_readv = true;
	if (memory->has_no_readv && memory->mem < 0)
		return mt_fail(err, MT_ERR_SYSTEM,
			       "the memory of process %" PRIu32 " cannot be read: %s",
			       pid, strerror(errno));
	return 0;
}

void mt_memory_close(struct mt_memory *memory)
{
	if (memory->mem >= 0)
		close(memory->mem);
	if (memory->pagemap >= 0)
		close(memory->pagemap);
	if (memory->shared_pagemap >= 0 && memory->shared_pagemap != memory->pagemap)
		close(memory->shared_pagemap);
	free(memory->piece);
	*memory = (struct mt_memory){.mem = -1, .pagemap = -1, .shared_pagemap = -1};
}

int mt_memory_move(struct mt_memory *memory, uint32_t pid, struct mt_error *err)
{
	int shared_pagemap = memory->shared_pagemap;
	if (memory->pagemap == shared_pagemap)
		memory->pagemap = -1;
	memory->shared_pagemap = -1;
	mt_memory_close(memory);
	int rc = mt_memory_open(memory, pid, err);
	memory->shared_pagemap = shared_pagemap;
	return rc;
}

size_t mt_memory_read_some(struct mt_memory *memory, uint64_t address, void *buffer,
			   size_t size)
{
	struct iovec local = {.iov_base = buffer, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t got = 0;
	if (!memory->has_no_readv)
		got = process_vm_readv((pid_t)memory->pid, &local, 1, &remote, 1, 0);
	else if (address <= INT64_MAX)
		got = pread(memory->mem, buffer, size, (off_t)address);
	return got > 0 ? (size_t)got : 0;
}

bool mt_memory_read(struct mt_memory *memory, uint64_t address, void *buffer, size_t size)
{
	return mt_memory_read_some(memory, address, buffer, size) == size;
}

uint64_t mt_memory_word(struct mt_memory *memory, uint64_t address)
{
	uint64_t word;
	return mt_memory_read(memory, address, &word, sizeof word) ? word : 0;
}

static void visit_pages(struct mt_memory *memory, uint64_t start, uint64_t end,
			mt_memory_visit *visit, void *context)
{
	while (start < end) {
		size_t size = MT_MEMORY_PIECE_BYTES;
		if (size > end - start)
			size = end - start;
		bool got = mt_memory_read(memory, start, memory->piece, size);
		if (!got && size > MT_MEMORY_PAGE_BYTES) {
			size = MT_MEMORY_PAGE_BYTES - start % MT_MEMORY_PAGE_BYTES;
			if (size > end - start)
				size = end - start;
			got = mt_memory_read(memory, start, memory->piece, size);
		}
		if (got)
			visit(context, start, memory->piece, size);
		else
			memory->unreadable += size;
		start += size;
	}
}

static bool is_wanted(uint64_t entry, enum mt_memory_pages pages)
{
	if (!(entry & page_is_there))
		return false;
	return pages != MT_MEMORY_WRITTEN || !(entry & page_is_of_file);
}

/* How many of the entries from i on are alike. */
static size_t run_length(const uint64_t *entries, size_t count, size_t i,
			 enum mt_memory_pages pages)
{
	bool first = is_wanted(entries[i], pages);
	size_t end = i + 1;
	while (end < count && is_wanted(entries[end], pages) == first)
		end++;
	return end - i;
}

void mt_memory_visit_range(struct mt_memory *memory, uint64_t start, uint64_t end,
			   enum mt_memory_pages pages, mt_memory_visit *visit,
			   void *context)
{
	uint64_t entries[PAGES_PER_PIECE * 8];
	int pagemap =
		pages == MT_MEMORY_SHARED ? memory->shared_pagemap : memory->pagemap;
	bool asks = pagemap >= 0 &&
		    (pages == MT_MEMORY_WRITTEN || end - start >= WORTH_ASKING_BYTES);
	uint64_t at = start;
	while (asks && at < end) {
		uint64_t page = at / MT_MEMORY_PAGE_BYTES;
		ssize_t got = pread(pagemap, entries, sizeof entries,
				    (off_t)(page * sizeof *entries));
		if (got < (ssize_t)sizeof *entries)
			break;
		size_t count = (size_t)got / sizeof *entries;
		for (size_t i = 0; i < count && at < end;) {
			size_t run = run_length(entries, count, i, pages);
			uint64_t stop = (page + i + run) * MT_MEMORY_PAGE_BYTES;
			stop = stop < end ? stop : end;
			if (is_wanted(entries[i], pages))
				visit_pages(memory, at, stop, visit, context);
			at = stop;
			i += run;
		}
	}
	if (at < end)
		visit_pages(memory, at, end, visit, context);
}
