/*
 * take-snapshot.c - see take-snapshot.h. Outside.
 */
#include "cli/take-snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	TIMEOUT_SECONDS = 60,
};

/* A collector that somebody stopped would never answer. */
static bool is_stopped(pid_t pid)
{
	char path[64], state = '?';
	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	FILE *stat = fopen(path, "re");
	if (!stat)
		return false;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(stat);
	return state == 'T' || state == 't';
}

static bool find_owner(uint32_t pid, uid_t *owner)
{
	char path[64];
	struct stat status;
	snprintf(path, sizeof path, "/proc/%" PRIu32, pid);
	if (stat(path, &status) < 0)
		return false;
	*owner = status.st_uid;
	return true;
}

/*
 * Anybody may listen on a name like ours: only our own user's or root's are asked, and by
 * root those of the process's user.
 */
static bool is_trusted(int fd, uint32_t pid)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	uid_t us = geteuid(), owner = us;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	if (us == 0)
		find_owner(pid, &owner);
	return (peer.uid == us || peer.uid == 0 || peer.uid == owner) &&
	       !is_stopped(peer.pid);
}

/* 0: taken, and *answer says where; MT_ERR_MISSING: this collector does not know pid. */
static int ask(const char *name, uint32_t pid, const struct snapshot_wish *wish,
	       struct mt_packet *answer, struct mt_error *err)
{
	const char *label = wish->label;
	int wishes = (wish->leaks ? MT_SNAPSHOT_WITH_LEAKS : 0) |
		     (wish->dup ? MT_SNAPSHOT_WITH_HASHES : 0) |
		     (wish->contents ? MT_SNAPSHOT_WITH_CONTENTS : 0);
	struct mt_message message = {
		.head = {.kind = MT_MESSAGE_SNAPSHOT, .pid = pid, .status = wishes}};
	struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
	int fd = mt_control_connect(name, NULL);
	if (fd < 0)
		return MT_ERR_MISSING;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	struct mt_error local = {0};
	int rc = is_trusted(fd, pid) ? 0 : MT_ERR_MISSING;
	if (rc == 0 && label)
		memcpy(message.text, label, strlen(label));
	if (rc == 0)
		rc = mt_control_send(fd, &message, label ? strlen(label) : 0, &local);
	if (rc == 0)
		rc = mt_control_receive(fd, answer, &local);
	close(fd);
	/* Who does not want to hear us hangs up: another one may know the process. */
	if (rc < 0 && rc != MT_ERR_MISSING)
		mt_fail(err, local.code, "%s", local.message);
	if (rc == 0 && answer->message.head.status < 0) {
		rc = answer->message.head.status;
		if (rc != MT_ERR_MISSING)
			mt_fail(err, (enum mt_code)rc, "process %" PRIu32 ": %.*s", pid,
				(int)answer->text_bytes, answer->message.text);
	}
	return rc;
}

/* The name of a collector's socket in a line of /proc/net/unix; false: another line. */
static bool parse_name(char *line, char name[MT_SOCKET_NAME_BYTES])
{
	char *at = strstr(line, " @" MT_SOCKET_PREFIX);
	if (!at)
		return false;
	at += 2;
	at[strcspn(at, "\n")] = '\0';
	return snprintf(name, MT_SOCKET_NAME_BYTES, "%s", at) < MT_SOCKET_NAME_BYTES;
}

static void split(struct snapshot_taken *taken, const struct mt_packet *answer,
		  const struct snapshot_wish *wish)
{
	size_t size = answer->text_bytes;
	if (size >= sizeof taken->file)
		size = sizeof taken->file - 1;
	memcpy(taken->file, answer->message.text, size);
	taken->file[size] = '\0';
	char *last = wish->leaks ? strrchr(taken->file, '\n') : NULL;
	taken->words = last ? last + 1 : "";
	if (last)
		*last = '\0';
}

/* Connections have the same name as their listener: each is asked once. */
int take_snapshot(uint32_t pid, const struct snapshot_wish *wish,
		  struct snapshot_taken *taken, struct mt_error *err)
{
	FILE *sockets = fopen("/proc/net/unix", "re");
	if (!sockets)
		return mt_fail(err, MT_ERR_SYSTEM, "/proc/net/unix: %s", strerror(errno));
	struct mt_packet answer;
	char *line = NULL;
	size_t size = 0;
	int rc = MT_ERR_MISSING;
	char name[MT_SOCKET_NAME_BYTES], last[MT_SOCKET_NAME_BYTES] = "";
	while (rc == MT_ERR_MISSING && getline(&line, &size, sockets) > 0) {
		if (!parse_name(line, name) || !strcmp(name, last))
			continue;
		memcpy(last, name, sizeof last);
		rc = ask(name, pid, wish, &answer, err);
	}
	free(line);
	fclose(sockets);
	if (rc == 0)
		split(taken, &answer, wish);
	if (rc != MT_ERR_MISSING)
		return rc;
	uid_t owner;
	if (geteuid() && find_owner(pid, &owner) && owner != geteuid())
		return mt_fail(err, MT_ERR_MISSING,
			       "process %" PRIu32 ": no permission: it is another user's",
			       pid);
	return mt_fail(err, MT_ERR_MISSING, "process %" PRIu32 " is not recorded", pid);
}
