/*
 * file.c - see file.h. Outside.
 */
#include "formats/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	int fd;
	char path[];
};

static long read_file_at(void *context, void *buffer, size_t size, uint64_t offset,
			 struct mt_error *err)
{
	const struct file *file = context;
	for (;;) {
		ssize_t got = pread(file->fd, buffer, size, (off_t)offset);
		if (got >= 0)
			return got;
		if (errno != EINTR)
			return mt_fail(err, MT_ERR_SYSTEM,
				       "%s: cannot read at byte %" PRIu64 ": %s",
				       file->path, offset, strerror(errno));
	}
}

static uint64_t skip_hole(void *context, uint64_t offset)
{
	const struct file *file = context;
	off_t data = lseek(file->fd, (off_t)offset, SEEK_DATA);
	if (data >= 0)
		return (uint64_t)data;
	return errno == ENXIO ? UINT64_MAX : offset;
}

static void close_file(void *context)
{
	struct file *file = context;
	close(file->fd);
	free(file);
}

/* A regular file, its size in *size. */
static int open_file(const char *path, uint64_t *size, struct mt_error *err)
{
	if (!*path)
		return mt_fail(err, MT_ERR_MISSING, "the name of the trace is empty");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return mt_fail(err, errno == ENOENT ? MT_ERR_MISSING : MT_ERR_SYSTEM,
			       "%s: cannot open: %s", path, strerror(errno));
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		*size = (uint64_t)status.st_size;
		return fd;
	}
	close(fd);
	return mt_fail(err, MT_ERR_NOT_A_TRACE, "%s: not a trace: not a regular file",
		       path);
}

int mt_file_source(struct mt_source *source, const char *path, struct mt_error *err)
{
	uint64_t size = 0;
	int fd = open_file(path, &size, err);
	if (fd < 0)
		return fd;
	struct file *file = malloc(sizeof *file + strlen(path) + 1);
	if (!file) {
		close(fd);
		return mt_fail(err, MT_ERR_NO_MEMORY, "%s: out of memory", path);
	}
	file->fd = fd;
	strcpy(file->path, path);
	*source = (struct mt_source){
		.read_at = read_file_at,
		.skip_hole = skip_hole,
		.close = close_file,
		.context = file,
		.size = size,
		.name = file->path,
	};
	return 0;
}
