/*
 * config.c - the environment, read without the C library.
 * Inside the traced process.
 */
#include "preload/config.h"

#include "tracer/record/syscall.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	DEFAULT_NFRAME = 128,
	DEFAULT_QUARANTINE = 16 << 20,
	DEFAULT_GUARD_BUDGET = 64 << 20,
	MAX_GUARD_SAMPLE = 1 << 30,
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

/* The index of value among names, NULL at the end; 0 and a note where it is none. */
static int choice(char *const *environment, const char *variable,
		  const char *const *names)
{
	const char *value = config_find(environment, variable);
	if (!value || !*value)
		return 0;
	for (int i = 0; names[i]; i++)
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

/* As number, with the units that the options have; without fractions. */
static uint64_t size(char *const *environment, const char *variable, uint64_t otherwise)
{
	static const struct {
		char name[4];
		uint32_t factor;
	} units[] = {{"", 1},           {"B", 1},       {"k", 1 << 10},   {"K", 1 << 10},
		     {"KiB", 1 << 10},  {"M", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30},
		     {"GiB", 1 << 30},  {"kB", 1000},   {"KB", 1000},     {"MB", 1000000},
		     {"GB", 1000000000}};
	const char *value = config_find(environment, variable);
	if (!value || !*value)
		return otherwise;
	uint64_t result = 0;
	bool has_digit = *value >= '0' && *value <= '9';
	for (; *value >= '0' && *value <= '9' && result < UINT32_MAX; value++)
		result = result * 10 + (uint64_t)(*value - '0');
	for (size_t i = 0; has_digit && i < sizeof units / sizeof *units; i++)
		if (is_same(value, units[i].name))
			return result * units[i].factor;
	config.misunderstood = variable;
	return otherwise;
}

static void read_malloc(char *const *environment)
{
	static const char *const names[] = {
		"pymalloc",     "malloc", "debug", "pymalloc_debug",
		"malloc_debug", "guard",  NULL};
	static const struct {
		enum mt_malloc_mode mode;
		enum mt_check_mode checks;
	} meanings[] = {{MT_MALLOC_PYMALLOC, MT_CHECK_NONE},
			{MT_MALLOC_LIBC, MT_CHECK_NONE},
			{MT_MALLOC_PYMALLOC, MT_CHECK_DEBUG},
			{MT_MALLOC_PYMALLOC, MT_CHECK_DEBUG},
			{MT_MALLOC_LIBC, MT_CHECK_DEBUG},
			{MT_MALLOC_PYMALLOC, MT_CHECK_GUARD}};
	int found = choice(environment, "MEMTRACE_MALLOC", names);
	config.malloc_mode = meanings[found].mode;
	config.check_mode = meanings[found].checks;
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
	read_malloc(env);
	config.geometry = (enum mt_geometry_kind)choice(
		env, "MEMTRACE_GEOMETRY",
		(const char *const[]){"modern", "classic", NULL});
	config.is_tracing_off =
		choice(env, "MEMTRACE_TRACING", (const char *const[]){"on", "off", NULL});
	config.goes_on = choice(env, "MEMTRACE_DEBUG",
				(const char *const[]){"abort", "continue", NULL});
	config.guard_budget_bytes =
		size(env, "MEMTRACE_GUARD_BUDGET", DEFAULT_GUARD_BUDGET);
	config.guard_sample =
		number(env, "MEMTRACE_GUARD_SAMPLE", 1, MAX_GUARD_SAMPLE, 1);
	config.quarantine_bytes = size(env, "MEMTRACE_QUARANTINE", DEFAULT_QUARANTINE);
	config.nframe = number(env, "MEMTRACE_NFRAME", 1, MT_MAX_NFRAME, DEFAULT_NFRAME);
	config.only_pid = number(env, "MEMTRACE_ONLY", 1, INT32_MAX, 0);
	const char *own = config_find(env, "PYTHONMALLOC");
	config.python_is_ours = !choice(env, "MEMTRACE_PYTHON_MALLOC",
					(const char *const[]){"ours", "own", NULL}) &&
				!(own && *own);
	config.collector = config_find(env, "MEMTRACE_COLLECTOR");
	if (number(env, "MEMTRACE_DUP", 0, 1, 0))
		config.leaks_wishes |= MT_SNAPSHOT_WITH_HASHES;
	if (number(env, "MEMTRACE_CONTENTS", 0, 1, 0))
		config.leaks_wishes |= MT_SNAPSHOT_WITH_CONTENTS;
	config.finds_leaks =
		number(env, "MEMTRACE_LEAKS", 0, 1, 0) || config.leaks_wishes;
	config.tests_itself = number(env, "MEMTRACE_SELF_TEST", 0, 1, 0);
	copy_socket(config_find(env, "MEMTRACE_SOCKET"));
	/* Without `run`, who finds no collector is the main process. */
	if (number(env, "MEMTRACE_NO_CHILDREN", 0, 1, 0) && !config.only_pid &&
	    !config.socket[0])
		config.only_pid = (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0);
}
