/*
 * mappings.c - see mappings.h. Outside. From /proc/PID/smaps, which alone has the marks.
 */
#include "tracer/collect/mappings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_BYTES = 4096 + 256, /* a path and the numbers before it */
};

/* [vsyscall] cannot be read by anybody. */
static const uint64_t first_kernel_address = UINT64_C(1) << 63;

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool add_name(struct mt_mappings *mappings, const char *name, uint32_t *at)
{
	size_t size = strlen(name) + 1;
	if (mappings->count > 1) {
		uint32_t last = mappings->list[mappings->count - 2].name;
		if (!strcmp(mappings->names + last, name)) {
			*at = last;
			return true;
		}
	}
	if (mappings->names_bytes + size > mappings->names_capacity) {
		size_t capacity = mappings->names_capacity * 2 + LINE_BYTES;
		char *names = realloc(mappings->names, capacity);
		if (!names)
			return false;
		mappings->names = names;
		mappings->names_capacity = capacity;
	}
	memcpy(mappings->names + mappings->names_bytes, name, size);
	*at = (uint32_t)mappings->names_bytes;
	mappings->names_bytes += size;
	return true;
}

static uint32_t flags_of(const char *permissions, const char *name)
{
	uint32_t flags = (permissions[0] == 'r' ? MT_MAPPING_READ : 0) |
			 (permissions[1] == 'w' ? MT_MAPPING_WRITE : 0) |
			 (permissions[2] == 'x' ? MT_MAPPING_EXECUTE : 0) |
			 (permissions[3] == 's' ? MT_MAPPING_SHARED : 0);
	if (starts_with(name, "/dev/zero") || starts_with(name, "/memfd:") ||
	    starts_with(name, "/dev/shm/") || starts_with(name, "/SYSV") ||
	    starts_with(name, "[anon_shmem"))
		return flags | MT_MAPPING_MEMORY;
	if (starts_with(name, "/dev/") || !strcmp(name, "[vvar]") ||
	    !strcmp(name, "[vvar_vclock]"))
		flags |= MT_MAPPING_DEVICE;
	return flags;
}

/* "7f00-7f80 rw-p 00000000 00:00 0   [heap]": the lines in between have no '-' there. */
static int add_mapping(struct mt_mappings *mappings, char *line)
{
	struct mt_mapping mapping = {0};
	char permissions[5];
	int name = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n",
		   &mapping.start, &mapping.end, permissions, &mapping.offset,
		   &mapping.inode, &name) < 5 ||
	    mapping.start >= first_kernel_address)
		return 0;
	line[strcspn(line, "\n")] = '\0';
	if (mappings->count == mappings->capacity) {
		size_t capacity = mappings->capacity * 2 + 64;
		void *list = reallocarray(mappings->list, capacity, sizeof mapping);
		if (!list)
			return -1;
		mappings->list = list;
		mappings->capacity = capacity;
	}
	mapping.flags = flags_of(permissions, line + name);
	mappings->list[mappings->count++] = mapping;
	return add_name(mappings, line + name, &mappings->list[mappings->count - 1].name)
		       ? 0
		       : -1;
}

/* "VmFlags: rd wr mr mw me ac dd rr sd" */
static void add_marks(struct mt_mappings *mappings, const char *line)
{
	if (mappings->count && strstr(line, " dd") && strstr(line, " rr"))
		mappings->list[mappings->count - 1].flags |= MT_MAPPING_OURS;
}

int mt_mappings_read(struct mt_mappings *mappings, uint32_t pid, struct mt_error *err)
{
	char line[LINE_BYTES];
	*mappings = (struct mt_mappings){0};
	snprintf(line, sizeof line, "/proc/%" PRIu32 "/smaps", pid);
	FILE *smaps = fopen(line, "re");
	int rc = 0;
	while (smaps && rc == 0 && fgets(line, sizeof line, smaps)) {
		if (line[0] < 'A' || line[0] > 'Z')
			rc = add_mapping(mappings, line);
		else if (starts_with(line, "VmFlags:"))
			add_marks(mappings, line);
	}
	if (smaps)
		fclose(smaps);
	if (rc < 0)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (mappings->count)
		return 0;
	return mt_fail(err, MT_ERR_SYSTEM,
		       "the mappings of process %" PRIu32 " are not shown", pid);
}

void mt_mappings_deinit(struct mt_mappings *mappings)
{
	free(mappings->list);
	free(mappings->names);
	*mappings = (struct mt_mappings){0};
}

const struct mt_mapping *mt_mappings_find(const struct mt_mappings *mappings,
					  uint64_t address)
{
	size_t low = 0, high = mappings->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (mappings->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < mappings->count && mappings->list[low].start <= address
		       ? &mappings->list[low]
		       : NULL;
}
