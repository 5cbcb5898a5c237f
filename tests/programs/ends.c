/*
 * Allocates a known number of blocks, counts them in a file, and ends as it is told:
 *
 *     ends COUNT-FILE HOW
 *
 * The count in the file (words: begun, done, pid) is written around every allocation, so
 * that whoever kills the program knows what it had, to one event.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BLOCKS = 1000
};

static volatile uint64_t *count;
static void **chain;

static void add_block(void)
{
	count[0]++;
	void **block = malloc(72); /* block */
	block[0] = chain;
	chain = block;
	count[1]++;
}

static void add_blocks(int n)
{
	for (int i = 0; i < n; i++)
		add_block();
}

static void map_count(const char *path)
{
	int file = open(path, O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, 4096))
		abort();
	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	count[0] = count[1] = 0;
	count[2] = (uint64_t)getpid();
}

static void crash(void)
{
	munmap((void *)count, 4096);
	count[0] = 1;
}

/* A child that goes on without exec; the parent's trace must not hold its blocks. */
static void fork_and_end(void)
{
	if (!fork()) {
		for (int i = 0; i < 100; i++)
			chain = malloc(56); /* child */
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

/* The parent is gone before the child has done its work. */
static void become_daemon(void)
{
	pid_t parent = getpid();
	if (fork())
		_exit(0);
	setsid();
	while (getppid() == parent)
		sched_yield();
	for (int i = 0; i < 100; i++)
		chain = malloc(56); /* daemon */
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	map_count(argv[1]);
	const char *how = argv[2];
	if (!strcmp(how, "forever"))
		for (;;)
			add_block();
	add_blocks(BLOCKS);
	if (!strcmp(how, "_exit"))
		_exit(3);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "crash"))
		crash();
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "exec"))
		execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
	if (!strcmp(how, "fork"))
		fork_and_end();
	if (!strcmp(how, "daemon"))
		become_daemon();
	return 0;
}
