/*
 * workers.c - three named threads, each with a block on its stack, one in a thread-local
 * and one in a thread-local of a module that it opens.
 */
#include "story.h"

#include <dlfcn.h>

static __thread void *volatile kept;
static _Atomic int ready;

static void *work(void *number)
{
	char name[] = "worker-0";
	void *module = dlopen("./plugin.so", RTLD_NOW);
	void (*keep)(void *) = (void (*)(void *))dlsym(module, "plugin_keep");
	name[7] = (char)(name[7] + (int)(intptr_t)number);
	pthread_setname_np(pthread_self(), name);
	kept = malloc(40); /* kept */
	keep(malloc(56));  /* late */
	forget();
	void *volatile held = malloc(48); /* held */
	ready++;
	for (;;)
		pause();
	return held;
}

int main(void)
{
	pthread_t thread;
	for (intptr_t i = 1; i <= 3; i++)
		if (pthread_create(&thread, NULL, work, (void *)i))
			abort();
	while (ready < 3)
		usleep(100);
	return 0;
}
