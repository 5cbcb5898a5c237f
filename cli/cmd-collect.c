/*
 * cmd-collect.c - `memtrace collect`: the collector, started by a library that was
 * preloaded without `memtrace run`. Outside.
 */
#include "cli/command.h"
#include "cli/launcher.h"
#include "tracer/collect/collector.h"

struct collect_options {
	uint64_t fd;
	uint64_t main_pid;
	const char *name;
};

static const struct command_option collect_table[] = {
	{.name = "fd",
	 .argument = "N",
	 .help = "descriptor of the listening socket",
	 .type = OPTION_NUMBER,
	 .max = INT32_MAX,
	 .offset = offsetof(struct collect_options, fd)},
	{.name = "main",
	 .argument = "PID",
	 .help = "the process that the tree begins with",
	 .type = OPTION_NUMBER,
	 .max = INT32_MAX,
	 .offset = offsetof(struct collect_options, main_pid)},
	{.name = "name",
	 .argument = "NAME",
	 .help = "the socket's name, shown by ps",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct collect_options, name)},
	{0},
};

static int collect_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct collect_options *given = invocation->options;
	if (given->fd < 3)
		return mt_fail(err, MT_ERR_USAGE,
			       "started by `memtrace run` and by the library, not by "
			       "users: --fd is missing");
	struct mt_collector_options options = mt_launcher_collector_options();
	options.listener = (int)given->fd;
	options.main_pid = (uint32_t)given->main_pid;
	options.began = "preload";
	mt_collector_detach(options.listener);
	return mt_collector_run(&options, err);
}

const struct command cmd_collect = {
	.name = "collect",
	.args = "",
	.summary = "collect what preloaded programs record; started by them",
	.options = collect_table,
	.options_bytes = sizeof(struct collect_options),
	.is_hidden = true,
	.run = collect_run,
};
