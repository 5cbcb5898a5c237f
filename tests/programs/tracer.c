/*
 * tracer.c - `tracer COMMAND...`: what the command starts, and all that comes of it, has a
 * tracer from then on, as under a debugger: nobody else can attach. Ends as the command
 * does, and lets go what is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FOLLOWED = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		   PTRACE_O_TRACEEXEC,
};

/* A stop of the tracer's making, or the job's: no signal of the program's. */
static void go_on(pid_t pid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	if (event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP ||
					   signal == SIGTTIN || signal == SIGTTOU))
		ptrace(PTRACE_LISTEN, pid, 0, 0);
	else
		ptrace(PTRACE_CONT, pid, 0, event ? 0 : signal);
}

int main(int argc, char **argv)
{
	int status;
	pid_t own = argc > 1 ? fork() : -1;
	if (!own) {
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (own < 0 || waitpid(own, &status, WUNTRACED) != own ||
	    ptrace(PTRACE_SEIZE, own, 0, FOLLOWED)) {
		perror("tracer");
		return 1;
	}
	kill(own, SIGCONT);
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno != EINTR)
			return 1;
		if (pid == own && WIFEXITED(status))
			return WEXITSTATUS(status);
		if (pid == own && WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		if (pid > 0 && WIFSTOPPED(status))
			go_on(pid, status);
	}
}
