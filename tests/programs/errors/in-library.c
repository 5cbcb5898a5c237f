/*
 * in-library.c - the block was allocated in a library that is closed when the error is
 * found; the library is this file again, built with -DPLUGIN -shared.
 * error: write-beyond
 * The twin, with a second argument, stays within.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>

char *plugin_make(size_t size);

#ifdef PLUGIN

char *plugin_make(size_t size)
{
	return malloc(size); /* allocated in plugin_make */
}

#else

static void drop_block(char *p)
{
	free(p); /* here in drop_block */
}

static char *make_block(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW);
	if (!plugin)
		abort();
	char *(*make)(size_t) = (char *(*)(size_t))dlsym(plugin, "plugin_make");
	char *p = make(27);
	dlclose(plugin);
	return p;
}

int main(int argc, char **argv)
{
	bool is_right = argc > 2;
	char *p = make_block(argv[1]);
	p[27 - is_right] = 'x';
	drop_block(p);
	return 0;
}

#endif
