/*
 * starts.c - see starts.h. Outside.
 */
#include "tracer/collect/starts.h"

#include <stdlib.h>

void mt_starts_read(struct mt_starts *starts, struct mt_image *image)
{
	if (image->fd < 0 || !mt_image_refresh(image))
		return;
	uint64_t ever = image->header.used.starts;
	size_t count = (size_t)mt_image_clamp(image, MT_REGION_STARTS,
					      sizeof *starts->list, ever);
	struct mt_state_start *list = count ? calloc(count, sizeof *list) : NULL;
	if (!list)
		return;
	/* The ring's older part, then its beginning. */
	size_t first = ever % count, older = count - first, got;
	got = mt_image_read(image, MT_REGION_STARTS, sizeof *list, first, older, list);
	got += mt_image_read(image, MT_REGION_STARTS, sizeof *list, 0, first, list + got);
	for (size_t i = 0; i < got; i++)
		list[i].path[sizeof list->path - 1] = '\0';
	mt_starts_deinit(starts);
	*starts = (struct mt_starts){list, got};
}

void mt_starts_deinit(struct mt_starts *starts)
{
	free(starts->list);
	*starts = (struct mt_starts){0};
}

const struct mt_state_start *mt_starts_find(const struct mt_starts *starts, uint32_t pid)
{
	for (size_t i = starts->count; i > 0; i--)
		if (starts->list[i - 1].pid == pid)
			return &starts->list[i - 1];
	return NULL;
}
