/*
 * heap-scan-read.h - the part of a scan for which the process stands still. Outside.
 */
#ifndef MT_TRACER_COLLECT_HEAP_SCAN_READ_H
#define MT_TRACER_COLLECT_HEAP_SCAN_READ_H

#include "tracer/collect/heap-scan.h"

/*
 * Memory for so much, before the process stands still; what is missing is taken then.
 * False: there is none.
 */
bool mt_heap_scan_prepare(struct mt_heap_scan *scan,
			  const struct mt_live_estimate *estimate, uint32_t wishes);

/*
 * With heap, roots, stop and memory known: all pointers, and what the blocks are. python:
 * enum mt_python of the process; wishes as when it was prepared.
 */
int mt_heap_scan_read(struct mt_heap_scan *scan, uint32_t python, uint32_t wishes,
		      struct mt_error *err);

/* A pointer that no edge stands for. False: no memory. */
bool mt_heap_scan_add_root(struct mt_heap_scan *scan, uint32_t target,
			   struct mt_heap_scan_root place);

/* What was taken by block, but for what was found out afterwards. */
void mt_heap_scan_free_tables(struct mt_heap_scan *scan);

#endif
