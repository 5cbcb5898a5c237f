/*
 * heap-scan.h - search a process's memory for pointers to its live blocks. Outside.
 *
 * The process stands still while its memory is read; what leads where is found out when
 * it goes on again. Pointers are words at multiples of 8; elsewhere only those to
 * what would be lost, see heap-scan-again.c. One into the middle of a block, or to its end
 * where no other block can begin, makes it possible, unless programs are known to keep
 * such ones: see heap-scan-read.c.
 */
#ifndef MT_TRACER_COLLECT_HEAP_SCAN_H
#define MT_TRACER_COLLECT_HEAP_SCAN_H

#include "formats/error.h"
#include "formats/record.h"
#include "tracer/collect/contents.h"
#include "tracer/collect/graph.h"
#include "tracer/collect/image.h"
#include "tracer/collect/live-blocks.h"
#include "tracer/collect/objects.h"
#include "tracer/collect/root-set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_SCAN_FAR = UINT16_MAX,
	/* Beyond, not every reachable block has a record, and none has what it retains. */
	MT_SCAN_BLOCKS_MAX = 4 << 20,
	/* Of so many, at most, is kept how they begin; of half as many beyond that. */
	MT_SCAN_BEGINNINGS_MAX = 1 << 20,
	MT_SCAN_CALLERS_MAX = 8, /* of a frame that holds something */
};

/*
 * A pointer outside the heap, by its place; or one that lies in a block at an unaligned
 * address, where the graph has no edge for it.
 */
struct mt_heap_scan_root {
	uint64_t address; /* of a register: its number; in a block: how far within */
	uint32_t thread;  /* index + 1 in the stop's list; 0: see the range */
	uint32_t block;
	bool is_register, is_in_block;
};

/*
 * The frame that holds such a place on a stack, or uses the register; or the module whose
 * thread-local it is.
 */
struct mt_heap_scan_frame {
	uint32_t root; /* whose; in order */
	bool is_innermost;
	uint32_t module; /* thread-local: index in the state's table; 0: see pc */
	uint64_t pc;
	uint64_t offset; /* of the place in the frame, or in the module's block */
	size_t callers;  /* the first in the scan's list; they are return addresses */
	uint32_t caller_count;
};

/*
 * Where an edge lies that is far within a large block, and those that follow it too as long
 * as each is one word further.
 */
struct mt_heap_scan_far {
	uint32_t edge; /* in order */
	uint32_t words;
};

struct mt_heap_scan_beginning {
	uint8_t size; /* 0: nothing is known, or nothing is there */
	uint8_t bytes[MT_CONTENTS_BYTES];
};

struct mt_heap_scan {
	struct mt_record_scan sums;
	uint32_t pid;
	uint32_t copy; /* a forked one, that is read in its place; 0: none */
	struct mt_memory memory;
	struct mt_mappings mappings;
	struct mt_stop stop; /* let go on: what was known of them */
	struct mt_objects objects;
	struct mt_thread_locals locals;
	struct mt_live live;
	struct mt_root_set roots;
	struct mt_contents contents;

	struct mt_graph graph;
	uint32_t *first, *targets; /* the graph's own */
	uint8_t *names_itself;     /* the same */
	/* By edge: its place in the block, in words of 8; MT_SCAN_FAR: see far. */
	uint16_t *offsets;
	struct mt_heap_scan_far *far;
	size_t far_count, far_capacity;
	size_t edge_count, edge_capacity;
	uint32_t *root_targets;
	struct mt_heap_scan_root *root_places;
	size_t root_count, root_capacity;
	struct mt_heap_scan_frame *frames;
	size_t frame_count, frame_capacity;
	uint64_t *callers; /* of the frames; neighbours may share them */
	size_t caller_count, caller_capacity;
	mt_contents_word *words; /* by block */
	uint8_t *begins; /* by block, while it is read: 2 bits of enum mt_beginning */
	uint32_t room_blocks; /* that the tables by block have room for */
	uint64_t *hashes;     /* by block; NULL: not asked for */
	/* How blocks begin, of each beginnings_step-th of them; NULL: not asked for. */
	struct mt_heap_scan_beginning *beginnings;
	uint32_t beginnings_step;

	struct mt_reach reach;
	struct mt_lost lost;
	uint64_t *retained;       /* by block; NULL: too many */
	uint32_t *retained_count; /* the same */
};

struct mt_heap_scan_request {
	uint32_t pid;
	struct mt_image *image;
	struct mt_control *control;
	uint32_t wishes; /* enum mt_snapshot_wish */
	bool is_at_end;  /* the process is about to end */
	/*
	 * The thread that asks and waits: where it is, in DWARF's numbering. NULL: nobody
	 * waits.
	 */
	const uint64_t *registers;
	uint64_t thread_pointer;
	uint32_t tid;
};

/*
 * Search now. On failure *scan is to be deinit'ed as well; the process goes on in any
 * case.
 */
int mt_heap_scan_take(struct mt_heap_scan *scan,
		      const struct mt_heap_scan_request *request, struct mt_error *err);
void mt_heap_scan_deinit(struct mt_heap_scan *scan);

/*
 * The records of the scan into the snapshot that is open. The process may be gone. The
 * dictionary knows the state as it was then.
 */
struct mt_writer;
int mt_heap_scan_write(struct mt_heap_scan *scan, struct mt_writer *writer,
		       struct mt_dictionary *dictionary, struct mt_error *err);

/* Where the pointer of an edge is in its block, in bytes. */
uint64_t mt_heap_scan_offset(const struct mt_heap_scan *scan, uint32_t edge);

/* Definite and indirect ones. */
uint64_t mt_heap_scan_leaked(const struct mt_heap_scan *scan);

#endif
