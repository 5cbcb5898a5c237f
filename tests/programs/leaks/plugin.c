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

/* What comes before it in the module's block is longer than a few words. */
__thread char plugin_text[200] = "x";
__thread void *plugin_local;

void plugin_keep(void *block);
void plugin_keep(void *block)
{
	plugin_local = block;
}
