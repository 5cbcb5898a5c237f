/*
 * symbolize-apart.c - see symbolize-apart.h. Outside.
 */
#include "tracer/analyze/symbolize-apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum {
	HAS_SANITIZER = 1 /* it reports on stderr and reserves terabytes */
};
#else
enum {
	HAS_SANITIZER = 0
};
#endif

enum {
	CPU_SECONDS = 60, /* and one more for each */
	CPU_BYTES_PER_SECOND = 16 << 20,
	BASE_BYTES = 1 << 30, /* memory, and for each byte of the files */
	BYTES_PER_FILE_BYTE = 8,
	MAX_IMAGE_BYTES = 1 << 30
};

static void lower_limit(int resource, rlim_t value)
{
	struct rlimit limit;
	if (!getrlimit(resource, &limit) && limit.rlim_cur > value) {
		limit.rlim_cur = value;
		setrlimit(resource, &limit);
	}
}

/* Not seen, not heard, and gone with its parent. */
static void enter_child(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (HAS_SANITIZER)
		return;
	prctl(PR_SET_DUMPABLE, 0);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
}

/* Of the parent's memory, which the child has too. */
static rlim_t data_bytes(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	if (!statm)
		return 0;
	if (fscanf(statm, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		pages = 0;
	fclose(statm);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit_child(size_t file_bytes)
{
	if (HAS_SANITIZER)
		return;
	lower_limit(RLIMIT_CPU, CPU_SECONDS + file_bytes / CPU_BYTES_PER_SECOND);
	lower_limit(RLIMIT_DATA,
		    data_bytes() + BASE_BYTES + (rlim_t)file_bytes * BYTES_PER_FILE_BYTE);
}

static void *resolve(const struct mt_symbol_request *request, bool is_child,
		     size_t *image_bytes)
{
	struct mt_resolved found = {0};
	struct mt_symbol_files files = {0};
	mt_symbol_files_open(&files, request->module, request->options, &found);
	if (is_child)
		limit_child(mt_symbol_files_bytes(&files));
	mt_symbol_module_resolve(request, &files, &found);
	void *image = mt_resolved_encode(&found, image_bytes);
	mt_resolved_deinit(&found);
	mt_symbol_files_close(&files);
	return image;
}

/* Returns 0 if all was written. */
static int write_all(int fd, const char *bytes, size_t count)
{
	while (count) {
		ssize_t written = write(fd, bytes, count);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		bytes += written;
		count -= (size_t)written;
	}
	return 0;
}

/* The child's life. */
__attribute__((noreturn)) static void tell(const struct mt_symbol_request *request,
					   int fd)
{
	size_t bytes;
	char *image = resolve(request, true, &bytes);
	_exit(image && !write_all(fd, image, bytes) ? 0 : 1);
}

/* Double the room while there may be more. */
static bool has_room(char **bytes, size_t count, size_t *capacity)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity ? *capacity * 2 : 1 << 18;
	char *moved = wanted <= MAX_IMAGE_BYTES ? realloc(*bytes, wanted) : NULL;
	if (!moved)
		return false;
	*bytes = moved;
	*capacity = wanted;
	return true;
}

/* All until the other end closes, for free(); NULL: an error or no memory. */
static char *read_all(int fd, size_t *count)
{
	char *bytes = NULL;
	size_t capacity = 0;
	for (*count = 0; has_room(&bytes, *count, &capacity);) {
		ssize_t got = read(fd, bytes + *count, capacity - *count);
		if (got == 0)
			return bytes;
		if (got > 0)
			*count += (size_t)got;
		else if (errno != EINTR)
			break;
	}
	free(bytes);
	return NULL;
}

static bool has_succeeded(pid_t child)
{
	int status;
	pid_t got;
	do
		got = waitpid(child, &status, 0);
	while (got < 0 && errno == EINTR);
	return got == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

static char *listen_to(pid_t child, int fd, size_t *count)
{
	char *image = read_all(fd, count);
	if (!image)
		kill(child, SIGKILL);
	if (has_succeeded(child))
		return image;
	free(image);
	return NULL;
}

/* The image of what was found; in this process where no other can be had. */
static char *image_of(const struct mt_symbol_request *request, size_t *bytes)
{
	int ends[2];
	if (request->options->in_process || pipe2(ends, O_CLOEXEC))
		return resolve(request, false, bytes);
	pid_t parent = getpid(), child = fork();
	if (!child) {
		close(ends[0]);
		enter_child(parent);
		tell(request, ends[1]);
	}
	close(ends[1]);
	char *image = child < 0 ? resolve(request, false, bytes)
				: listen_to(child, ends[0], bytes);
	close(ends[0]);
	return image;
}

bool mt_symbol_apart_resolve(const struct mt_symbol_request *request,
			     struct mt_resolved *resolved)
{
	size_t bytes;
	char *image = image_of(request, &bytes);
	bool is_told = image && mt_resolved_decode(resolved, image, bytes);
	free(image);
	return is_told;
}
