/*
 * heap-scan-name.h - the functions whose frames hold what a scan has found. Outside.
 */
#ifndef MT_TRACER_COLLECT_HEAP_SCAN_NAME_H
#define MT_TRACER_COLLECT_HEAP_SCAN_NAME_H

#include "tracer/collect/heap-scan.h"

/*
 * Fill scan->frames for the roots that hold a block. The process is still there; no memory:
 * some stay without.
 */
void mt_heap_scan_name(struct mt_heap_scan *scan);

#endif
