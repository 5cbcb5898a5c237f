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

enum {
	FIRST_FD = 40, /* as for the memfds: 0-2 may be closed and stay so */
};

/* Whose state was handed over, and to whom; a forked child has another pid. */
static uint32_t sender_pid, collector_pid;
static bool has_trace;

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
	struct timeval limit = {.tv_sec = timeout_ms / 1000,
				.tv_usec = timeout_ms % 1000 * 1000};
	mt_syscall6(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, (long)&limit,
		    sizeof limit, 0);
	mt_syscall6(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, (long)&limit,
		    sizeof limit, 0);
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

static bool send_hello(int fd, const int fds[MT_HELLO_FDS])
{
	struct mt_message_head hello = {.magic = MT_MESSAGE_MAGIC,
					.version = MT_MESSAGE_VERSION,
					.kind = MT_MESSAGE_HELLO,
					.pid = mt_state.header->pid};
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
	return mt_syscall3(SYS_sendmsg, fd, (long)&packet, MSG_NOSIGNAL) ==
	       (long)sizeof hello;
}

/* The collector's answer; negative: refused, or there was none. */
static int receive_answer(int fd)
{
	struct mt_message_head answer;
	long got;
	do
		got = mt_syscall6(SYS_recvfrom, fd, (long)&answer, sizeof answer, 0, 0,
				  0);
	while (got == -EINTR);
	bool is_answer = got == (long)sizeof answer && answer.magic == MT_MESSAGE_MAGIC &&
			 answer.kind == MT_MESSAGE_ANSWER;
	return is_answer ? answer.status : -1;
}

static bool deliver(int fd, const char *name, const int fds[MT_HELLO_FDS])
{
	struct ucred peer = {0};
	unsigned peer_bytes = sizeof peer;
	int answer =
		connect_to(fd, name) && send_hello(fd, fds) ? receive_answer(fd) : -1;
	if (answer < 0)
		return false;
	has_trace = answer != MT_HELLO_NO_FILE;
	if (mt_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)&peer,
			(long)&peer_bytes, 0) == 0)
		collector_pid = (uint32_t)peer.pid;
	sender_pid = mt_state.header->pid;
	return true;
}

bool mt_state_hand_over(const char *name, int timeout_ms)
{
	int fds[MT_HELLO_FDS];
	if (!mt_state_fds(fds))
		return false;
	int fd = open_socket(timeout_ms);
	bool delivered = fd >= 0 && deliver(fd, name, fds);
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
	return mt_state_is_handed_over() && has_trace;
}
