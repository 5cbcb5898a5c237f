/* plugin.c - a module with data of its own, and a leak of its own. */
#include <stdlib.h>
#include <string.h>

void *plugin_slot;

__attribute__((noinline)) void story_plugin_leak(void)
{
	void *volatile lost = malloc(136); /* plugin */
	if (lost)
		memset(lost, 1, 136);
}
