/*
 * gate-baseline.c - see gate-baseline.h. Outside.
 */
#include "cli/gate-baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *gate_repository_root(const char *directory)
{
	char *root = directory ? strdup(directory) : NULL;
	while (root) {
		char *git;
		if (asprintf(&git, "%s/.git", root) < 0)
			break;
		bool is_root = access(git, F_OK) == 0;
		free(git);
		if (is_root)
			return root;
		char *slash = strrchr(root, '/');
		if (!slash || slash == root)
			break;
		*slash = '\0';
	}
	free(root);
	return directory ? strdup(directory) : NULL;
}

static int fail_file(const char *path, struct mt_error *err)
{
	return mt_fail(err, errno == ENOSPC ? MT_ERR_NO_SPACE : MT_ERR_SYSTEM, "%s: %s",
		       path, strerror(errno));
}

static int copy_bytes(int from, int to)
{
	char buffer[1 << 16];
	ssize_t size;
	while ((size = read(from, buffer, sizeof buffer)) > 0)
		for (ssize_t done = 0, put; done < size; done += put)
			if ((put = write(to, buffer + done, (size_t)(size - done))) < 0)
				return -1;
	return size < 0 ? -1 : 0;
}

/* A whole new file takes the place of the old one, or nothing happens. */
static int copy_file(const char *from, const char *to, struct mt_error *err)
{
	char *temporary;
	if (asprintf(&temporary, "%s.new-XXXXXX", to) < 0)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = in < 0 ? -1 : mkostemp(temporary, O_CLOEXEC);
	int rc = 0;
	if (in < 0)
		rc = fail_file(from, err);
	else if (out < 0 || copy_bytes(in, out) < 0 || fsync(out) < 0)
		rc = fail_file(to, err);
	else if (rename(temporary, to) < 0)
		rc = fail_file(to, err);
	if (out >= 0 && rc < 0)
		unlink(temporary);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(temporary);
	return rc;
}

/* Both names without their snapshots, which must be the same: the file has them all. */
static int split_names(const struct mt_gate_question *question,
		       struct mt_moment_name *trace, struct mt_moment_name *baseline,
		       struct mt_error *err)
{
	int rc = mt_moment_name_init(trace, question->trace, err);
	if (rc < 0)
		return rc;
	rc = mt_moment_name_init(baseline, question->baseline, err);
	if (rc >= 0 && strcmp(trace->snapshot, baseline->snapshot) != 0)
		rc = mt_fail(
			err, MT_ERR_USAGE,
			"--update-baseline: the trace is judged at '%s', the baseline "
			"at '%s'",
			trace->snapshot, baseline->snapshot);
	return rc;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static bool others_pass(const struct mt_gate *gate)
{
	const struct mt_table *checks = &gate->report.tables[MT_GATE_CHECKS];
	const struct mt_value *values = checks->values;
	for (size_t i = 0; i < checks->row_count; i++, values += checks->column_count)
		if (strcmp(values[MT_CHECK_NAME].text, "baseline") != 0 &&
		    strcmp(values[MT_CHECK_STATE].text,
			   mt_gate_state_name(MT_GATE_PASSED)) != 0)
			return false;
	return true;
}

/* NULL: replace it. */
static const char *why_keep(const struct mt_gate *gate, const char *trace,
			    const char *baseline, bool allows_looser)
{
	if (gate->report.is_incomplete)
		return "the new trace is not whole";
	if (is_same_file(trace, baseline))
		return "it is the trace itself";
	if (!others_pass(gate))
		return "other checks did not pass";
	if (access(baseline, F_OK) != 0 || allows_looser)
		return NULL;
	if (gate->is_looser)
		return "some call sites hold more than in it (--allow-looser replaces it)";
	return gate->is_tighter ? NULL : "no call site holds less than in it";
}

int gate_update_baseline(const struct invocation *invocation,
			 const struct mt_gate_question *question,
			 const struct mt_gate *gate, bool allows_looser, bool *is_new,
			 struct mt_error *err)
{
	struct mt_moment_name trace = {0}, baseline = {0};
	*is_new = false;
	int rc = split_names(question, &trace, &baseline, err);
	if (rc >= 0) {
		bool was_there = access(baseline.path, F_OK) == 0;
		const char *kept =
			why_keep(gate, trace.path, baseline.path, allows_looser);
		if (!kept)
			rc = copy_file(trace.path, baseline.path, err);
		*is_new = rc >= 0 && !kept;
		if (rc >= 0 && !invocation->quiet)
			mt_command_say(invocation->command, "baseline %s%s%s",
				       baseline.path,
				       was_there ? kept ? " kept: " : " replaced"
				       : kept    ? " not made: "
						 : " made",
				       kept ? kept : "");
	}
	mt_moment_name_deinit(&trace);
	mt_moment_name_deinit(&baseline);
	return rc;
}
