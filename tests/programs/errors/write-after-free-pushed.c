/*
 * write-after-free-pushed.c - a write into a freed block, found when others push it out of
 * the quarantine; until then it does no harm.
 * error: write-after-free
 * guard: access-after-free
 * The twin, with an argument, writes before.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* freed in drop_block */
}

static void write_block(volatile char *p)
{
	p[3000] = 'x'; /* access in write_block */
}

static void push(void)
{
	for (int i = 0; i < 100; i++)
		free(malloc(1 << 20)); /* here in push */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(4000);
	if (is_right)
		write_block(p);
	drop_block(p);
	if (!is_right)
		write_block(p);
	push();
	syscall(SYS_exit_group, 0); /* nothing is looked at here */
}
