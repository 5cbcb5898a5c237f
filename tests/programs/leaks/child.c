/*
 * child.c - stories in which the leak is elsewhere: in a forked child, in a library that
 * was closed.
 */
#include "story.h"

#include <dlfcn.h>
#include <sys/wait.h>

static NOINLINE void story_lose(size_t size)
{
	void *volatile lost = malloc(size);
	if (lost)
		memset(lost, 1, size);
}

/* The parent's trace has no leak: what it expects is nothing. */
static NOINLINE void forked(void)
{
	pid_t child = fork();
	if (!child) {
		story_lose(152);
		exit(0);
	}
	int status;
	if (waitpid(child, &status, 0) != child || status)
		abort();
}

static NOINLINE void closed_library(void)
{
	void *module = dlopen("./plugin.so", RTLD_NOW);
	void (*leak)(void) = NULL;
	if (module)
		*(void **)&leak = dlsym(module, "story_plugin_leak");
	if (!leak)
		abort();
	leak();
	dlclose(module);
	expect("definite", 1, 136);
}

int main(int argc, char **argv)
{
	static const struct story stories[] = {
		{"forked", forked},
		{"closed-library", closed_library},
		{NULL, NULL},
	};
	find_story(stories, argc, argv)();
	return 0;
}
