/*
 * ask.c - see ask.h. Outside.
 */
#include "cli/ask.h"

#include "cli/render.h"
#include "cli/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option_choice by_choices[] = {
	{"lineno", MT_BY_LINENO},     {"filename", MT_BY_FILENAME},
	{"function", MT_BY_FUNCTION}, {"traceback", MT_BY_TRACEBACK},
	{"module", MT_BY_MODULE},     {"size-class", MT_BY_SIZE_CLASS},
	{"thread", MT_BY_THREAD},     {"domain", MT_BY_DOMAIN},
	{"type", MT_BY_TYPE},         {NULL, 0},
};

static const struct option_choice metric_choices[] = {
	{"live", MT_METRIC_LIVE},
	{"peak", MT_METRIC_PEAK},
	{"total", MT_METRIC_TOTAL},
	{"retained", MT_METRIC_RETAINED},
	{NULL, 0},
};

static const struct option_choice sort_choices[] = {
	{"size", MT_SORT_SIZE},
	{"count", MT_SORT_COUNT},
	{"average", MT_SORT_AVERAGE},
	{NULL, 0},
};

const struct option_choice ask_match_choices[] = {
	{"line", ASK_MATCH_LINE},
	{"function", ASK_MATCH_FUNCTION},
	{NULL, 0},
};

const struct command_option ask_rows_table[] = {
	{.name = "by",
	 .argument = "KEY",
	 .help = "what makes a row; default lineno",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct ask, by),
	 .choices = by_choices},
	{.name = "metric",
	 .argument = "METRIC",
	 .help = "what is counted; default live; peak: live at the highest total",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct ask, metric),
	 .choices = metric_choices},
	{.short_name = 'n',
	 .argument = "N",
	 .help = "rows to show; default 10, 0: all",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct ask, limit)},
	{.name = "sort",
	 .argument = "COLUMN",
	 .help = "order of the rows",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct ask, sort),
	 .choices = sort_choices},
	{.name = "cumulative",
	 .help = "count a block in every frame of its traceback",
	 .offset = offsetof(struct ask, is_cumulative)},
	{0},
};

const struct command_option ask_filters_table[] = {
	{.name = "include",
	 .argument = "GLOB",
	 .help = "only blocks of matching files",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct ask, includes)},
	{.name = "exclude",
	 .argument = "GLOB",
	 .help = "no blocks of matching files",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct ask, excludes)},
	{.name = "function",
	 .argument = "GLOB",
	 .help = "only blocks of matching functions",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct ask, functions)},
	{.name = "module",
	 .argument = "GLOB",
	 .help = "only blocks of matching modules",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct ask, modules)},
	{.name = "domain",
	 .argument = "N",
	 .help = "only blocks of this domain",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct ask, domains)},
	{.name = "all-frames",
	 .help = "any frame may match, not only the key frame",
	 .offset = offsetof(struct ask, all_frames)},
	{0},
};

const struct command_option ask_frames_table[] = {
	{.name = "raw-frames",
	 .help = "the innermost frame is the key frame, wrapper or not",
	 .offset = offsetof(struct ask, has_raw_frames)},
	{.name = "wrapper",
	 .argument = "NAME",
	 .help = "pass over this function too",
	 .type = OPTION_STRINGS,
	 .offset = offsetof(struct ask, wrappers)},
	{0},
};

/* Filters of one subject are alternatives; all subjects that are given must agree. */
struct filter_list {
	struct mt_filter *list;
	size_t count;
};

static void add_filters(struct filter_list *filters,
			const struct option_strings *patterns, struct mt_filter model)
{
	model.group = model.subject;
	for (size_t i = 0; i < patterns->count; i++) {
		model.pattern = patterns->list[i];
		filters->list[filters->count++] = model;
	}
}

static int add_domains(struct filter_list *filters, const struct option_strings *domains,
		       struct mt_error *err)
{
	for (size_t i = 0; i < domains->count; i++) {
		char *end;
		errno = 0;
		unsigned long long domain = strtoull(domains->list[i], &end, 0);
		if (errno || *end || domain > UINT32_MAX || domains->list[i][0] == '-' ||
		    !*domains->list[i])
			return mt_fail(err, MT_ERR_USAGE,
				       "--domain takes a number from 0 to %u, not '%s'",
				       UINT32_MAX, domains->list[i]);
		filters->list[filters->count++] =
			(struct mt_filter){.subject = MT_FILTER_DOMAIN,
					   .group = MT_FILTER_DOMAIN,
					   .is_inclusive = true,
					   .has_domain = true,
					   .domain = (uint32_t)domain};
	}
	return 0;
}

static int make_filters(struct filter_list *filters, const struct ask *options,
			struct mt_error *err)
{
	size_t count = options->includes.count + options->excludes.count +
		       options->functions.count + options->modules.count +
		       options->domains.count;
	*filters = (struct filter_list){.list = calloc(count + 1, sizeof *filters->list)};
	if (!filters->list)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	struct mt_filter model = {.subject = MT_FILTER_FILE,
				  .is_inclusive = true,
				  .all_frames = options->all_frames,
				  .matches_base_name = true};
	add_filters(filters, &options->includes, model);
	model.is_inclusive = false;
	add_filters(filters, &options->excludes, model);
	model.is_inclusive = true;
	model.subject = MT_FILTER_MODULE;
	add_filters(filters, &options->modules, model);
	model.subject = MT_FILTER_FUNCTION;
	model.matches_base_name = false;
	add_filters(filters, &options->functions, model);
	return add_domains(filters, &options->domains, err);
}

void ask_notice(void *context, const char *module, const char *text)
{
	const struct invocation *invocation = context;
	if (!invocation->quiet)
		mt_command_say(invocation->command, "%s: %s", module, text);
}

int ask_finish(const struct invocation *invocation, const struct mt_error *remark,
	       struct mt_error *err)
{
	if (remark->code == MT_ERR_DAMAGED)
		return mt_fail(err, MT_ERR_DAMAGED, "%s", remark->message);
	if (remark->code)
		mt_command_say(invocation->command, "%s", remark->message);
	return 0;
}

static int answer(const struct invocation *invocation, const struct mt_question *question,
		  struct mt_names new_side, struct mt_names old_side,
		  struct mt_error *err)
{
	struct mt_answer result;
	int rc = mt_answer_init(&result, question, new_side, old_side, err);
	if (rc >= 0 && invocation->json)
		render_json(stdout, &result.report);
	else if (rc >= 0)
		render_text(stdout, &result.report, invocation->color,
			    question->directory);
	if (rc >= 0)
		rc = ask_finish(invocation, &result.remark, err);
	mt_answer_deinit(&result);
	return rc;
}

int ask_question_init(struct ask_question *asked, const struct invocation *invocation,
		      const struct ask *options, struct mt_error *err)
{
	struct filter_list filters;
	int rc = make_filters(&filters, options, err);
	/* NULL: it is gone; paths stay absolute. */
	*asked = (struct ask_question){.filters = filters.list,
				       .directory = getcwd(NULL, 0)};
	asked->question = (struct mt_question){
		.by = (enum mt_by)options->by,
		.metric = (enum mt_metric)options->metric,
		.sort = (enum mt_sort)options->sort,
		.is_cumulative = options->is_cumulative,
		.has_raw_frames = options->has_raw_frames,
		.matches_functions = options->match == ASK_MATCH_FUNCTION,
		.limit = options->limit,
		.wrappers = {options->wrappers.list, options->wrappers.count},
		.filters = filters.list,
		.filter_count = filters.count,
		.directory = asked->directory,
		.notice = ask_notice,
		.notice_context = (void *)invocation,
	};
	return rc;
}

int ask_question_at(struct ask_question *asked, const char *at, struct mt_error *err)
{
	const char *colon = strrchr(at, ':');
	uint64_t line = 0;
	if (!colon || colon == at || mt_value_integer(colon + 1, &line, err) < 0 ||
	    !line || line > UINT32_MAX)
		return mt_fail(err, MT_ERR_USAGE, "--at takes FILE:LINE, not '%s'", at);
	asked->file = strndup(at, (size_t)(colon - at));
	if (!asked->file)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	/* make_filters leaves room for one more. */
	asked->filters[asked->question.filter_count++] =
		(struct mt_filter){.subject = MT_FILTER_FILE,
				   .group = MT_FILTER_FILE,
				   .is_inclusive = true,
				   .matches_base_name = true,
				   .has_line = true,
				   .line = (uint32_t)line,
				   .pattern = asked->file};
	return 0;
}

void ask_question_deinit(struct ask_question *asked)
{
	free(asked->file);
	free(asked->filters);
	free(asked->directory);
}

int ask(const struct invocation *invocation, const struct ask *options,
	struct mt_names new_side, struct mt_names old_side, struct mt_error *err)
{
	struct ask_question asked;
	int rc = ask_question_init(&asked, invocation, options, err);
	if (rc >= 0)
		rc = answer(invocation, &asked.question, new_side, old_side, err);
	ask_question_deinit(&asked);
	return rc;
}
