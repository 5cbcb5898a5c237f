/*
 * heap.h - what a scan has found: the live blocks, who holds each, and what it seems to
 * be. Outside.
 *
 * A trace may say anything: holders that are not there, chains that end in themselves.
 * Here every holder is one that exists, and every chain ends.
 */
#ifndef MT_TRACER_ANALYZE_HEAP_H
#define MT_TRACER_ANALYZE_HEAP_H

#include "tracer/analyze/moment.h"
#include "tracer/analyze/trace.h"

enum {
	MT_NO_BLOCK = UINT32_MAX,
	MT_NO_ROOT = UINT32_MAX,
	MT_NO_CONTENTS = UINT32_MAX,
};

struct mt_heap_root {
	uint8_t kind;    /* enum mt_root_kind, or of a later format */
	uint32_t module; /* index, or MT_NO_MODULE */
	uint64_t offset;
	uint32_t tid;
	uint32_t frame; /* index, or MT_NO_FRAME */
	uint32_t number;
	uint32_t id;
	uint32_t caller_count; /* around its frame */
	size_t callers;        /* the first of them */
};

/* A frame that called the one that holds something, or that called such a one. */
struct mt_heap_caller {
	uint32_t root;  /* its id */
	uint32_t frame; /* index, or MT_NO_FRAME */
};

struct mt_heap_block {
	uint64_t address, size;
	uint64_t offset; /* of the pointer in the holding block */
	uint64_t retained_bytes, retained_count;
	uint64_t hash;
	uint64_t references;
	uint32_t id;
	uint32_t node;
	uint32_t holder; /* block, or MT_NO_BLOCK */
	uint32_t root;   /* that holds it, or MT_NO_ROOT */
	uint32_t leader; /* definite, that an indirect one is lost with; MT_NO_BLOCK */
	uint32_t cycle;  /* 0: none */
	uint32_t type;
	uint32_t contents; /* or MT_NO_CONTENTS */
	uint8_t kind;      /* enum mt_leak_kind */
	bool is_interior;
};

/* How a block begins. */
struct mt_heap_contents {
	uint32_t id; /* of the block */
	uint32_t size;
	size_t place; /* in the heap's bytes */
};

/* What blocks seem to be; of the same type if all is equal. */
struct mt_heap_type {
	uint8_t content; /* enum mt_content, or of a later format */
	uint32_t module; /* object: of the vtable; index, or MT_NO_MODULE */
	uint64_t number; /* object: the vtable's offset; string: its length */
};

/* A pointer within a cycle; both blocks exist. */
struct mt_heap_edge {
	uint32_t from, to;
	uint64_t offset;
};

struct mt_heap {
	struct mt_trace *trace;
	struct mt_moment moment;
	struct mt_record_scan scan;
	MT_LIST(struct mt_heap_root) roots;
	MT_LIST(struct mt_heap_caller) callers; /* of a root: from the next one on */
	MT_LIST(struct mt_heap_block) blocks;   /* by address */
	MT_LIST(struct mt_heap_edge) edges;     /* by from, then offset */
	MT_LIST(struct mt_heap_contents) contents;
	MT_LIST(char) bytes; /* of the contents */
	MT_LIST(struct mt_heap_type) types;
	struct mt_index type_index;
	bool is_short; /* fewer blocks than the scan says: some are lost */
};

/*
 * Read the scan of a moment. MT_ERR_MISSING, with the next step to take, where it has
 * none; MT_ERR_USAGE at @peak. On success *heap's lists are the caller's.
 */
int mt_heap_init(struct mt_heap *heap, struct mt_trace *trace,
		 const struct mt_moment *moment, struct mt_error *err);
void mt_heap_deinit(struct mt_heap *heap);

/* The block that address lies in, or MT_NO_BLOCK. */
uint32_t mt_heap_find(const struct mt_heap *heap, uint64_t address);

/* Whether the pointer that holds the block is at an address that is no multiple of 8. */
bool mt_heap_is_unaligned(const struct mt_heap *heap, uint32_t block);

/* The edges that begin at a block: *count of them, or NULL. */
const struct mt_heap_edge *mt_heap_edges(const struct mt_heap *heap, uint32_t block,
					 size_t *count);

/* How the block begins, as far as the scan has kept it; no data: it has not. */
struct mt_bytes mt_heap_contents(const struct mt_heap *heap, uint32_t block);

/* "definite", "indirect", "possible", "reachable". */
const char *mt_leak_kind_name(uint8_t kind);

#endif
