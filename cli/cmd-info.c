/*
 * cmd-info.c - memtrace info: what is in a trace. Outside.
 */
#include "cli/ask.h"
#include "cli/found-text.h"
#include "cli/render.h"
#include "tracer/analyze/found.h"
#include "tracer/analyze/overview.h"

#include <string.h>
#include <unistd.h>

struct info_options {
	bool only_errors;
};

static const struct command_option info_table[] = {
	{.name = "errors",
	 .help = "only what the program did wrong, what is damaged or was not recorded",
	 .offset = offsetof(struct info_options, only_errors)},
	{0},
};

static void print_text(const struct mt_report *report, bool color)
{
	render_text(stdout, report, color, NULL);
	found_text(stdout, report, color);
}

static int print(const struct invocation *invocation, struct mt_trace *trace,
		 struct mt_error *err)
{
	const struct info_options *options = invocation->options;
	const struct mt_symbolizer_options symbols = {
		.notice = ask_notice, .notice_context = (void *)invocation};
	struct mt_report report;
	struct mt_found found = {0};
	struct mt_error remark = {0};
	int rc = mt_overview_init(&report, trace, options->only_errors, err);
	if (rc >= 0 && (options->only_errors || invocation->json))
		rc = mt_found_add(&found, &report, trace, &symbols, err);
	mt_trace_remark(trace, &remark);
	report.is_incomplete = remark.code != 0;
	if (rc >= 0 && invocation->json)
		render_json(stdout, &report);
	else if (rc >= 0)
		print_text(&report, invocation->color);
	mt_report_deinit(&report);
	mt_found_deinit(&found);
	return rc < 0 ? rc : ask_finish(invocation, &remark, err);
}

static int info_run(const struct invocation *invocation, struct mt_error *err)
{
	struct mt_trace *trace;
	const char *name = invocation->operands[0], *at = strrchr(name, '@');
	if (at && access(name, F_OK) != 0)
		return mt_fail(err, MT_ERR_USAGE,
			       "%s: it tells of a whole trace: memtrace info %.*s", name,
			       (int)(at - name), name);
	int rc = mt_trace_open(&trace, name, MT_TRACE_LOAD_ALL, err);
	if (rc < 0)
		return rc;
	rc = print(invocation, trace, err);
	mt_trace_close(trace);
	return rc;
}

const struct command cmd_info = {
	.name = "info",
	.args = "TRACE",
	.summary = "show what is in a trace: processes, snapshots, modules, losses",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.options = info_table,
	.options_bytes = sizeof(struct info_options),
	.run = info_run,
};
