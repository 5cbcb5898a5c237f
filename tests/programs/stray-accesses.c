/*
 * stray-accesses.c - accesses that cannot go on, each by a call of its own.
 *
 *   stray-accesses [handled] jump       into a live block
 *   stray-accesses [handled] jump-freed into a freed one
 *   stray-accesses [handled] far        far beyond a block
 *   stray-accesses [handled] before     more than a page before the first one
 *   stray-accesses [handled] none       into 64 MiB of inaccessible pages
 *   stray-accesses [handled] closed     into a page of a block that the program has closed
 *
 * handled: a handler jumps back, and then it is said how often it was called.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	FAR_BEYOND = 10000000,
	BEFORE = 5000,
	SIZE = 100,
	RANGE = 64 << 20,
};

static sigjmp_buf back;
static volatile int calls;
static volatile char sink;

static void jump_back(int number)
{
	(void)number;
	calls = calls + 1;
	siglongjmp(back, 1);
}

__attribute__((noinline)) static void jump(void *p)
{
	void (*volatile function)(void) = (void (*)(void))p;
	function();
	sink = 1;
}

__attribute__((noinline)) static void access_far(const volatile char *p)
{
	sink = *p;
}

static void close_own(void)
{
	char *volatile page = aligned_alloc(4096, 4096);
	mprotect(page, 4096, PROT_NONE);
	access_far(page + SIZE);
}

/* Where blocks would be guarded if the budget were more than nothing. */
static void access_range(void)
{
	unsigned long start, end;
	char line[300], permissions[5];
	FILE *maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, permissions) == 3 &&
		    end - start == RANGE && !strcmp(permissions, "---p"))
			access_far((const char *)start + RANGE / 2);
}

static void stray(const char *how, char *volatile p)
{
	if (!strcmp(how, "jump-freed"))
		free(p);
	if (!strcmp(how, "far"))
		access_far(p + FAR_BEYOND);
	else if (!strcmp(how, "before"))
		access_far(p - BEFORE);
	else if (!strcmp(how, "none"))
		access_range();
	else if (!strcmp(how, "closed"))
		close_own();
	else
		jump(p);
}

int main(int argc, char **argv)
{
	char *volatile p = malloc(SIZE);
	memset(p, 0xc3, SIZE); /* where it may be executed, it returns */
	if (argc > 2)
		signal(SIGSEGV, jump_back);
	if (!sigsetjmp(back, 1))
		stray(argv[argc - 1], p);
	printf("calls %d\n", calls);
	return 0;
}
