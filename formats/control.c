/*
 * control.c - messages over the collector's socket. Outside.
 */
#include "formats/control.h"

#include "formats/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SEND_SECONDS = 5,
	BACKLOG = 4096, /* the kernel lowers it to its own limit */
};

static socklen_t abstract_address(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t length = strnlen(name, MT_SOCKET_NAME_BYTES - 1);
	memcpy(address->sun_path + 1, name, length);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static int open_socket(struct mt_error *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mt_fail(err, MT_ERR_SYSTEM, "socket: %s", strerror(errno));
	/* A peer that is stopped, its queue full, holds up nobody for long. */
	struct timeval limit = {.tv_sec = SEND_SECONDS};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return fd;
}

int mt_control_listen(char name[MT_SOCKET_NAME_BYTES], struct mt_error *err)
{
	uint64_t token = 0;
	if (getrandom(&token, sizeof token, 0) != (ssize_t)sizeof token)
		return mt_fail(err, MT_ERR_SYSTEM, "getrandom: %s", strerror(errno));
	snprintf(name, MT_SOCKET_NAME_BYTES, MT_SOCKET_PREFIX "%ld.%" PRIx64,
		 (long)getpid(), token);
	struct sockaddr_un address;
	socklen_t bytes = abstract_address(&address, name);
	int fd = open_socket(err);
	if (fd < 0)
		return fd;
	if (!bind(fd, (const struct sockaddr *)&address, bytes) && !listen(fd, BACKLOG))
		return fd;
	int error = errno;
	close(fd);
	return mt_fail(err, MT_ERR_SYSTEM, "socket %s: %s", name, strerror(error));
}

int mt_control_connect(const char *name, struct mt_error *err)
{
	struct sockaddr_un address;
	socklen_t bytes = abstract_address(&address, name);
	int fd = open_socket(err);
	if (fd < 0)
		return fd;
	if (!connect(fd, (const struct sockaddr *)&address, bytes))
		return fd;
	int error = errno;
	close(fd);
	return mt_fail(err, error == ECONNREFUSED ? MT_ERR_MISSING : MT_ERR_SYSTEM,
		       "collector %s: %s", name, strerror(error));
}

int mt_control_send(int fd, struct mt_message *message, size_t text_bytes,
		    struct mt_error *err)
{
	message->head.magic = MT_MESSAGE_MAGIC;
	message->head.version = MT_MESSAGE_VERSION;
	size_t bytes = sizeof message->head + text_bytes;
	ssize_t sent;
	do
		sent = send(fd, message, bytes, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)bytes)
		return 0;
	return mt_fail(err, errno == EPIPE ? MT_ERR_MISSING : MT_ERR_SYSTEM,
		       "collector: %s", strerror(errno));
}

/* The descriptors that came along; more than there is room for are closed. */
static void take_fds(struct msghdr *packet, int fds[MT_HELLO_FDS])
{
	size_t taken = 0;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(packet); part;
	     part = CMSG_NXTHDR(packet, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
			if (taken < MT_HELLO_FDS)
				fds[taken++] = fd;
			else
				close(fd);
		}
	}
}

int mt_control_receive(int fd, struct mt_packet *packet, struct mt_error *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} rights;
	struct iovec part = {.iov_base = &packet->message,
			     .iov_len = sizeof packet->message};
	struct msghdr header = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = rights.bytes,
				.msg_controllen = sizeof rights.bytes};
	for (int i = 0; i < MT_HELLO_FDS; i++)
		packet->fds[i] = -1;
	ssize_t got;
	do
		got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return mt_fail(err,
			       errno == ECONNRESET ? MT_ERR_MISSING
			       : errno == EAGAIN   ? MT_ERR_INCOMPLETE
						   : MT_ERR_SYSTEM,
			       "collector: %s", strerror(errno));
	if (got == 0)
		return mt_fail(err, MT_ERR_MISSING, "collector: it is gone");
	take_fds(&header, packet->fds);
	const struct mt_message_head *head = &packet->message.head;
	if ((size_t)got < sizeof *head || head->magic != MT_MESSAGE_MAGIC)
		return mt_fail(err, MT_ERR_DAMAGED, "collector: not a message");
	if (head->version != MT_MESSAGE_VERSION)
		return mt_fail(err, MT_ERR_NEWER, "collector: version %u, expected %u",
			       head->version, MT_MESSAGE_VERSION);
	packet->text_bytes = (size_t)got - sizeof *head;
	return 0;
}
