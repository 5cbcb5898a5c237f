/*
 * double-free-in-grandchild.c - a block that its grandparent allocated and its parent freed is
 * freed again.
 * error: double-free
 * status: 0
 * The twin, with an argument, leaves it alone.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char *make_block(size_t size)
{
	return malloc(size); /* allocated in make_block */
}

static void drop_block(char *p)
{
	free(p); /* freed in drop_block */
}

static void drop_again(char *p)
{
	free(p); /* here in drop_again */
}

/* Whether this is the child, which goes on alone. */
static bool go_on_in_child(void)
{
	int status = 0;
	pid_t child = fork();
	if (child)
		waitpid(child, &status, 0);
	return child == 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(70);
	if (!go_on_in_child())
		return 0;
	drop_block(p);
	if (!go_on_in_child())
		return 0;
	if (!is_right)
		drop_again(p);
	return 0;
}
