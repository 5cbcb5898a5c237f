/*
 * quarantine.c - frees most of what it has: for `--malloc debug`. With "fork" a child ends
 * with what it inherited; with "killed" the program says "ready", and when its input has
 * ended it asks for more and is killed.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SMALL = 1000,
	LARGE = 50,
	KEPT = 10,
};

static void *kept[KEPT];

static void *make(size_t size)
{
	return malloc(size); /* made */
}

static void end_child(void)
{
	for (int i = 0; i < KEPT; i++)
		free(kept[i]);
	free(make(40));
	exit(0);
}

static void be_killed(void)
{
	write(1, "ready\n", 6);
	while (read(0, kept, 1) > 0)
		;
	for (int i = 0; i < LARGE; i++)
		memset(malloc(100000), 1, 100000);
	raise(SIGKILL);
}

int main(int argc, char **argv)
{
	for (int i = 0; i < SMALL; i++)
		free(make(100));
	for (int i = 0; i < LARGE; i++)
		free(make(5000));
	for (int i = 0; i < KEPT; i++)
		kept[i] = malloc(300);
	if (argc > 1 && !strcmp(argv[1], "killed"))
		be_killed();
	if (argc > 1 && fork() == 0)
		end_child();
	wait(NULL);
	usleep(60000); /* programs of less than 50 ms do not wait for the kernel's figures */
	return 0;
}
