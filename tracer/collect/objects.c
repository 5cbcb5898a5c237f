/*
 * objects.c - see objects.h. Outside.
 */
#include "tracer/collect/objects.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct mt_object *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static bool is_libc(const struct mt_image *image, uint32_t path)
{
	char name[PATH_MAX];
	mt_image_string(image, path, name, sizeof name);
	const char *base = strrchr(name, '/');
	return !strcmp(base ? base + 1 : name, "libc.so.6");
}

int mt_objects_load(struct mt_objects *objects, const struct mt_image *image,
		    struct mt_error *err)
{
	struct mt_state_module module;
	uint64_t used = mt_image_clamp(image, MT_REGION_MODULES, sizeof module,
				       image->header.used.modules);
	*objects = (struct mt_objects){.list = calloc(used + 1, sizeof *objects->list)};
	if (!objects->list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (uint64_t i = 1; i < used; i++) {
		if (!mt_image_read(image, MT_REGION_MODULES, sizeof module, i, 1,
				   &module) ||
		    !module.ready || module.flags & MT_MODULE_UNLOADED)
			continue;
		objects->list[objects->count++] =
			(struct mt_object){.start = module.start,
					   .end = module.end,
					   .bias = module.bias,
					   .index = (uint32_t)i,
					   .flags = module.flags,
					   .is_libc = is_libc(image, module.path)};
	}
	qsort(objects->list, objects->count, sizeof *objects->list, compare);
	return 0;
}

void mt_objects_deinit(struct mt_objects *objects)
{
	free(objects->list);
	*objects = (struct mt_objects){0};
}

const struct mt_object *mt_objects_at(const struct mt_objects *objects, uint64_t address)
{
	size_t low = 0, high = objects->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (objects->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < objects->count && objects->list[low].start <= address
		       ? &objects->list[low]
		       : NULL;
}
