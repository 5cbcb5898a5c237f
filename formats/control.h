/*
 * control.h - messages between the library, the collector and the commands.
 *
 * All travel over an abstract SEQPACKET socket that the collector listens on. One packet
 * is one message: the fixed part and as much of text as is needed. The receiver trusts
 * nothing but the credentials that the kernel vouches for.
 *
 *   library   HELLO with the state's two memfds  -> nothing; ANSWER where status is 1
 *   run       WATCH (the main process's pid)     -> nothing
 *             WAIT (its pid and wait status)     -> ANSWER when its traces are written
 *   snapshot  SNAPSHOT (pid, label)              -> ANSWER, MT_ERR_MISSING: not mine
 */
#ifndef MT_FORMATS_CONTROL_H
#define MT_FORMATS_CONTROL_H

#include "formats/state.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MT_MESSAGE_MAGIC = 0x434d544d, /* "MTMC" */
	MT_MESSAGE_VERSION = 2,
	MT_MESSAGE_TEXT_BYTES = 16384,
	MT_HELLO_FDS = 2, /* the state, then the control page */
	MT_SOCKET_NAME_BYTES = 64,
};

/* Abstract socket names are this, the listener's pid, a dot and a random token. */
#define MT_SOCKET_PREFIX "memtrace."

enum mt_message_kind {
	MT_MESSAGE_HELLO = 1,
	MT_MESSAGE_WATCH = 2,
	MT_MESSAGE_WAIT = 3,
	MT_MESSAGE_SNAPSHOT = 4,
	MT_MESSAGE_ANSWER = 5,
};

struct mt_message_head {
	uint32_t magic;
	uint16_t version;
	uint16_t kind; /* enum mt_message_kind */
	uint32_t pid;
	/*
	 * ANSWER: 0 or a negative enum mt_code, to HELLO an enum mt_hello; WAIT: as
	 * waitpid's; HELLO: whether to answer; SNAPSHOT: bits of enum mt_snapshot_wish.
	 */
	int32_t status;
	uint32_t running;  /* ANSWER to WAIT: recorded processes that go on */
	uint32_t recorded; /* ANSWER to WAIT: traces written or begun */
	/* ANSWER to WAIT: errors that debug modes found, and how many traces hold them */
	uint32_t errors, erroneous;
};
static_assert(sizeof(struct mt_message_head) == 32, "the fixed part of a message");

struct mt_message {
	struct mt_message_head head;
	/*
	 * SNAPSHOT: the label. ANSWER: to WAIT three paths with a NUL each, of the main
	 * process's trace, of the tree's first, and of one that holds errors, and words
	 * for the user, one line each; otherwise why not. Not NUL-terminated in the
	 * packet.
	 */
	char text[MT_MESSAGE_TEXT_BYTES];
};

/* Labels may not be empty, reserved, all digits, too long, or hold '@' or '#'. */
static inline bool mt_control_is_label(const char *label, size_t size)
{
	static const char reserved[][8] = {"start", "peak", "exit"};
	size_t digits = 0;
	if (!size || size >= MT_LABEL_BYTES)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!label[i] || label[i] == '@' || label[i] == '#')
			return false;
		digits += label[i] >= '0' && label[i] <= '9';
	}
	for (size_t word = 0; word < sizeof reserved / sizeof *reserved; word++) {
		size_t i = 0;
		while (i < size && label[i] == reserved[word][i])
			i++;
		if (i == size && !reserved[word][i])
			return false;
	}
	return digits < size;
}

/* Outside only, from here on. */

struct mt_error;

/* What came with a message. */
struct mt_packet {
	struct mt_message message;
	size_t text_bytes;
	int fds[MT_HELLO_FDS]; /* -1: none */
};

/* A new socket of this process that listens; its name goes to `name`. A descriptor. */
int mt_control_listen(char name[MT_SOCKET_NAME_BYTES], struct mt_error *err);

/* Connect to the listener `name`. A descriptor, or MT_ERR_MISSING: nobody is there. */
int mt_control_connect(const char *name, struct mt_error *err);

/* message->head but magic and version, and text_bytes of its text. */
int mt_control_send(int fd, struct mt_message *message, size_t text_bytes,
		    struct mt_error *err);

/*
 * One message, checked as far as the protocol goes. MT_ERR_MISSING: the other side is
 * gone; MT_ERR_INCOMPLETE: fd does not block, and none has come. Its descriptors are the
 * caller's.
 */
int mt_control_receive(int fd, struct mt_packet *packet, struct mt_error *err);

#endif
