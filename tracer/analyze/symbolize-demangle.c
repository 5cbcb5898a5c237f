/*
 * symbolize-demangle.c - see symbolize-demangle.h. Outside.
 */
#include "tracer/analyze/symbolize-demangle.h"

#include <libiberty/demangle.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A name can stand for one exponentially longer; none that people use is so long. */
	MAX_MANGLED_BYTES = 8 << 10,
	MAX_DEMANGLED_BYTES = 64 << 10
};

/* Where what compilers and linkers append to a name begins: clones and versions. */
static size_t length_of_name(const char *name)
{
	static const char *const clones[] = {"cold",       "part.",     "isra.",
					     "constprop.", "lto_priv.", "localalias",
					     "llvm.",      "str."};
	size_t length = strlen(name);
	const char *version = strchr(name, '@');
	if (version && version > name)
		length = (size_t)(version - name);
	for (const char *dot = name;
	     (dot = strchr(dot + 1, '.')) && dot < name + length;) {
		for (size_t i = 0; i < sizeof clones / sizeof *clones; i++) {
			if (!strncmp(dot + 1, clones[i], strlen(clones[i])))
				return (size_t)(dot - name);
		}
	}
	return length;
}

static bool is_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) ||
	       !strncmp(name, "_GLOBAL_", 8);
}

static char *plain_of(const char *name)
{
	char *plain = cplus_demangle(name, DMGL_AUTO | DMGL_PARAMS | DMGL_ANSI);
	if (plain && strlen(plain) > MAX_DEMANGLED_BYTES) {
		free(plain);
		return NULL;
	}
	return plain;
}

char *mt_demangle(const char *name)
{
	size_t whole = strnlen(name, MAX_MANGLED_BYTES + 1);
	if (!whole || whole > MAX_MANGLED_BYTES)
		return NULL;
	size_t length = length_of_name(name);
	if (length == whole)
		return is_mangled(name) ? plain_of(name) : NULL;
	char *core = strndup(name, length);
	char *plain = core && is_mangled(core) ? plain_of(core) : NULL;
	if (!plain)
		return core;
	free(core);
	return plain;
}
