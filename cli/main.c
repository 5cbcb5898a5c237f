/*
 * main.c - the memtrace command: the list of commands, dispatch, exit statuses.
 * Outside. The only file that exits.
 */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A command is declared here and listed below, in the order in which help shows them; the
 * hidden ones last.
 */
extern const struct command cmd_collect;
extern const struct command cmd_completion;
extern const struct command cmd_diff;
extern const struct command cmd_dup;
extern const struct command cmd_frag;
extern const struct command cmd_gate;
extern const struct command cmd_help;
extern const struct command cmd_info;
extern const struct command cmd_leaks;
extern const struct command cmd_run;
extern const struct command cmd_snapshot;
extern const struct command cmd_stats;
extern const struct command cmd_top;
extern const struct command cmd_why;

const struct command *const mt_commands[] = {
	&cmd_run,   &cmd_top,  &cmd_diff,       &cmd_stats,   &cmd_frag,
	&cmd_leaks, &cmd_why,  &cmd_dup,        &cmd_gate,    &cmd_snapshot,
	&cmd_info,  &cmd_help, &cmd_completion, &cmd_collect, NULL,
};

/* Fixed by the contract with scripts; `run` has its own, see struct command. */
enum exit_status {
	EXIT_ANSWERED = 0,
	EXIT_USAGE = 2,
	EXIT_INPUT = 3,
	EXIT_RESOURCES = 4,
};

static int status_of(enum mt_code code)
{
	switch (code) {
	case MT_ERR_USAGE:
		return EXIT_USAGE;
	case MT_ERR_NO_SPACE:
	case MT_ERR_NO_MEMORY:
		return EXIT_RESOURCES;
	case MT_ERR_DAMAGED:
	case MT_ERR_NOT_A_TRACE:
	case MT_ERR_NEWER:
	case MT_ERR_MISSING:
	case MT_ERR_SYSTEM:
	case MT_ERR_INCOMPLETE:
		return EXIT_INPUT;
	}
	return EXIT_INPUT;
}

/*
 * A closed standard descriptor would be taken by the next file that is opened, and our
 * messages written into it. Opened the wrong way round its use still fails, and a program
 * that we exec finds it closed as before.
 */
static void occupy_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
}

static bool has_lost_reader(int fd)
{
	struct pollfd ask = {.fd = fd};
	return poll(&ask, 1, 0) == 1 && ask.revents & (POLLERR | POLLHUP);
}

/* Our own output only: a program that `run` starts inherits what we were given. */
static void survive_closed_pipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}

/* Whether all results have arrived. A reader that has seen enough (`| head`) is no error. */
static int finish_stdout(const struct command *command, int status)
{
	bool failed = ferror(stdout) | (fflush(stdout) != 0);
	if (!failed || has_lost_reader(STDOUT_FILENO))
		return status;
	mt_command_say(command, "cannot write to the standard output");
	return EXIT_RESOURCES;
}

static int report(const struct command *command, enum mt_code code,
		  const struct mt_error *err)
{
	if (code == MT_ERR_USAGE)
		mt_command_say(command, "%s; see 'memtrace help %s'", err->message,
			       command->name);
	else
		mt_command_say(command, "%s", err->message);
	return command->failure_status ? command->failure_status : status_of(code);
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct mt_options options;
	struct mt_error err = {0};
	int rc = mt_options_parse(&options, command, argc, argv, &err);
	if (options.wants_help || !command->stops_at_operand)
		survive_closed_pipe();
	if (rc == 0 && options.wants_help)
		mt_help_command(stdout, command);
	else if (rc == 0)
		rc = command->run(&options.invocation, &err);
	mt_options_deinit(&options);
	return finish_stdout(command, rc < 0 ? report(command, rc, &err) : rc);
}

static int fail_usage(const char *argument)
{
	if (argument)
		mt_command_say(NULL, "there is no %s '%s'; see 'memtrace help'",
			       *argument == '-' ? "option" : "command", argument);
	else
		mt_help_overview(stderr);
	return EXIT_USAGE;
}

static int dispatch(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : NULL;
	const struct command *command = first ? mt_command_find(first) : NULL;
	if (command)
		return run_command(command, argc - 1, argv + 1);
	survive_closed_pipe();
	if (first && !strcmp(first, "--version"))
		puts("memtrace " MT_VERSION);
	else if (first && (!strcmp(first, "--help") || !strcmp(first, "-h")))
		mt_help_overview(stdout);
	else
		return fail_usage(first);
	return finish_stdout(NULL, EXIT_ANSWERED);
}

int main(int argc, char **argv)
{
	occupy_standard_descriptors();
	exit(dispatch(argc, argv));
}
