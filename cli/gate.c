/*
 * gate.c - see gate.h. Outside.
 */
#include "cli/gate.h"

#include "cli/ask.h"
#include "cli/gate-baseline.h"
#include "cli/render-gate.h"
#include "cli/render.h"
#include "cli/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const struct command_option gate_table[] = {
	{.name = "max-live",
	 .argument = "SIZE",
	 .help = "limit of what is live at the snapshot",
	 .joins_next = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, max_live)},
	{.name = "max-peak",
	 .argument = "SIZE",
	 .help = "limit of the peak",
	 .joins_next = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, max_peak)},
	{.name = "max-total",
	 .argument = "SIZE",
	 .help = "limit of all allocations together",
	 .joins_next = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, max_total)},
	{.name = "max-leaked",
	 .argument = "SIZE",
	 .help = "limit of what leaked; 0 where the trace has a scan",
	 .together = "limits in bytes",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, max_leaked)},
	{.name = "max-count",
	 .argument = "N",
	 .help = "limit of the number of live blocks",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, max_count)},
	{.name = "baseline",
	 .argument = "TRACE[@SNAP]",
	 .help = "no call site may hold more than there",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, baseline)},
	{.name = "max-growth",
	 .argument = "SIZE|PERCENT",
	 .help = "what a call site may grow by (default 0)",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, max_growth)},
	{.name = "match",
	 .argument = "HOW",
	 .help = "how call sites are paired",
	 .type = OPTION_CHOICE,
	 .choices = ask_match_choices,
	 .offset = offsetof(struct gate_options, match)},
	{.name = "iterations",
	 .help = "judge growth over the snapshots \"iteration\"",
	 .joins_next = true,
	 .offset = offsetof(struct gate_options, per_iteration)},
	{.name = "warmup",
	 .argument = "K",
	 .help = "iterations or runs that do not count (default 1)",
	 .together = "growth over iterations, after K (default 1)",
	 .type = OPTION_NUMBER,
	 .max = UINT32_MAX,
	 .offset = offsetof(struct gate_options, warmup)},
	{.name = "suppressions",
	 .argument = "FILE",
	 .help = "known leaks, as for LeakSanitizer or Valgrind",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct gate_options, suppressions)},
	{.name = "write-suppressions",
	 .argument = "FILE",
	 .help = "suppressions of the call sites that fail",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, new_suppressions)},
	{.name = "update-baseline",
	 .help = "replace it where nothing holds more",
	 .joins_next = true,
	 .offset = offsetof(struct gate_options, updates_baseline)},
	{.name = "allow-looser",
	 .help = "replace it in any case",
	 .together = "replace it if nothing grew; or anyway",
	 .offset = offsetof(struct gate_options, allows_looser)},
	{.name = "self-test",
	 .help = "a block leaked on purpose must be found",
	 .offset = offsetof(struct gate_options, demands_self_test)},
	{.name = "junit",
	 .argument = "FILE",
	 .help = "write the verdict as JUnit XML",
	 .joins_next = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, junit)},
	{.name = "sarif",
	 .argument = "FILE",
	 .help = "write what fails as SARIF 2.1.0",
	 .joins_next = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, sarif)},
	{.name = "markdown",
	 .argument = "FILE",
	 .help = "write a summary of at most 60 lines",
	 .together = "write the verdict",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct gate_options, markdown)},
	{.name = "github",
	 .help = "print annotations for a GitHub workflow",
	 .offset = offsetof(struct gate_options, github)},
	{.name = "raw-frames",
	 .help = "the innermost frame is the call site",
	 .joins_next = true,
	 .offset = offsetof(struct gate_options, has_raw_frames)},
	{.name = "wrapper",
	 .argument = "NAME",
	 .help = "pass over this function too",
	 .together = "which frame is the call site",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct gate_options, wrappers)},
	{0},
};

/* Options to a question. */

static int fail_value(const char *option, const struct mt_error *inner,
		      struct mt_error *err)
{
	return mt_fail(err, MT_ERR_USAGE, "option '--%s': %s", option, inner->message);
}

static int parse_limit(const char *option, const char *text, bool is_number,
		       struct mt_gate_limit *limit, struct mt_error *err)
{
	struct mt_error inner = {0};
	limit->is_given = text != NULL;
	int rc = !text       ? 0
		 : is_number ? mt_value_integer(text, &limit->value, &inner)
			     : mt_value_size(text, &limit->value, &inner);
	if (rc >= 0 && limit->value > INT64_MAX)
		rc = mt_fail(&inner, MT_ERR_USAGE, "'%s' is too large", text);
	return rc < 0 ? fail_value(option, &inner, err) : 0;
}

/* "12.5%", in millionths of the whole. */
static int parse_percent(const char *text, uint64_t *millionths, struct mt_error *err)
{
	char *end;
	long double percent = strtold(text, &end);
	if (text[strspn(text, "0123456789.%")] || end == text || strcmp(end, "%") ||
	    percent > 1e12L)
		return mt_fail(err, MT_ERR_USAGE,
			       "'%s' is not a size such as 4KiB nor a share such as 5%%",
			       text);
	*millionths = (uint64_t)(percent * 10000 + 0.5L);
	return 0;
}

static int parse_growth(const char *text, struct mt_allowance *allowance,
			struct mt_error *err)
{
	struct mt_error inner = {0};
	allowance->is_given = text != NULL;
	if (!text)
		return 0;
	allowance->is_percent = strchr(text, '%') != NULL;
	int rc = allowance->is_percent ? parse_percent(text, &allowance->amount, &inner)
				       : mt_value_size(text, &allowance->amount, &inner);
	return rc < 0 ? fail_value("max-growth", &inner, err) : 0;
}

static int parse_limits(struct gate *gate, struct mt_error *err)
{
	const struct gate_options *o = gate->options;
	struct mt_gate_question *q = &gate->question;
	const struct {
		const char *option, *text;
		struct mt_gate_limit *limit;
	} sizes[] = {
		{"max-leaked", o->max_leaked, &q->max_leaked},
		{"max-live", o->max_live, &q->max_live},
		{"max-peak", o->max_peak, &q->max_peak},
		{"max-total", o->max_total, &q->max_total},
	};
	int rc = parse_limit("max-count", o->max_count, true, &q->max_count, err);
	for (size_t i = 0; rc >= 0 && i < sizeof sizes / sizeof *sizes; i++)
		rc = parse_limit(sizes[i].option, sizes[i].text, false, sizes[i].limit,
				 err);
	return rc < 0 ? rc : parse_growth(o->max_growth, &q->max_growth, err);
}

static void say_notice(void *context, const char *module, const char *text)
{
	const struct invocation *invocation = context;
	if (!invocation->quiet)
		mt_command_say(invocation->command, "%s: %s", module, text);
}

static void set_today(char today[11])
{
	time_t now = time(NULL);
	struct tm day;
	if (!gmtime_r(&now, &day) || !strftime(today, 11, "%Y-%m-%d", &day))
		strcpy(today, "9999-12-31");
}

int gate_check(const struct gate_options *o, bool has_runs, struct mt_error *err)
{
	bool has_series = o->per_iteration || has_runs;
	if (o->max_growth && !o->baseline && !has_series)
		return mt_fail(err, MT_ERR_USAGE,
			       "--max-growth goes with --baseline, --iterations or "
			       "run's --repeat");
	if (o->warmup != GATE_WARMUP && !has_series)
		return mt_fail(err, MT_ERR_USAGE,
			       "--warmup goes with --iterations or run's --repeat");
	if (o->match && !o->baseline)
		return mt_fail(err, MT_ERR_USAGE, "--match goes with --baseline");
	if (o->updates_baseline && !o->baseline)
		return mt_fail(err, MT_ERR_USAGE, "--update-baseline needs --baseline");
	if (o->allows_looser && !o->updates_baseline)
		return mt_fail(err, MT_ERR_USAGE,
			       "--allow-looser goes with --update-baseline");
	return 0;
}

int gate_init(struct gate *gate, const struct invocation *invocation,
	      const struct gate_options *options, struct mt_error *err)
{
	*gate = (struct gate){.invocation = invocation,
			      .options = options,
			      .directory = getcwd(NULL, 0)};
	set_today(gate->today);
	gate->question = (struct mt_gate_question){
		.baseline = options->baseline,
		.matches_functions = options->match == ASK_MATCH_FUNCTION,
		.per_iteration = options->per_iteration,
		.demands_self_test = options->demands_self_test,
		.warmup = options->warmup,
		.suppressions = &gate->suppressions,
		.today = gate->today,
		.has_raw_frames = options->has_raw_frames,
		.wrappers = {options->wrappers.list, options->wrappers.count},
		.directory = gate->directory,
		.notice = say_notice,
		.notice_context = (void *)invocation,
	};
	int rc = parse_limits(gate, err);
	for (size_t i = 0; rc >= 0 && i < options->suppressions.count; i++)
		rc = mt_suppressions_read(&gate->suppressions,
					  options->suppressions.list[i], err);
	return rc;
}

void gate_deinit(struct gate *gate)
{
	for (size_t i = 0; i < gate->verdict_count; i++) {
		mt_gate_deinit(gate->verdicts[i]);
		free(gate->verdicts[i]);
	}
	free(gate->verdicts);
	free(gate->directory);
	mt_suppressions_deinit(&gate->suppressions);
}

/* Judging. */

static int add_verdict(struct gate *gate, const struct mt_gate_question *question,
		       struct mt_error *err)
{
	struct mt_gate **grown = reallocarray(gate->verdicts, gate->verdict_count + 1,
					      sizeof(struct mt_gate *));
	if (!grown)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	gate->verdicts = grown;
	struct mt_gate *verdict = calloc(1, sizeof *verdict);
	if (!verdict)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	grown[gate->verdict_count++] = verdict;
	return mt_gate_init(verdict, question, err);
}

static void drop_last(struct gate *gate)
{
	struct mt_gate *last = gate->verdicts[--gate->verdict_count];
	mt_gate_deinit(last);
	free(last);
}

/* Judge the first trace; where that replaces the baseline, against the new one. */
static int judge_first(struct gate *gate, const struct mt_gate_question *question,
		       struct mt_error *err)
{
	int rc = add_verdict(gate, question, err);
	if (rc < 0 || !gate->options->updates_baseline)
		return rc;
	bool is_new;
	rc = gate_update_baseline(gate->invocation, question,
				  gate->verdicts[gate->verdict_count - 1],
				  gate->options->allows_looser, &is_new, err);
	if (rc < 0 || !is_new)
		return rc;
	drop_last(gate);
	return add_verdict(gate, question, err);
}

int gate_judge(struct gate *gate, const char *trace, struct mt_names runs,
	       struct mt_error *err)
{
	struct mt_gate_question question = gate->question;
	question.trace = trace;
	question.runs = runs;
	if (!gate->verdict_count)
		return judge_first(gate, &question, err);
	question.baseline = NULL;
	question.demands_self_test = false;
	return add_verdict(gate, &question, err);
}

int gate_cannot_judge(struct gate *gate, const char *program, const char *why,
		      struct mt_error *err)
{
	struct mt_gate_question question = gate->question;
	question.trace = program;
	question.no_trace = why;
	return add_verdict(gate, &question, err);
}

/* Output. */

/* The reports of all verdicts, for renderers; for free(). */
static const struct mt_report **all_reports(const struct gate *gate, struct mt_error *err)
{
	const struct mt_report **reports =
		calloc(gate->verdict_count + 1, sizeof *reports);
	if (!reports)
		mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; reports && i < gate->verdict_count; i++)
		reports[i] = &gate->verdicts[i]->report;
	return reports;
}

typedef void (*render)(FILE *, const struct render_gate *);

static int close_file(FILE *file, const char *path, struct mt_error *err)
{
	bool failed = ferror(file) != 0;
	int error = errno;
	if (fclose(file) != 0) {
		failed = true;
		error = errno;
	}
	if (!failed)
		return 0;
	return mt_fail(err,
		       error == ENOSPC || error == EFBIG || error == EDQUOT
			       ? MT_ERR_NO_SPACE
			       : MT_ERR_SYSTEM,
		       "%s: %s", path, strerror(error));
}

static FILE *create_file(const char *path, struct mt_error *err)
{
	FILE *file = fopen(path, "we");
	if (!file)
		mt_fail(err, MT_ERR_SYSTEM, "%s: %s", path, strerror(errno));
	return file;
}

static int write_file(const char *path, render put, const struct render_gate *what,
		      struct mt_error *err)
{
	if (!path)
		return 0;
	FILE *file = create_file(path, err);
	if (!file)
		return err->code;
	put(file, what);
	return close_file(file, path, err);
}

static int write_suppressions(const struct gate *gate, struct mt_error *err)
{
	const char *path = gate->options->new_suppressions;
	if (!path)
		return 0;
	FILE *file = create_file(path, err);
	if (!file)
		return err->code;
	int count = mt_gate_write_suppressions(gate->verdicts[0], file, err);
	if (count < 0) {
		fclose(file);
		return count;
	}
	if (!gate->invocation->quiet)
		mt_command_say(gate->invocation->command,
			       "%s: %d suppression%s of what fails now", path, count,
			       count == 1 ? "" : "s");
	return close_file(file, path, err);
}

static enum gate_status status_of(const struct gate *gate)
{
	enum gate_status status = GATE_WITHIN;
	for (size_t i = 0; i < gate->verdict_count; i++) {
		enum mt_gate_state verdict = gate->verdicts[i]->verdict;
		if (verdict == MT_GATE_FAILED)
			return GATE_NOT_WITHIN;
		if (verdict == MT_GATE_UNJUDGED)
			status = GATE_NOT_JUDGED;
	}
	return status;
}

static int write_all(const struct gate *gate, FILE *out, const struct render_gate *what,
		     struct mt_error *err)
{
	const struct gate_options *o = gate->options;
	bool is_json = gate->invocation->json;
	int rc = write_file(o->junit, render_junit, what, err);
	if (rc >= 0)
		rc = write_file(o->sarif, render_sarif, what, err);
	if (rc >= 0)
		rc = write_file(o->markdown, render_markdown, what, err);
	if (rc >= 0)
		rc = write_suppressions(gate, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; is_json && i < what->count; i++)
		render_json(out, what->reports[i]);
	/* On stdout the verdict is the result; beside a program's output it is a remark. */
	bool is_remark = out == stderr && status_of(gate) == GATE_WITHIN;
	if (!is_json && !(is_remark && gate->invocation->quiet))
		render_gate_text(out, what);
	/* A runner reads annotations on either stream; JSON has stdout for itself. */
	if (o->github)
		render_github(is_json ? stderr : out, what);
	return 0;
}

/* Where all that was found can be read. */
static const char *whole_report(const struct gate_options *options)
{
	return options->sarif ? options->sarif : options->junit;
}

int gate_finish(struct gate *gate, FILE *out, struct mt_error *err)
{
	const struct mt_report **reports = all_reports(gate, err);
	if (!reports)
		return MT_ERR_NO_MEMORY;
	char *root = gate_repository_root(gate->directory);
	struct render_gate what = {.reports = reports,
				   .count = gate->verdict_count,
				   .root = root,
				   .whole = whole_report(gate->options),
				   .color = gate->invocation->color};
	int rc = write_all(gate, out, &what, err);
	free(root);
	free(reports);
	return rc < 0 ? rc : (int)status_of(gate);
}
