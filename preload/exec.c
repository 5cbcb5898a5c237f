/*
 * exec.c - start other programs as ever, and count those that start without us.
 * Inside the traced process. These run in children of fork and vfork too, where the
 * shared state is the parent's: the count is meant for it, and nothing else is touched.
 */
#include "preload/exec.h"

#include "preload/config.h"
#include "preload/process.h"
#include "tracer/record/state.h"
#include "tracer/record/syscall.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DOOR __attribute__((visibility("default")))

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[], char *const[]);

static struct {
	spawn_function *posix_spawn, *posix_spawnp;
	int (*execvpe)(const char *, char *const[], char *const[]);
	int (*system)(const char *);
	FILE *(*popen)(const char *, const char *);
} next;

void exec_start(void)
{
	next.posix_spawn = (spawn_function *)dlsym(RTLD_NEXT, "posix_spawn");
	next.posix_spawnp = (spawn_function *)dlsym(RTLD_NEXT, "posix_spawnp");
	next.execvpe = (int (*)(const char *, char *const[], char *const[]))dlsym(
		RTLD_NEXT, "execvpe");
	next.system = (int (*)(const char *))dlsym(RTLD_NEXT, "system");
	next.popen = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "popen");
}

/* A constructor that runs before ours may come through a door already. */
static void need_start(void)
{
	if (!next.popen)
		exec_start();
}

static void note_environment(char *const environment[])
{
	if (config.only_pid || !mt_state_is_handed_over())
		return;
	if (!environment || !config_find(environment, "LD_PRELOAD"))
		mt_state_lose(MT_LOSS_CHILD_NO_ENVIRONMENT);
}

/* The system call itself, which is all that the C library's execve does. */
static int exec_now(int directory, const char *path, char *const argv[],
		    char *const environment[], int flags)
{
	note_environment(environment);
	long result = flags || directory != AT_FDCWD
			      ? mt_syscall6(SYS_execveat, directory, (long)path,
					    (long)argv, (long)environment, flags, 0)
			      : mt_syscall3(SYS_execve, (long)path, (long)argv,
					    (long)environment);
	errno = (int)-result;
	return -1;
}

DOOR int execve(const char *path, char *const argv[], char *const environment[])
{
	return exec_now(AT_FDCWD, path, argv, environment, 0);
}

DOOR int execv(const char *path, char *const argv[])
{
	return exec_now(AT_FDCWD, path, argv, environ, 0);
}

DOOR int execveat(int directory, const char *path, char *const argv[],
		  char *const environment[], int flags)
{
	return exec_now(directory, path, argv, environment, flags);
}

DOOR int fexecve(int fd, char *const argv[], char *const environment[])
{
	if (fd >= 0)
		return exec_now(fd, "", argv, environment, AT_EMPTY_PATH);
	errno = EINVAL;
	return -1;
}

DOOR int execvpe(const char *file, char *const argv[], char *const environment[])
{
	need_start();
	note_environment(environment);
	return next.execvpe(file, argv, environment);
}

DOOR int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* The arguments of an execl as a vector, its NULL included. */
#define COLLECT_ARGUMENTS(first, list, argv)                                             \
	do {                                                                             \
		va_list counting;                                                        \
		size_t count = 1;                                                        \
		va_copy(counting, list);                                                 \
		while (va_arg(counting, const char *))                                   \
			count++;                                                         \
		va_end(counting);                                                        \
		(argv) = alloca((count + 1) * sizeof *(argv));                           \
		(argv)[0] = (char *)(first);                                             \
		for (size_t i = 1; i <= count; i++)                                      \
			(argv)[i] = va_arg(list, char *);                                \
	} while (0)

DOOR int execl(const char *path, const char *argument, ...)
{
	va_list list;
	char **argv;
	va_start(list, argument);
	COLLECT_ARGUMENTS(argument, list, argv);
	va_end(list);
	return execv(path, argv);
}

DOOR int execlp(const char *file, const char *argument, ...)
{
	va_list list;
	char **argv;
	va_start(list, argument);
	COLLECT_ARGUMENTS(argument, list, argv);
	va_end(list);
	return execvp(file, argv);
}

DOOR int execle(const char *path, const char *argument, ...)
{
	va_list list;
	char **argv;
	va_start(list, argument);
	COLLECT_ARGUMENTS(argument, list, argv);
	char *const *environment = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, environment);
}

DOOR int posix_spawn(pid_t *pid, const char *path,
		     const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attributes, char *const argv[],
		     char *const environment[])
{
	need_start();
	note_environment(environment);
	return next.posix_spawn(pid, path, actions, attributes, argv, environment);
}

DOOR int posix_spawnp(pid_t *pid, const char *file,
		      const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, char *const argv[],
		      char *const environment[])
{
	need_start();
	note_environment(environment);
	return next.posix_spawnp(pid, file, actions, attributes, argv, environment);
}

DOOR int system(const char *command)
{
	need_start();
	if (command)
		note_environment(environ);
	return next.system(command);
}

DOOR FILE *popen(const char *command, const char *mode)
{
	need_start();
	note_environment(environ);
	return next.popen(command, mode);
}
