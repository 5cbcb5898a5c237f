/*
 * memory.h - the memory of another process. Outside.
 *
 * Nothing is made resident there by reading: pages that were never touched are passed
 * over. Who may not read finds out at open.
 */
#ifndef MT_TRACER_COLLECT_MEMORY_H
#define MT_TRACER_COLLECT_MEMORY_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_MEMORY_PAGE_BYTES = 4096,
	MT_MEMORY_PIECE_BYTES = 256 << 10,
};

struct mt_memory {
	uint32_t pid;
	int mem, pagemap;    /* of /proc; -1: not to be had */
	int shared_pagemap;  /* that knows which pages of shared mappings are touched */
	bool has_no_readv;   /* refused: all goes by `mem` */
	uint64_t unreadable; /* bytes that could not be read and should have been */
	uint8_t *piece;
};

/* MT_ERR_SYSTEM: its memory cannot be read. */
int mt_memory_open(struct mt_memory *memory, uint32_t pid, struct mt_error *err);
void mt_memory_close(struct mt_memory *memory);

/*
 * Go on with pid, a forked copy. The kernel does not copy which pages of shared mappings
 * are there, so that this is asked of the process as before.
 */
int mt_memory_move(struct mt_memory *memory, uint32_t pid, struct mt_error *err);

/* All or nothing. */
bool mt_memory_read(struct mt_memory *memory, uint64_t address, void *buffer,
		    size_t size);

/* As much as can be read without a gap: how many bytes. */
size_t mt_memory_read_some(struct mt_memory *memory, uint64_t address, void *buffer,
			   size_t size);

/* A word; 0 where there is none. */
uint64_t mt_memory_word(struct mt_memory *memory, uint64_t address);

/* Which pages are worth a look. */
enum mt_memory_pages {
	MT_MEMORY_TOUCHED, /* all that are there */
	MT_MEMORY_SHARED,  /* the same of a shared mapping */
	MT_MEMORY_WRITTEN, /* of a private mapping of a file: those that differ from it */
};

/* bytes of what lies at address; both are multiples of 8. */
typedef void mt_memory_visit(void *context, uint64_t address, const uint8_t *data,
			     size_t size);

/*
 * What lies in [start, end), piece by piece, in order; what was never touched is left
 * out.
 */
void mt_memory_visit_range(struct mt_memory *memory, uint64_t start, uint64_t end,
			   enum mt_memory_pages pages, mt_memory_visit *visit,
			   void *context);

#endif
