/*
 * Blocks of known sizes from known lines, for top and diff:
 *
 *     callsites [N]
 *
 * N (default 0) further blocks of 10 bytes are kept. The lines are found by the comments
 * at their ends.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *volatile kept[1000];
static int kept_count;

static void keep(void *block)
{
	kept[kept_count++] = block;
}

__attribute__((noinline)) static void *xmalloc(size_t size)
{
	void *block = malloc(size); // in xmalloc
	if (!block)
		abort();
	return block;
}

__attribute__((noinline)) static void *pass_on(size_t size)
{
	char *block = malloc(size); // in pass_on
	block[0] = 1;
	return block;
}

__attribute__((noinline)) static void fill(void)
{
	for (int i = 0; i < 3; i++)
		keep(malloc(100)); // three
	keep(xmalloc(500));        // wrapped
	keep(strdup("hello"));     // duplicated
	keep(calloc(1000, 20));    // large
	keep(pass_on(24));         // passed on
}

__attribute__((noinline)) static void churn(void)
{
	char *block = malloc(600000); // churned
	memset(block, 1, 600000);
	block = realloc(block, 700000); // grown
	block[0] = 2;
	free(block);
}

static void *work(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "worker");
	keep(malloc(64)); // in thread
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	fill();
	churn();
	for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--)
		keep(malloc(10)); // more
	if (argc > 2 && pthread_create(&thread, NULL, work, NULL) == 0)
		pthread_join(thread, NULL);
	return 0;
}
