/*
 * aside.c - see aside.h: sanitizers' runtimes and Valgrind's tools.
 * Inside the traced process. AddressSanitizer and its kin must serve every request
 * themselves: a runtime that finds another library before it ends the program, one that
 * does not look finds no errors. Each asks for its default options first of all, before
 * any constructor and under a name that the program may define: the program is then
 * started once more, without us. Where it defines that name itself, ours is not asked.
 */
#include "preload/aside.h"

#include "preload/config.h"
#include "preload/door.h"
#include "preload/environment.h"
#include "tracer/record/pages.h"
#include "tracer/record/syscall.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/stat.h>

extern void *__libc_stack_end;

const char *__asan_default_options(void);
const char *__hwasan_default_options(void);
const char *__lsan_default_options(void);
const char *__tsan_default_options(void);

static bool starts_with(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return false;
	return true;
}

/* NULL: it is not LD_PRELOAD that brought us here. */
static char *const *environment_without_us(void)
{
	static const char here;
	Dl_info self = {0};
	if (!dladdr(&here, &self) || !self.dli_fname)
		return NULL;
	char *const *environment = config_environment();
	size_t bytes = environment_room(environment, self.dli_fname);
	void *room = bytes ? mt_pages_map(mt_pages_round(bytes)) : NULL;
	return room ? environment_without(environment, self.dli_fname, room) : NULL;
}

/* The name by which it was started, unless that is a script's: the process keeps its name. */
static const char *program_path(void)
{
	static const char self[] = "/proc/self/exe";
	const char *name = (const char *)getauxval(AT_EXECFN);
	struct stat named, running;
	if (!name ||
	    mt_syscall6(SYS_newfstatat, AT_FDCWD, (long)name, (long)&named, 0, 0, 0) ||
	    mt_syscall6(SYS_newfstatat, AT_FDCWD, (long)self, (long)&running, 0, 0, 0))
		return self;
	return named.st_dev == running.st_dev && named.st_ino == running.st_ino ? name
										: self;
}

/* Returns where that is not possible; the runtime then says what it thinks of us. */
static const char *step_aside(const char *door)
{
	char *const *environment = NULL;
	/* A loader that was started by hand has changed its arguments. */
	if (__libc_stack_end && getauxval(AT_BASE))
		environment = environment_without_us();
	if (environment)
		mt_syscall3(SYS_execve, (long)program_path(),
			    (long)((char **)__libc_stack_end + 1), (long)environment);
	const char *(*next)(void) = (const char *(*)(void))dlsym(RTLD_NEXT, door);
	return next ? next() : "";
}

DOOR const char *__asan_default_options(void)
{
	return step_aside(__func__);
}

DOOR const char *__hwasan_default_options(void)
{
	return step_aside(__func__);
}

DOOR const char *__lsan_default_options(void)
{
	return step_aside(__func__);
}

DOOR const char *__tsan_default_options(void)
{
	return step_aside(__func__);
}

bool aside_for_valgrind;

/*
 * Each tool that serves malloc preloads a library of its own beside the core's, and takes
 * both out again for programs that run without it. Starting once more is no way here: the
 * program would leave Valgrind.
 */
void aside_look_for_valgrind(void)
{
	static const char prefix[] = "vgpreload_";
	const char *list = config_find(config_environment(), "LD_PRELOAD");
	for (; list && *list; list++)
		if (starts_with(list, prefix) &&
		    !starts_with(list + sizeof prefix - 1, "core"))
			aside_for_valgrind = true;
}
