/*
 * heap-scan-read.h - the part of a scan for which the process stands still. Outside.
 */
#ifndef MT_TRACER_COLLECT_HEAP_SCAN_READ_H
#define MT_TRACER_COLLECT_HEAP_SCAN_READ_H

#include "tracer/collect/heap-scan.h"

/*
 * With heap, roots, stop and memory known: all pointers, and what the blocks are. python:
 * enum mt_python of the process.
 */
int mt_heap_scan_read(struct mt_heap_scan *scan, uint32_t python, struct mt_error *err);

#endif
