/*
 * waiter.c - a thread waits in the C library, whose frames alone hold what it waits for.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int is_ready;

/* Behind the call there is nothing left to do with it: nothing of ours keeps it. */
static void *wait_in_library(void *unused)
{
	struct pollfd *waited = malloc(sizeof *waited); /* waited */
	FILE *file = fopen("waiter.address", "w");
	(void)unused;
	waited->fd = -1;
	fprintf(file, "%lx", (unsigned long)waited);
	fclose(file);
	is_ready = 1;
	poll(waited, 1, -1); /* called */
	return NULL;
}

static int is_asleep(void)
{
	usleep(50000);
	return is_ready;
}

int main(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, wait_in_library, NULL);
	while (!is_asleep())
		;
	exit(0);
}
