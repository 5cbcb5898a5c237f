/*
 * symbolize-cache.c - see symbolize-cache.h. Outside.
 *
 * Files appear whole, by rename, so that readers and writers need no lock: of two writers
 * the later one wins, and what the other knew is found again. The oldest files go when the
 * directory has grown too large.
 */
#include "tracer/analyze/symbolize-cache.h"

#include "tracer/analyze/symbolize-list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
	MAX_FILE_BYTES = 32 << 20,
	MAX_ALL_BYTES = 256 << 20
};

void mt_symbol_cache_init(struct mt_symbol_cache *cache)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *between = "";
	cache->directory = NULL;
	if (!base || base[0] != '/') {
		base = getenv("HOME");
		between = "/.cache";
	}
	if (!base || base[0] != '/')
		return;
	if (asprintf(&cache->directory, "%s%s/memtrace/sym", base, between) < 0)
		cache->directory = NULL;
}

void mt_symbol_cache_deinit(struct mt_symbol_cache *cache)
{
	free(cache->directory);
	*cache = (struct mt_symbol_cache){0};
}

/*
 * One binary can be asked for by several paths and with several places for debug files,
 * with several answers: the name has a checksum of these.
 */
static bool path_of(const struct mt_symbol_cache *cache,
		    const struct mt_symbol_module *module,
		    const struct mt_symbolizer_options *options, char *path, size_t bytes)
{
	if (!cache->directory || !module->build_id_bytes || module->build_id_bytes > 64)
		return false;
	char id[129];
	for (size_t i = 0; i < module->build_id_bytes; i++)
		sprintf(id + 2 * i, "%02x", module->build_id[i]);
	const char *debug_dir = options->debug_dir ? options->debug_dir : "";
	uLong key = crc32(0, (const Bytef *)module->path, (uInt)strlen(module->path) + 1);
	key = crc32(key, (const Bytef *)debug_dir, (uInt)strlen(debug_dir) + 1);
	int length = snprintf(path, bytes, "%s/%s.%08lx%s", cache->directory, id, key,
			      options->use_debuginfod ? "d" : "");
	return length > 0 && (size_t)length < bytes;
}

static bool still_holds(const struct mt_resolved *resolved)
{
	for (size_t i = 0; i < resolved->probe_count; i++) {
		if (!mt_resolved_probe_holds(resolved, &resolved->probes[i]))
			return false;
	}
	return resolved->probe_count > 0;
}

/* The file's bytes, for free(). */
static char *read_file(int fd, size_t *count)
{
	struct stat status;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
	    status.st_size > MAX_FILE_BYTES)
		return NULL;
	*count = (size_t)status.st_size;
	char *bytes = malloc(*count);
	if (bytes && read(fd, bytes, *count) != status.st_size) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

bool mt_symbol_cache_load(const struct mt_symbol_cache *cache,
			  const struct mt_symbol_module *module,
			  const struct mt_symbolizer_options *options,
			  struct mt_resolved *resolved, bool *is_fresh)
{
	char path[PATH_MAX];
	if (!path_of(cache, module, options, path, sizeof path))
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	size_t count;
	char *bytes = read_file(fd, &count);
	bool is_sound = bytes && mt_resolved_decode(resolved, bytes, count);
	free(bytes);
	*is_fresh = is_sound && still_holds(resolved);
	if (is_sound)
		futimens(fd, NULL); /* the oldest go first */
	close(fd);
	return is_sound;
}

/* The directory with those above it, as far as they are missing. */
static bool make_directory(const char *directory)
{
	char path[PATH_MAX];
	if (strlen(directory) >= sizeof path)
		return false;
	strcpy(path, directory);
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return false;
		*slash = '/';
	}
	return !mkdir(path, 0700) || errno == EEXIST;
}

/* Beyond the limit a write would bring SIGXFSZ. */
static bool may_write(size_t bytes)
{
	struct rlimit limit;
	return !getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur >= bytes;
}

static void write_file(const char *path, const char *bytes, size_t count)
{
	char draft[PATH_MAX];
	int length = snprintf(draft, sizeof draft, "%s.XXXXXX", path);
	if (length < 0 || (size_t)length >= sizeof draft)
		return;
	int fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0)
		return;
	bool is_written = write(fd, bytes, count) == (ssize_t)count;
	if (close(fd) || !is_written || rename(draft, path))
		unlink(draft);
}

struct kept {
	char name[NAME_MAX + 1];
	size_t bytes;
	struct timespec used;
};

struct kept_files {
	struct kept *list;
	size_t count, capacity;
	size_t bytes;
};

static int by_use(const void *left, const void *right)
{
	const struct kept *a = left, *b = right;
	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	return (a->used.tv_nsec > b->used.tv_nsec) - (a->used.tv_nsec < b->used.tv_nsec);
}

static void list_files(struct kept_files *files, DIR *directory)
{
	for (struct dirent *entry; (entry = readdir(directory));) {
		struct stat status;
		if (fstatat(dirfd(directory), entry->d_name, &status,
			    AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(status.st_mode))
			continue;
		void *room = mt_list_room(files->list, files->count, &files->capacity,
					  sizeof *files->list);
		if (!room)
			return;
		files->list = room;
		struct kept *kept = &files->list[files->count++];
		strcpy(kept->name, entry->d_name);
		kept->bytes = (size_t)status.st_size;
		kept->used = status.st_mtim;
		files->bytes += kept->bytes;
	}
}

/* Down to three quarters, so that this is seldom. */
static void remove_oldest(const char *path)
{
	struct kept_files files = {0};
	DIR *directory = opendir(path);
	if (!directory)
		return;
	list_files(&files, directory);
	if (files.bytes > MAX_ALL_BYTES) {
		qsort(files.list, files.count, sizeof *files.list, by_use);
		for (size_t i = 0; i < files.count && files.bytes > MAX_ALL_BYTES / 4 * 3;
		     i++) {
			if (!unlinkat(dirfd(directory), files.list[i].name, 0))
				files.bytes -= files.list[i].bytes;
		}
	}
	free(files.list);
	closedir(directory);
}

void mt_symbol_cache_store(const struct mt_symbol_cache *cache,
			   const struct mt_symbol_module *module,
			   const struct mt_symbolizer_options *options,
			   struct mt_resolved *resolved)
{
	char path[PATH_MAX];
	size_t count;
	if (resolved->is_volatile || !path_of(cache, module, options, path, sizeof path))
		return;
	char *image = mt_resolved_encode(resolved, &count);
	if (image && count <= MAX_FILE_BYTES && may_write(count) &&
	    make_directory(cache->directory)) {
		write_file(path, image, count);
		remove_oldest(cache->directory);
	}
	free(image);
}
