/*
 * launch.c - start a collector of our own, unseen by the program.
 * Inside the traced process, from the constructor: system calls only between fork and exec.
 */
#include "preload/launch.h"

#include "formats/control.h"
#include "preload/config.h"
#include "tracer/record/pages.h"
#include "tracer/record/syscall.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FIRST_FD = 40,  /* see state.c */
	SOCKET_FD = 3,  /* of the collector */
	BACKLOG = 4096, /* the kernel lowers it to its own limit */
	TOKEN_BYTES = 8,
};

static const char variable[] = "MEMTRACE_SOCKET=";
static const char only[] = "MEMTRACE_ONLY=";

/* Appends text, keeping the end of buffer in sight. */
static char *append(char *at, const char *end, const char *text)
{
	while (*text && at < end - 1)
		*at++ = *text++;
	*at = '\0';
	return at;
}

static char *append_number(char *at, const char *end, uint64_t number, unsigned base)
{
	char digits[24];
	char *first = digits + sizeof digits - 1;
	*first = '\0';
	do
		*--first = "0123456789abcdef"[number % base];
	while (number /= base);
	return append(at, end, first);
}

static void name_socket(void)
{
	uint64_t token = 0;
	mt_syscall3(SYS_getrandom, (long)&token, TOKEN_BYTES, 1 /* GRND_NONBLOCK */);
	const char *end = config.socket + sizeof config.socket;
	char *at = append(config.socket, end, MT_SOCKET_PREFIX);
	at = append_number(at, end, (uint64_t)mt_syscall3(SYS_getpid, 0, 0, 0), 10);
	at = append(at, end, ".");
	append_number(at, end, token, 16);
}

static int listen_on_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = 0;
	for (; config.socket[length]; length++)
		address.sun_path[1 + length] = config.socket[length];
	long low = mt_syscall3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (low < 0)
		return -1;
	long fd = mt_syscall3(SYS_fcntl, low, F_DUPFD_CLOEXEC, FIRST_FD);
	if (fd < 0)
		fd = mt_syscall3(SYS_fcntl, low, F_DUPFD_CLOEXEC, SOCKET_FD);
	mt_syscall3(SYS_close, low, 0, 0);
	if (fd < 0)
		return -1;
	long bytes = (long)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
	if (!mt_syscall3(SYS_bind, fd, (long)&address, bytes) &&
	    !mt_syscall3(SYS_listen, fd, BACKLOG, 0))
		return (int)fd;
	mt_syscall3(SYS_close, fd, 0, 0);
	return -1;
}

static bool starts_with(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return false;
	return true;
}

/* A copy of the environment without the entries that begin so; room for two more. */
static char **copy_environment(const char *left_out, const char *left_out_too)
{
	char *const *from = config_environment();
	size_t count = 0;
	while (from[count])
		count++;
	char **copy = mt_pages_map(mt_pages_round((count + 3) * sizeof *copy));
	char **to = copy;
	for (; copy && *from; from++)
		if (!starts_with(*from, left_out) && !starts_with(*from, left_out_too))
			*to++ = *from;
	return copy;
}

static void close_all_but_socket(int fd)
{
	long null = mt_syscall3(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR);
	for (int i = 0; i < SOCKET_FD && null >= 0; i++)
		if (null != i)
			mt_syscall3(SYS_dup3, null, i, 0);
	mt_syscall3(SYS_dup3, fd, SOCKET_FD, 0);
	mt_syscall3(SYS_close_range, SOCKET_FD + 1, ~0U, 0);
}

/* Commands to try: beside the library, or in the bin that goes with its lib. */
struct places {
	char path[3][PATH_MAX];
};

static void find_places(struct places *places)
{
	static const char *const ways[] = {"memtrace", "../bin/memtrace",
					   "../../bin/memtrace"};
	Dl_info self = {0};
	dladdr(&variable, &self);
	const char *library = self.dli_fname ? self.dli_fname : "";
	size_t directory = 0;
	for (size_t i = 0; library[i]; i++)
		if (library[i] == '/')
			directory = i + 1;
	for (int i = 0; i < 3; i++) {
		char *to = places->path[i], *end = to + PATH_MAX;
		for (size_t k = 0; k < directory && k < PATH_MAX / 2; k++)
			*to++ = library[k];
		append(to, end, ways[i]);
	}
}

__attribute__((noreturn)) static void exit_now(int status)
{
	for (;;)
		mt_syscall3(SYS_exit_group, status, 0, 0);
}

/* In the child: leave the program's session and process tree, then become the collector. */
__attribute__((noreturn)) static void
become_collector(int fd, const char *pid, const struct places *places, char **environment)
{
	mt_syscall3(SYS_setsid, 0, 0, 0);
	if (mt_syscall6(SYS_clone, 0, 0, 0, 0, 0, 0))
		exit_now(0);
	close_all_but_socket(fd);
	const char *argv[] = {"memtrace",    "collect", "--fd", "3", "--name",
			      config.socket, "--main",  pid,    NULL};
	if (config.collector)
		mt_syscall3(SYS_execve, (long)config.collector, (long)argv,
			    (long)environment);
	for (int i = 0; i < 3 && !config.collector; i++)
		mt_syscall3(SYS_execve, (long)places->path[i], (long)argv,
			    (long)environment);
	exit_now(127);
}

/*
 * exit signal 0: only a wait with __WALL or __WCLONE can see this child. Untraced: a debugger
 * would take a child without signal for a thread, and its exec for the program's.
 */
static bool fork_unseen(int fd, char **environment)
{
	char pid[24];
	append_number(pid, pid + sizeof pid, (uint64_t)mt_syscall3(SYS_getpid, 0, 0, 0),
		      10);
	struct places *places = mt_pages_map(mt_pages_round(sizeof *places));
	if (!places)
		return false;
	find_places(places);
	long child = mt_syscall6(SYS_clone, CLONE_UNTRACED, 0, 0, 0, 0, 0);
	if (!child)
		become_collector(fd, pid, places, environment);
	if (child > 0)
		mt_syscall6(SYS_wait4, child, 0, __WALL, 0, 0, 0);
	mt_pages_unmap(places, mt_pages_round(sizeof *places));
	return child > 0;
}

/* What a program's children, and the images that it executes, need to know. */
static void tell_children(void)
{
	static char entry[sizeof variable + MT_SOCKET_NAME_BYTES];
	static char only_entry[sizeof only + 12];
	char **copy = copy_environment(variable, only);
	if (!copy)
		return;
	append(append(entry, entry + sizeof entry, variable), entry + sizeof entry,
	       config.socket);
	const char *end = only_entry + sizeof only_entry;
	append_number(append(only_entry, end, only), end, config.only_pid, 10);
	char **last = copy;
	while (*last)
		last++;
	*last++ = entry;
	if (config.only_pid)
		*last = only_entry;
	environ = copy;
}

bool launch_collector(void)
{
	name_socket();
	char **environment = copy_environment("LD_PRELOAD=", variable);
	int fd = listen_on_socket();
	bool is_forked = environment && fd >= 0 && fork_unseen(fd, environment);
	if (fd >= 0)
		mt_syscall3(SYS_close, fd, 0, 0);
	if (is_forked)
		tell_children();
	return is_forked;
}
