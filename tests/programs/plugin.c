/* A library that is opened and closed again and again; it keeps what it is given. */
#include <stdlib.h>

void *plugin_keep(size_t size);

void *plugin_keep(size_t size)
{
	void *volatile dropped = malloc(size * 2); /* dropped */
	free(dropped);
	void *volatile block = malloc(size); /* plugin */
	return block;
}
