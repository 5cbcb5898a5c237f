/*
 * config.c - the environment, read without the C library.
 * Inside the traced process.
 */
#include "preload/config.h"

#include "preload/setting.h"
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
	int found = setting_choice(environment, "MEMTRACE_MALLOC", names);
	config.malloc_mode = meanings[found].mode;
	config.check_mode = meanings[found].checks;
}

static void copy_socket(const char *name)
{
	for (size_t i = 0; name && name[i] && i < sizeof config.socket - 1; i++)
		config.socket[i] = name[i];
}

static void read_modes(char *const *env)
{
	static const char *const geometries[] = {"modern", "classic", NULL};
	static const char *const tracings[] = {"on", "off", NULL};
	static const char *const ends[] = {"abort", "continue", NULL};
	static const char *const owners[] = {"ours", "own", NULL};
	config.geometry = (enum mt_geometry_kind)setting_choice(env, "MEMTRACE_GEOMETRY",
								geometries);
	config.is_tracing_off = setting_choice(env, "MEMTRACE_TRACING", tracings);
	config.goes_on = setting_choice(env, "MEMTRACE_DEBUG", ends);
	const char *own = config_find(env, "PYTHONMALLOC");
	config.python_is_ours =
		!setting_choice(env, "MEMTRACE_PYTHON_MALLOC", owners) && !(own && *own);
}

static void read_limits(char *const *env)
{
	config.guard_budget_bytes =
		setting_size(env, "MEMTRACE_GUARD_BUDGET", DEFAULT_GUARD_BUDGET);
	config.guard_sample =
		setting_number(env, "MEMTRACE_GUARD_SAMPLE", 1, MAX_GUARD_SAMPLE, 1);
	config.quarantine_bytes =
		setting_size(env, "MEMTRACE_QUARANTINE", DEFAULT_QUARANTINE);
	config.nframe =
		setting_number(env, "MEMTRACE_NFRAME", 1, MT_MAX_NFRAME, DEFAULT_NFRAME);
	config.only_pid = setting_number(env, "MEMTRACE_ONLY", 1, INT32_MAX, 0);
}

static void read_leaks(char *const *env)
{
	if (setting_flag(env, "MEMTRACE_DUP"))
		config.leaks_wishes |= MT_SNAPSHOT_WITH_HASHES;
	if (setting_flag(env, "MEMTRACE_CONTENTS"))
		config.leaks_wishes |= MT_SNAPSHOT_WITH_CONTENTS;
	config.finds_leaks = setting_flag(env, "MEMTRACE_LEAKS") || config.leaks_wishes;
	config.tests_itself = setting_flag(env, "MEMTRACE_SELF_TEST");
}

/* They are the collector's, which has nowhere to complain. */
static void check_others(char *const *env)
{
	setting_flag(env, "MEMTRACE_FORCE");
	setting_check_interval(env, "MEMTRACE_SNAPSHOT_EVERY");
	setting_check_name(env, "MEMTRACE_OUTPUT");
}

void config_read(void)
{
	static bool is_read;
	if (is_read)
		return;
	is_read = true;
	char *const *env = config_environment();
	read_malloc(env);
	read_modes(env);
	read_limits(env);
	read_leaks(env);
	check_others(env);
	config.collector = config_find(env, "MEMTRACE_COLLECTOR");
	copy_socket(config_find(env, "MEMTRACE_SOCKET"));
	/* Without `run`, who finds no collector is the main process. */
	if (setting_flag(env, "MEMTRACE_NO_CHILDREN") && !config.only_pid &&
	    !config.socket[0])
		config.only_pid = (uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0);
}
