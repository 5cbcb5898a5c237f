/*
 * launcher.c - two processes to start: the collector, detached, and the program. Outside.
 */
#include "cli/launcher.h"

#include "cli/forward.h"
#include "cli/name-frames.h"
#include "cli/values.h"
#include "formats/control.h"
#include "tracer/collect/collector.h"
#include "tracer/collect/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	/* Large states take their time to be written; a collector that hangs may not. */
	COLLECT_LOOKS = 600,
	LOOK_MS = 1000,
	STOPPED_LOOKS = 3, /* one after the other: nobody is about to continue it */
};

static const char *const library_places[] = {
	"libmemtrace.so",
	"../lib/memtrace/libmemtrace.so",
	"../lib/libmemtrace.so",
	"../lib64/libmemtrace.so",
#ifdef __x86_64__
	"../lib/x86_64-linux-gnu/libmemtrace.so",
#else
	"../lib/aarch64-linux-gnu/libmemtrace.so",
#endif
};

/* Beside this command, or in the lib that goes with its bin. */
static int find_library(char path[PATH_MAX], struct mt_error *err)
{
	const char *given = getenv("MEMTRACE_LIBRARY");
	if (given && *given)
		return realpath(given, path) ? 0
					     : mt_fail(err, MT_ERR_MISSING, "%s: %s",
						       given, strerror(errno));
	char self[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
	if (size < 0)
		return mt_fail(err, MT_ERR_SYSTEM,
			       "/proc/self/exe: %s; set MEMTRACE_LIBRARY to the path of "
			       "libmemtrace.so",
			       strerror(errno));
	self[size] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof library_places / sizeof *library_places; i++) {
		char tried[2 * PATH_MAX];
		snprintf(tried, sizeof tried, "%s/%s", self, library_places[i]);
		if (realpath(tried, path) && access(path, R_OK) == 0)
			return 0;
	}
	return mt_fail(err, MT_ERR_MISSING,
		       "libmemtrace.so is not found beside %s nor in its lib; set "
		       "MEMTRACE_LIBRARY",
		       self);
}

/* Before what is preloaded already. The loader splits at spaces and colons. */
static int preload(struct mt_error *err)
{
	char library[PATH_MAX];
	int rc = find_library(library, err);
	if (rc < 0)
		return rc;
	if (strpbrk(library, " :"))
		return mt_fail(err, MT_ERR_USAGE,
			       "%s: the loader cannot preload a library whose path has "
			       "spaces or colons; move it or set MEMTRACE_LIBRARY",
			       library);
	const char *others = getenv("LD_PRELOAD");
	if (others && !strncmp(others, library, strlen(library)))
		return 0; /* by an earlier run of --repeat */
	char *value = NULL;
	if (asprintf(&value, "%s%s%s", library, others && *others ? ":" : "",
		     others ? others : "") < 0)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	setenv("LD_PRELOAD", value, 1);
	free(value);
	return 0;
}

int mt_launcher_check_directory(const char *output, struct mt_error *err)
{
	char directory[PATH_MAX];
	size_t size = 0, length = strlen(output);
	for (size_t i = 0; i < length && output[i] != '%'; i++)
		if (output[i] == '/')
			size = i + 1;
	/* A template for the directory too: the collector will see. */
	const char *place = strchr(output, '%');
	if ((place && strchr(place, '/')) || size >= sizeof directory)
		return 0;
	memcpy(directory, size ? output : "./", size ? size : 2);
	directory[size ? size : 2] = '\0';
	if (access(output, F_OK) == 0 && access(output, W_OK) == 0 && size &&
	    !strncmp(output, "/dev/", 5))
		return 0;
	struct stat status;
	if (!place && stat(output, &status) == 0 && S_ISDIR(status.st_mode))
		return mt_fail(err, MT_ERR_SYSTEM,
			       "%s is a directory; name a file within it with -o",
			       output);
	if (access(directory, W_OK | X_OK) == 0)
		return 0;
	return mt_fail(err, MT_ERR_SYSTEM,
		       "cannot write a trace in %s: %s; choose another place with -o",
		       directory, strerror(errno));
}

/* An interval as --snapshot-every has it; where it is none the library says so. */
static struct mt_schedule schedule_from(const char *text)
{
	struct mt_schedule schedule = {0};
	bool has_unit = text && text[strspn(text, "0123456789.")];
	if (has_unit && mt_value_time(text, &schedule.every_ns, NULL) < 0 &&
	    mt_value_size(text, &schedule.every_bytes, NULL) < 0)
		schedule = (struct mt_schedule){0};
	return schedule;
}

struct mt_collector_options mt_launcher_collector_options(void)
{
	const char *force = getenv("MEMTRACE_FORCE");
	const char *output = getenv("MEMTRACE_OUTPUT");
	if (output && mt_naming_check(output, NULL) < 0)
		output = NULL;
	return (struct mt_collector_options){
		.output = output,
		.replaces = force && !strcmp(force, "1"),
		.schedule = schedule_from(getenv("MEMTRACE_SNAPSHOT_EVERY")),
		.name_frames = name_frames};
}

/*
 * The collector is a child of a child, so that it is nobody's to wait for and outlives us.
 * It needs no exec: it is this very command.
 */
static int start_collector(struct mt_launcher *launcher, int listener,
			   struct mt_error *err)
{
	pid_t middle = fork();
	if (middle < 0)
		return mt_fail(err, MT_ERR_SYSTEM, "fork: %s", strerror(errno));
	if (middle > 0) {
		waitpid(middle, NULL, 0);
		return 0;
	}
	mt_collector_detach(listener);
	pid_t collector = fork();
	if (collector != 0) {
		launcher->told->collector_pid = collector;
		_exit(0);
	}
	struct mt_collector_options options = mt_launcher_collector_options();
	options.listener = listener;
	options.began = "run";
	launcher->told->has_failed = mt_collector_run(&options, NULL) < 0;
	_exit(launcher->told->has_failed);
}

static int open_collector(struct mt_launcher *launcher, struct mt_error *err)
{
	char name[MT_SOCKET_NAME_BYTES];
	int listener = mt_control_listen(name, err);
	if (listener < 0)
		return listener;
	int rc = start_collector(launcher, listener, err);
	close(listener);
	if (rc < 0)
		return rc;
	launcher->collector = mt_control_connect(name, NULL);
	setenv("MEMTRACE_SOCKET", name, 1);
	return 0;
}

/*
 * What cannot be forwarded: whoever kills `run` means the program, which would be nobody's
 * child otherwise. A program that has begun with another user's rights keeps its life.
 */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		raise(SIGKILL);
}

/* In the child. The collector hears who the main process is before that can say hello. */
__attribute__((noreturn)) static void become_program(const struct mt_launcher *launcher,
						     const sigset_t *mask, pid_t parent)
{
	struct mt_message watch = {
		.head = {.kind = MT_MESSAGE_WATCH, .pid = (uint32_t)getpid()}};
	char only[16];
	mt_control_send(launcher->collector, &watch, 0, NULL);
	snprintf(only, sizeof only, "%ld", (long)getpid());
	unsetenv("MEMTRACE_ONLY");
	if (launcher->main_only)
		setenv("MEMTRACE_ONLY", only, 1);
	die_with(parent);
	mt_forward_restore(mask);
	execvp(launcher->arguments[0], launcher->arguments);
	launcher->told->exec_error = errno;
	_exit(127);
}

/* Signals wait from before the fork until somebody can get them. */
static int start_program(struct mt_launcher *launcher, struct mt_error *err)
{
	sigset_t mask;
	mt_forward_hold(&mask);
	pid_t self = getpid();
	launcher->program = fork();
	if (!launcher->program)
		become_program(launcher, &mask, self);
	int error = errno;
	mt_forward_to(launcher->program, &mask);
	if (launcher->program < 0)
		return mt_fail(err, MT_ERR_SYSTEM, "fork: %s", strerror(error));
	return 0;
}

/* No pipe: the program may be allowed as few descriptors as it needs itself. */
static int share(struct mt_launcher *launcher, struct mt_error *err)
{
	void *page = mmap(NULL, sizeof *launcher->told, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	launcher->told = page;
	return 0;
}

int mt_launcher_start(struct mt_launcher *launcher, struct mt_error *err)
{
	int rc = preload(err);
	if (rc == 0)
		rc = share(launcher, err);
	if (rc == 0)
		rc = open_collector(launcher, err);
	if (rc == 0)
		rc = start_program(launcher, err);
	return rc;
}

int mt_launcher_wait(const struct mt_launcher *launcher, int *exec_error)
{
	int status = mt_forward_wait(launcher->program);
	*exec_error = launcher->told->exec_error;
	return status;
}

void mt_launcher_deinit(struct mt_launcher *launcher)
{
	if (launcher->told)
		munmap((void *)launcher->told, sizeof *launcher->told);
	launcher->told = NULL;
	if (launcher->collector >= 0)
		close(launcher->collector);
	launcher->collector = -1;
}

static bool is_answer_ready(const struct mt_launcher *launcher,
			    bool *is_collector_stopped)
{
	struct pollfd ask = {.fd = launcher->collector, .events = POLLIN};
	int stopped = 0;
	for (int i = 0; i < COLLECT_LOOKS && stopped < STOPPED_LOOKS; i++) {
		int rc = poll(&ask, 1, LOOK_MS);
		if (rc == 1)
			return true;
		struct mt_kernel_stat stat;
		bool is_stopped = mt_kernel_stat(launcher->told->collector_pid, &stat) &&
				  stat.is_stopped;
		stopped = is_stopped ? stopped + 1 : 0;
	}
	*is_collector_stopped = stopped == STOPPED_LOOKS;
	return false;
}

/* Up to the next NUL; for free(). NULL: there is no more. */
static char *take_part(const char **at, const char *end)
{
	if (*at >= end)
		return NULL;
	size_t size = strnlen(*at, (size_t)(end - *at));
	char *part = strndup(*at, size);
	*at += size + 1;
	return part;
}

void mt_launcher_collect(struct mt_launcher *launcher, struct mt_run_result *result)
{
	struct mt_message wait = {.head = {.kind = MT_MESSAGE_WAIT,
					   .pid = (uint32_t)launcher->program,
					   .status = result->status}};
	struct mt_packet packet;
	result->is_collector_gone =
		mt_control_send(launcher->collector, &wait, 0, NULL) < 0 ||
		!is_answer_ready(launcher, &result->is_collector_stopped) ||
		mt_control_receive(launcher->collector, &packet, NULL) < 0;
	result->is_collector_missing =
		launcher->collector < 0 || launcher->told->has_failed;
	if (result->is_collector_gone)
		return;
	const struct mt_message *message = &packet.message;
	result->running = message->head.running;
	result->recorded = message->head.recorded;
	result->errors = message->head.errors;
	result->erroneous = message->head.erroneous;
	const char *at = message->text, *end = message->text + packet.text_bytes;
	result->trace = take_part(&at, end);
	result->tree = take_part(&at, end);
	result->with_errors = take_part(&at, end);
	result->remarks = take_part(&at, end);
}
