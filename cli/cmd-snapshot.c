/*
 * cmd-snapshot.c - `memtrace snapshot`: a snapshot of a program that is being recorded.
 * Outside.
 */
#include "cli/command.h"
#include "cli/take-snapshot.h"
#include "cli/values.h"

#include <inttypes.h>
#include <string.h>

static const struct command_option snapshot_table[] = {
	{.name = "label",
	 .short_name = 'l',
	 .argument = "LABEL",
	 .help = "name it: TRACE@LABEL",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct snapshot_wish, label)},
	{.name = "leaks",
	 .help = "search its memory for leaks, while it stands still",
	 .offset = offsetof(struct snapshot_wish, leaks)},
	{.name = "dup",
	 .help = "as --leaks, also for blocks with equal contents",
	 .offset = offsetof(struct snapshot_wish, dup)},
	{.name = "contents",
	 .help = "as --leaks, and keep how blocks begin, 64 bytes of each",
	 .offset = offsetof(struct snapshot_wish, contents)},
	{0},
};

static int snapshot_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct snapshot_wish *options = invocation->options;
	uint64_t pid;
	struct snapshot_taken taken;
	int rc = mt_value_integer(invocation->operands[0], &pid, err);
	if (rc < 0)
		return rc;
	if (!pid || pid > INT32_MAX)
		return mt_fail(err, MT_ERR_USAGE, "'%s' is not a process",
			       invocation->operands[0]);
	if (options->label &&
	    !mt_control_is_label(options->label, strlen(options->label)))
		return mt_fail(err, MT_ERR_USAGE,
			       "'%s' cannot be a label: reserved, empty, all digits, too "
			       "long, or with '@' or '#'",
			       options->label);
	struct snapshot_wish wish = *options;
	wish.leaks |= wish.dup || wish.contents;
	rc = take_snapshot((uint32_t)pid, &wish, &taken, err);
	if (rc == 0 && !invocation->quiet)
		mt_command_say(invocation->command,
			       "process %" PRIu64 ": taken, in %s%s%s", pid, taken.file,
			       *taken.words ? ": " : "", taken.words);
	return rc;
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.args = "PID",
	.summary = "take a snapshot of a program that is being recorded",
	.min_operands = 1,
	.max_operands = 1,
	.options = snapshot_table,
	.options_bytes = sizeof(struct snapshot_wish),
	.run = snapshot_run,
};
