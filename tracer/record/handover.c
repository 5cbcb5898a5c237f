/*
 * handover.c - give the state's memfds to the collector, then close them.
 * Inside the traced process: from the constructor, or in a forked child at its first
 * event; system calls only, every wait has a limit.
 */
#include "formats/control.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

enum {
	FIRST_FD = 40, /* as for the memfds: 0-2 may be closed and stay so */
	MOST_TRIES = 2000,
};

/* Whose state was handed over, and to whom; a forked child has another pid. */
static uint32_t sender_pid, collector_pid;

static void set_limit(long fd, int of, int timeout_ms)
{
	struct timeval limit = {.tv_sec = timeout_ms / 1000,
				.tv_usec = timeout_ms % 1000 * 1000};
	mt_syscall6(SYS_setsockopt, fd, SOL_SOCKET, of, (long)&limit, sizeof limit, 0);
}

static int open_socket(int timeout_ms)
{
	long fd = mt_syscall3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (fd < 3) {
		long moved = mt_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_FD);
		if (moved < 0)
			moved = mt_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
		mt_syscall3(SYS_close, fd, 0, 0);
		fd = moved;
	}
	set_limit(fd, SO_SNDTIMEO, timeout_ms);
	return (int)fd;
}

static bool connect_to(int fd, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned length = 0;
	while (name[length] && length < sizeof address.sun_path - 1) {
		address.sun_path[1 + length] = name[length];
		length++;
	}
	return mt_syscall3(SYS_connect, fd, (long)&address,
			   (long)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) ==
	       0;
}

static bool send_hello(int fd, const int fds[MT_HELLO_FDS], bool waits)
{
	struct mt_message_head hello = {.magic = MT_MESSAGE_MAGIC,
					.version = MT_MESSAGE_VERSION,
					.kind = MT_MESSAGE_HELLO,
					.pid = mt_state.header->pid,
					.status = waits};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MT_HELLO_FDS * sizeof(int))];
	} rights = {0};
	struct iovec part = {.iov_base = &hello, .iov_len = sizeof hello};
	struct msghdr packet = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = rights.bytes,
				.msg_controllen = sizeof rights.bytes};
	struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(MT_HELLO_FDS * sizeof(int));
	int *sent = (int *)CMSG_DATA(header);
	for (int i = 0; i < MT_HELLO_FDS; i++)
		sent[i] = fds[i];
	/* ETOOMANYREFS: descriptors of others are on their way, up to the user's limit. */
	struct timespec pause = {.tv_nsec = 1000000};
	long bytes = 0;
	for (int i = 0; i < MOST_TRIES; i++) {
		bytes = mt_syscall3(SYS_sendmsg, fd, (long)&packet, MSG_NOSIGNAL);
		if (bytes != -ETOOMANYREFS)
			break;
		mt_syscall3(SYS_nanosleep, (long)&pause, 0, 0);
	}
	return bytes == (long)sizeof hello;
}

/* The collector's answer; negative: refused, or there was none. */
static int receive_answer(int fd, int timeout_ms)
{
	struct mt_message_head answer;
	long got;
	set_limit(fd, SO_RCVTIMEO, timeout_ms);
	do
		got = mt_syscall6(SYS_recvfrom, fd, (long)&answer, sizeof answer, 0, 0,
				  0);
	while (got == -EINTR);
	bool is_answer = got == (long)sizeof answer && answer.magic == MT_MESSAGE_MAGIC &&
			 answer.kind == MT_MESSAGE_ANSWER;
	return is_answer ? answer.status : -1;
}

/* The listener, as the kernel knows it. */
static struct ucred peer_of(int fd)
{
	struct ucred peer = {0};
	unsigned bytes = sizeof peer;
	mt_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)&peer,
		    (long)&bytes, 0);
	return peer;
}

/*
 * A user of another name is believed while this process can be seen to descend from one
 * that is.
 */
static bool deliver(int fd, const char *name, const int fds[MT_HELLO_FDS], int timeout_ms,
		    bool waits)
{
	if (!connect_to(fd, name))
		return false;
	struct ucred peer = peer_of(fd);
	waits |= peer.uid != (uint32_t)mt_syscall3(SYS_geteuid, 0, 0, 0);
	if (!send_hello(fd, fds, waits) || (waits && receive_answer(fd, timeout_ms) < 0))
		return false;
	collector_pid = (uint32_t)peer.pid;
	sender_pid = mt_state.header->pid;
	return true;
}

bool mt_state_hand_over(const char *name, int timeout_ms, bool waits)
{
	int fds[MT_HELLO_FDS];
	if (!mt_state_fds(fds))
		return false;
	int fd = open_socket(timeout_ms);
	bool delivered = fd >= 0 && deliver(fd, name, fds, timeout_ms, waits);
	if (fd >= 0)
		mt_syscall3(SYS_close, fd, 0, 0);
	if (delivered)
		mt_state_close_fds();
	return delivered;
}

bool mt_state_is_handed_over(void)
{
	return sender_pid && sender_pid == mt_state.header->pid;
}

uint32_t mt_state_collector_pid(void)
{
	return mt_state_is_handed_over() ? collector_pid : 0;
}

bool mt_state_has_trace(void)
{
	int32_t hello = atomic_load(&mt_state.control->hello);
	return mt_state_is_handed_over() && hello >= 0 && hello != MT_HELLO_NO_FILE;
}
