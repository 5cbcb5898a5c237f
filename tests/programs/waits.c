/*
 * waits.c - holds 1,000 blocks of 24 bytes, says "ready", waits for its standard input to
 * end; then wait() must find no child, and SIGCHLD must not have come.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile blocks[1000];
static volatile sig_atomic_t has_child_ended;

static void on_child(int number)
{
	(void)number;
	has_child_ended = 1;
}

int main(void)
{
	char byte;
	signal(SIGCHLD, on_child);
	for (int i = 0; i < 1000; i++)
		blocks[i] = malloc(24);
	if (write(1, "ready\n", 6) < 0)
		return 1;
	while (read(0, &byte, 1) > 0)
		;
	return wait(NULL) != -1 || errno != ECHILD || has_child_ended;
}
