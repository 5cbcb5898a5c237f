/*
 * kernel.c - /proc and pidfds. Outside.
 */
#include "tracer/collect/kernel.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of Linux 6.15; the C library's headers may be older. */
struct pidfd_info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};

enum {
	PIDFD_INFO_WANT_EXIT = 1 << 3,
	PEER_PIDFD = 77, /* SO_PEERPIDFD of Linux 6.5: also of a process that is gone */
};

size_t mt_kernel_read(uint32_t pid, const char *file, char *buffer, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/%s", pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size_t done = 0;
	ssize_t got;
	while (done < size && (got = read(fd, buffer + done, size - done)) > 0)
		done += (size_t)got;
	close(fd);
	return done;
}

bool mt_kernel_link(uint32_t pid, const char *link, char *buffer, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/%s", pid, link);
	ssize_t got = readlink(path, buffer, size - 1);
	buffer[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* The numbers after the command's name, which may itself hold spaces and brackets. */
bool mt_kernel_stat(uint32_t pid, struct mt_kernel_stat *stat)
{
	char text[1024];
	size_t size = mt_kernel_read(pid, "stat", text, sizeof text - 1);
	text[size] = '\0';
	char *name = strchr(text, '('), *end = strrchr(text, ')');
	if (!name || !end || end < name)
		return false;
	*stat = (struct mt_kernel_stat){0};
	*end = '\0';
	snprintf(stat->name, sizeof stat->name, "%s", name + 1);
	uint64_t pages = 0;
	char state = '?';
	uint64_t user = 0, system = 0;
	/* Fields 3, 4, 14, 15, 22, 24, 26 and 28 of proc(5). */
	int found = sscanf(end + 1,
			   " %c %" SCNu32 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64
			   " %" SCNu64 " %*s %*s %*s %*s %*s %*s %" SCNu64 " %*s %" SCNu64
			   " %*s %" SCNu64 " %*s %" SCNu64,
			   &state, &stat->parent_pid, &user, &system, &stat->start_time,
			   &pages, &stat->code, &stat->stack);
	stat->cpu_ticks = user + system;
	stat->is_zombie = state == 'Z' || state == 'X';
	stat->is_stopped = state == 'T';
	stat->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return found >= 6;
}

bool mt_kernel_maps(uint32_t pid, uint64_t inode, const char *word)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/maps", pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		return true; /* not shown to us: nothing speaks against it */
	char line[PATH_MAX + 128];
	bool found = false, any = false;
	while (!found && fgets(line, sizeof line, maps)) {
		uint64_t number = 0;
		any = true;
		if (strstr(line, word) &&
		    sscanf(line, "%*s %*s %*s %*s %" SCNu64, &number) == 1)
			found = number == inode;
	}
	fclose(maps);
	return found || !any;
}

bool mt_kernel_thread_name(uint32_t pid, uint32_t tid, char name[MT_NAME_BYTES])
{
	char file[64];
	snprintf(file, sizeof file, "task/%" PRIu32 "/comm", tid);
	size_t size = mt_kernel_read(pid, file, name, MT_NAME_BYTES - 1);
	if (size && name[size - 1] == '\n')
		size--;
	name[size] = '\0';
	return size;
}

int mt_kernel_pidfd(uint32_t pid, int socket)
{
	int pidfd = -1;
	socklen_t bytes = sizeof pidfd;
	if (getsockopt(socket, SOL_SOCKET, PEER_PIDFD, &pidfd, &bytes) == 0)
		return pidfd;
	return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

/* The last number of a zombie's stat. */
static bool zombie_status(uint32_t pid, int *status)
{
	char text[1024];
	struct mt_kernel_stat stat;
	if (!mt_kernel_stat(pid, &stat) || !stat.is_zombie)
		return false;
	size_t size = mt_kernel_read(pid, "stat", text, sizeof text - 1);
	text[size] = '\0';
	const char *last = strrchr(text, ' ');
	return last && sscanf(last, "%d", status) == 1;
}

bool mt_kernel_exit_status(uint32_t pid, int pidfd, int *status)
{
	if (zombie_status(pid, status))
		return true;
	struct pidfd_info info = {.mask = PIDFD_INFO_WANT_EXIT};
	if (pidfd < 0 || ioctl(pidfd, _IOWR(0xFF, 11, struct pidfd_info), &info) < 0 ||
	    !(info.mask & PIDFD_INFO_WANT_EXIT))
		return false;
	*status = info.exit_code;
	return true;
}
