/*
 * sessions.c - a program to gate: it opens sessions and closes them all. Compiled with
 * -DFORGETFUL it forgets the user's name of each: a leak of 24 bytes a session.
 */
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MEMTRACE
#include <memtrace.h>
#else
#define memtrace_snapshot(label) ((void)(label))
#endif

enum {
	ROUNDS = 40,
	SESSIONS = 100,
};

struct session {
	char *user;
	int number;
};

static struct session *session_open(int number)
{
	struct session *session = calloc(1, sizeof *session);
	if (!session || !(session->user = malloc(24)))
		abort();
	strcpy(session->user, "somebody");
	session->number = number;
	return session;
}

static void session_close(struct session *session)
{
#ifndef FORGETFUL
	free(session->user);
#endif
	free(session);
}

int main(void)
{
	struct session *open[SESSIONS];
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < SESSIONS; i++)
			open[i] = session_open(i);
		for (int i = 0; i < SESSIONS; i++)
			session_close(open[i]);
		memtrace_snapshot("iteration");
	}
	return 0;
}
