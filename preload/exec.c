/*
 * exec.c - start other programs as ever, announce them, and count those without us.
 * Inside the traced process. These run in children of fork and vfork too, where the
 * shared state is the parent's: the words are meant for it, and nothing else is touched.
 */
#include "preload/exec.h"

#include "preload/config.h"
#include "preload/environment.h"
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

/* Where our library is, as the loader was told; asked for early, because that may wait. */
static const char *own_path;

void exec_start(void)
{
	Dl_info self = {0};
	if (dladdr(&next, &self))
		own_path = self.dli_fname;
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

static void copy_path(char *to, size_t size, const char *path)
{
	size_t length = 0;
	for (; path && path[length] && length < size - 1; length++)
		to[length] = path[length];
	to[length] = '\0';
}

/*
 * pid runs, or is about to run, this program: it is expected to greet the collector. NULL
 * where nobody waits for that. What begins without our environment is counted at once.
 */
static struct mt_state_start *announce(uint32_t pid, const char *path,
				       char *const environment[])
{
	if (!mt_state_is_handed_over() || (config.only_pid && config.only_pid != pid))
		return NULL;
	uint32_t number = atomic_fetch_add(&mt_state.header->used.starts, 1);
	struct mt_state_start *start = &mt_state.starts[number % mt_state.max_starts];
	start->pid = 0;
	start->has_no_environment =
		!environment || !config_find(environment, "LD_PRELOAD");
	if (start->has_no_environment)
		mt_state_lose(MT_LOSS_CHILD_NO_ENVIRONMENT);
	copy_path(start->path, sizeof start->path, path);
	start->pid = pid;
	return start;
}

static struct mt_state_start *announce_own(const char *path, char *const environment[])
{
	return announce((uint32_t)mt_syscall3(SYS_getpid, 0, 0, 0), path, environment);
}

/*
 * Behind a change of root, of mounts or of user the loader may be unable to open our
 * library, and would complain of that on the program's stderr: the program begins without
 * us then. The room that its environment needs; 0: it stays as it is.
 */
static size_t room_without_us(char *const environment[])
{
	if (!environment || !own_path || mt_state.has_filter ||
	    mt_syscall3(SYS_faccessat, AT_FDCWD, (long)own_path, R_OK) == 0)
		return 0;
	return environment_room(environment, own_path);
}

/* To be used where the stack frame lasts until the program begins. */
#define WITHOUT_US(environment, room)                                                    \
	((room) ? environment_without(environment, own_path, alloca(room))               \
		: (environment))

/* It did not come to that. */
static void withdraw(struct mt_state_start *start)
{
	if (!start)
		return;
	if (start->has_no_environment)
		atomic_fetch_sub(&mt_state.header->losses[MT_LOSS_CHILD_NO_ENVIRONMENT],
				 1);
	start->pid = 0;
}

/* The system call itself, which is all that the C library's execve does. */
static int exec_now(int directory, const char *path, char *const argv[],
		    char *const environment[], int flags)
{
	bool is_named = path && (*path || !argv);
	size_t room = room_without_us(environment);
	struct mt_state_start *start = announce_own(is_named ? path
						    : argv   ? argv[0]
							     : NULL,
						    room ? NULL : environment);
	environment = WITHOUT_US(environment, room);
	long result = flags || directory != AT_FDCWD
			      ? mt_syscall6(SYS_execveat, directory, (long)path,
					    (long)argv, (long)environment, flags, 0)
			      : mt_syscall3(SYS_execve, (long)path, (long)argv,
					    (long)environment);
	withdraw(start);
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
	size_t room = room_without_us(environment);
	struct mt_state_start *start = announce_own(file, room ? NULL : environment);
	next.execvpe(file, argv, WITHOUT_US(environment, room));
	withdraw(start);
	return -1;
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

/* The child is known when it runs the program already: nothing is to be withdrawn. */
static int spawn(spawn_function *const *spawn_next, pid_t *pid, const char *path,
		 const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[],
		 char *const environment[])
{
	pid_t child;
	need_start();
	size_t room = room_without_us(environment);
	int error = (*spawn_next)(&child, path, actions, attributes, argv,
				  WITHOUT_US(environment, room));
	if (error)
		return error;
	announce((uint32_t)child, path, room ? NULL : environment);
	if (pid)
		*pid = child;
	return 0;
}

DOOR int posix_spawn(pid_t *pid, const char *path,
		     const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attributes, char *const argv[],
		     char *const environment[])
{
	return spawn(&next.posix_spawn, pid, path, actions, attributes, argv,
		     environment);
}

DOOR int posix_spawnp(pid_t *pid, const char *file,
		      const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, char *const argv[],
		      char *const environment[])
{
	return spawn(&next.posix_spawnp, pid, file, actions, attributes, argv,
		     environment);
}

/* The C library starts it by itself and tells no pid. */
static void note_shell(void)
{
	if (!config.only_pid && mt_state_is_handed_over() &&
	    (!environ || !config_find(environ, "LD_PRELOAD")))
		mt_state_lose(MT_LOSS_CHILD_NO_ENVIRONMENT);
}

DOOR int system(const char *command)
{
	need_start();
	if (command)
		note_shell();
	return next.system(command);
}

DOOR FILE *popen(const char *command, const char *mode)
{
	need_start();
	note_shell();
	return next.popen(command, mode);
}
