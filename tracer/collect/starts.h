/*
 * starts.h - programs that a traced process executed, by its own words. Outside.
 *
 * The library announces them; those that are recorded greet. A program that is executed
 * by a system call which goes through no door of ours is not announced.
 */
#ifndef MT_TRACER_COLLECT_STARTS_H
#define MT_TRACER_COLLECT_STARTS_H

#include "tracer/collect/image.h"

struct mt_starts {
	struct mt_state_start *list; /* in their order; those withdrawn have pid 0 */
	size_t count;
};

/* Read them anew, as long as the image is open; then they stay. */
void mt_starts_read(struct mt_starts *starts, struct mt_image *image);
void mt_starts_deinit(struct mt_starts *starts);

/* The last program that pid was to become; NULL: none. */
const struct mt_state_start *mt_starts_find(const struct mt_starts *starts, uint32_t pid);

#endif
