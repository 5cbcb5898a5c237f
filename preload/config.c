/*
 * config.c - the environment, read without the C library.
 * Inside the traced process.
 */
#include "preload/config.h"

#include <stddef.h>
#include <unistd.h>

enum {
	DEFAULT_NFRAME = 128,
	MAX_NFRAME = 1024,
};

struct config config = {.nframe = DEFAULT_NFRAME, .python_is_ours = true};

/* The loader's: where the kernel put argc, then argv and the environment. */
extern void *__libc_stack_end;

char *const *config_environment(void)
{
	static char *const nothing[] = {NULL};
	if (environ)
		return environ;
	const uintptr_t *stack = __libc_stack_end;
	if (!stack)
		return nothing;
	uintptr_t argc = *stack;
	return (char *const *)(stack + 1 + argc + 1);
}

const char *config_find(char *const *environment, const char *name)
{
	for (; environment && *environment; environment++) {
		const char *entry = *environment;
		size_t i = 0;
		while (name[i] && entry[i] == name[i])
			i++;
		if (!name[i] && entry[i] == '=')
			return entry + i + 1;
	}
	return NULL;
}

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The index of value among names; -1 and a note where it is none of them. */
static int choice(char *const *environment, const char *variable,
		  const char *const names[2])
{
	const char *value = config_find(environment, variable);
	if (!value || !*value)
		return 0;
	for (int i = 0; i < 2; i++)
		if (is_same(value, names[i]))
			return i;
	config.misunderstood = variable;
	return 0;
}

static uint32_t number(char *const *environment, const char *variable, uint32_t least,
		       uint32_t most, uint32_t otherwise)
{
	const char *value = config_find(environment, variable);
	if (!value || !*value)
		return otherwise;
	uint64_t result = 0;
	for (; *value >= '0' && *value <= '9' && result <= most; value++)
		result = result * 10 + (uint64_t)(*value - '0');
	if (!*value && result >= least && result <= most)
		return (uint32_t)result;
	config.misunderstood = variable;
	return otherwise;
}

static void copy_socket(const char *name)
{
	for (size_t i = 0; name && name[i] && i < sizeof config.socket - 1; i++)
		config.socket[i] = name[i];
}

void config_read(void)
{
	static bool is_read;
	if (is_read)
		return;
	is_read = true;
	char *const *env = config_environment();
	config.malloc_mode = (enum mt_malloc_mode)choice(
		env, "MEMTRACE_MALLOC", (const char *const[]){"pymalloc", "malloc"});
	config.geometry = (enum mt_geometry_kind)choice(
		env, "MEMTRACE_GEOMETRY", (const char *const[]){"modern", "classic"});
	config.nframe = number(env, "MEMTRACE_NFRAME", 1, MAX_NFRAME, DEFAULT_NFRAME);
	config.only_pid = number(env, "MEMTRACE_ONLY", 1, INT32_MAX, 0);
	const char *own = config_find(env, "PYTHONMALLOC");
	config.python_is_ours = !choice(env, "MEMTRACE_PYTHON_MALLOC",
					(const char *const[]){"ours", "own"}) &&
				!(own && *own);
	config.collector = config_find(env, "MEMTRACE_COLLECTOR");
	config.tests_itself = number(env, "MEMTRACE_SELF_TEST", 0, 1, 0);
	copy_socket(config_find(env, "MEMTRACE_SOCKET"));
}
