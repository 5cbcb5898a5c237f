/*
 * test-control.c - messages between library, collector and commands.
 */
#include "formats/control.h"
#include "formats/error.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <sys/socket.h>

static bool is_label(const char *label)
{
	return mt_control_is_label(label, strlen(label));
}

TEST(labels_that_could_be_taken_for_something_else_are_refused)
{
	ok(is_label("ready"));
	ok(is_label("17 blocks"));
	ok(is_label("started"));
	ok(is_label("star"));
	ok(!is_label(""));
	ok(!is_label("start"));
	ok(!is_label("peak"));
	ok(!is_label("exit"));
	ok(!is_label("0123456789"));
	ok(!is_label("a@b"));
	ok(!is_label("a#2"));
	ok(!mt_control_is_label("a\0b", 3));
	char longest[MT_LABEL_BYTES];
	memset(longest, 'x', sizeof longest);
	ok(mt_control_is_label(longest, sizeof longest - 1));
	ok(!mt_control_is_label(longest, sizeof longest));
}

struct pair {
	int near, far;
};

static struct pair connect_pair(void)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
		abort();
	return (struct pair){fds[0], fds[1]};
}

TEST(a_message_arrives_with_its_text)
{
	struct pair pair = connect_pair();
	struct mt_message message = {.head = {.kind = MT_MESSAGE_SNAPSHOT, .pid = 12}};
	struct mt_packet packet;
	memcpy(message.text, "label", 5);
	ok(mt_control_send(pair.near, &message, 5, NULL) == 0);
	ok(mt_control_receive(pair.far, &packet, NULL) == 0);
	is_int(packet.message.head.kind, MT_MESSAGE_SNAPSHOT);
	is_int(packet.message.head.pid, 12);
	is_int(packet.text_bytes, 5);
	ok(!memcmp(packet.message.text, "label", 5));
	is_int(packet.fds[0], -1);
}

TEST(what_is_no_message_is_refused)
{
	struct pair pair = connect_pair();
	struct mt_packet packet;
	struct mt_message_head head = {.magic = MT_MESSAGE_MAGIC,
				       .version = MT_MESSAGE_VERSION + 1};
	ok(send(pair.near, "x", 1, 0) == 1);
	is_int(mt_control_receive(pair.far, &packet, NULL), MT_ERR_DAMAGED);
	ok(send(pair.near, &head, sizeof head, 0) > 0);
	is_int(mt_control_receive(pair.far, &packet, NULL), MT_ERR_NEWER);
	head.magic = 0;
	ok(send(pair.near, &head, sizeof head, 0) > 0);
	is_int(mt_control_receive(pair.far, &packet, NULL), MT_ERR_DAMAGED);
	close(pair.near);
	is_int(mt_control_receive(pair.far, &packet, NULL), MT_ERR_MISSING);
}

static void send_fds(int socket, int count)
{
	struct mt_message_head head = {.magic = MT_MESSAGE_MAGIC,
				       .version = MT_MESSAGE_VERSION,
				       .kind = MT_MESSAGE_HELLO};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} rights = {0};
	struct iovec part = {&head, sizeof head};
	struct msghdr packet = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = rights.bytes,
				.msg_controllen =
					CMSG_SPACE((size_t)count * sizeof(int))};
	struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	for (int i = 0; i < count; i++)
		((int *)CMSG_DATA(header))[i] = 0;
	ok(sendmsg(socket, &packet, 0) > 0);
}

TEST(descriptors_beyond_those_expected_are_closed)
{
	struct pair pair = connect_pair();
	struct mt_packet packet;
	send_fds(pair.near, 4);
	ok(mt_control_receive(pair.far, &packet, NULL) == 0);
	ok(packet.fds[0] > pair.far && packet.fds[1] > pair.far);
	int next = dup(0);
	is_int(next, packet.fds[1] + 1);
	ok(fcntl(packet.fds[0], F_GETFD) == FD_CLOEXEC);
	send_fds(pair.near, 1);
	ok(mt_control_receive(pair.far, &packet, NULL) == 0);
	ok(packet.fds[0] >= 0);
	is_int(packet.fds[1], -1);
}

TEST(a_listener_is_found_by_its_name)
{
	char name[MT_SOCKET_NAME_BYTES];
	int listener = mt_control_listen(name, NULL);
	ok(listener >= 0);
	ok(!strncmp(name, MT_SOCKET_PREFIX, strlen(MT_SOCKET_PREFIX)));
	int fd = mt_control_connect(name, NULL);
	ok(fd >= 0);
	close(fd);
	close(listener);
	is_int(mt_control_connect(name, NULL), MT_ERR_MISSING);
}

TAP_MAIN()
