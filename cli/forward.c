/*
 * forward.c - see forward.h. Outside.
 */
#include "cli/forward.h"

#include "tracer/collect/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static const int handled[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGCONT,
			      SIGTSTP, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};

enum {
	HANDLED_COUNT = sizeof handled / sizeof *handled,
};

/* What `run` was started with; the program of a later run is to find it too. */
static struct sigaction given[HANDLED_COUNT];
static bool is_handled;

static volatile pid_t forward_to;

/* With the program, by a shell: that continues both, as they are one process group. */
static volatile sig_atomic_t has_stopped;

/*
 * What the kernel sends, as for ^C and ^Z on a terminal, goes to the program too; and so does
 * what the program sends to its own process group.
 */
static void forward(int number, siginfo_t *info, void *context)
{
	(void)context;
	int error = errno;
	bool is_everybody_s = number == SIGCONT && has_stopped;
	if (forward_to > 0 && !is_everybody_s && info->si_code <= 0 &&
	    info->si_pid != forward_to)
		kill(forward_to, number);
	errno = error;
}

static void handle(void)
{
	struct sigaction action = {.sa_flags = SA_RESTART | SA_SIGINFO,
				   .sa_sigaction = forward};
	if (is_handled)
		return;
	for (int i = 0; i < HANDLED_COUNT; i++)
		sigaction(handled[i], &action, &given[i]);
	is_handled = true;
}

void mt_forward_hold(sigset_t *mask)
{
	sigset_t blocked;
	sigemptyset(&blocked);
	for (int i = 0; i < HANDLED_COUNT; i++)
		sigaddset(&blocked, handled[i]);
	sigprocmask(SIG_BLOCK, &blocked, mask);
}

void mt_forward_restore(const sigset_t *mask)
{
	for (int i = 0; is_handled && i < HANDLED_COUNT; i++)
		sigaction(handled[i], &given[i], NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

void mt_forward_to(pid_t program, const sigset_t *mask)
{
	forward_to = program;
	if (program > 0)
		handle();
	sigprocmask(SIG_SETMASK, mask, NULL);
}

/* Of a shell that can continue us: with nobody above us we would stand still for ever. */
static bool is_foreground_job(void)
{
	pid_t parent = getppid();
	if (getsid(parent) != getsid(0) || getpgid(parent) == getpgrp())
		return false;
	int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return false;
	bool is = tcgetpgrp(tty) == getpgrp();
	close(tty);
	return is;
}

/* As a shell's job; who continues us alone means the program. */
static void stop_too(pid_t program)
{
	has_stopped = true;
	raise(SIGSTOP);
	has_stopped = false;
	struct mt_kernel_stat stat;
	if (mt_kernel_stat((uint32_t)program, &stat) && stat.is_stopped)
		kill(program, SIGCONT);
}

int mt_forward_wait(pid_t program)
{
	int status = 0;
	for (;;) {
		pid_t pid = waitpid(program, &status, WUNTRACED);
		if (pid == program && WIFSTOPPED(status)) {
			if (is_foreground_job())
				stop_too(program);
		} else if (pid >= 0 || errno != EINTR) {
			break;
		}
	}
	forward_to = 0;
	return status;
}
