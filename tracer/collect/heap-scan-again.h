/*
 * heap-scan-again.h - a second look for what seems to be lost. Outside.
 */
#ifndef MT_TRACER_COLLECT_HEAP_SCAN_AGAIN_H
#define MT_TRACER_COLLECT_HEAP_SCAN_AGAIN_H

#include "tracer/collect/heap-scan.h"

/*
 * With reach and lost known: what a pointer at an unaligned address leads to is possible,
 * and so is all below it; then lost is found out anew. False: no memory.
 */
bool mt_heap_scan_look_again(struct mt_heap_scan *scan);

#endif
