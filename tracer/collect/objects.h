/*
 * objects.h - the modules of a process by address. Outside.
 */
#ifndef MT_TRACER_COLLECT_OBJECTS_H
#define MT_TRACER_COLLECT_OBJECTS_H

#include "formats/error.h"
#include "tracer/collect/dictionary.h"
#include "tracer/collect/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_object {
	uint64_t start, end, bias;
	uint32_t index; /* in the state's table */
	uint32_t flags; /* enum mt_module_flag */
	bool is_libc;
};

/* Those that are loaded, in order of their addresses. Zeroed is empty. */
struct mt_objects {
	struct mt_object *list;
	size_t count;
};

int mt_objects_load(struct mt_objects *objects, const struct mt_image *image,
		    struct mt_error *err);
void mt_objects_deinit(struct mt_objects *objects);

/* NULL: the address is in none. */
const struct mt_object *mt_objects_at(const struct mt_objects *objects, uint64_t address);

#endif
