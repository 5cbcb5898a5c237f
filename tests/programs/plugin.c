/* A library that is opened and closed again and again; it keeps what it is given. */
#include <stdlib.h>

void *plugin_keep(size_t size);

void *plugin_keep(size_t size)
{
	free(malloc(size * 2)); /* dropped */
	return malloc(size);    /* plugin */
}
