/*
 * cmd-frag.c - memtrace frag: why memory that was freed does not come back. Outside.
 */
#include "cli/ask.h"
#include "cli/frag-text.h"
#include "cli/render.h"

#include <stdlib.h>
#include <unistd.h>

struct frag_options {
	uint64_t limit;
};

static const struct command_option frag_table[] = {
	{.short_name = 'n',
	 .argument = "N",
	 .help = "rows of each list; 0: all",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct frag_options, limit)},
	{0},
};

static int print_json(const struct mt_answer *answer, const struct mt_frag *frag,
		      const struct mt_question *question, struct mt_error *err)
{
	struct mt_report report = {.schema = "memtrace.frag/1",
				   .is_incomplete = answer->remark.code != 0};
	int rc = mt_answer_add_side(&report, &answer->subjects[0], err);
	if (rc >= 0)
		rc = mt_frag_report(frag, question->limit, question->directory, &report,
				    err);
	if (rc >= 0)
		render_json(stdout, &report);
	mt_report_deinit(&report);
	return rc;
}

static int print(const struct invocation *invocation, const struct mt_answer *answer,
		 const struct mt_places *places, const struct mt_question *question,
		 struct mt_error *err)
{
	struct mt_frag frag;
	int rc = mt_frag_init(&frag, places, &answer->subjects[0].callsites, err);
	if (rc < 0)
		return rc;
	struct frag_text text = {.limit = question->limit,
				 .directory = question->directory,
				 .color = invocation->color,
				 .is_ascii = !render_has_utf8()};
	if (invocation->json)
		rc = print_json(answer, &frag, question, err);
	else
		frag_text_print(stdout, &frag, &text);
	mt_frag_deinit(&frag);
	return rc;
}

static int answer_question(const struct invocation *invocation,
			   const struct mt_question *question, struct mt_error *err)
{
	struct mt_answer answer;
	struct mt_places places = {0};
	const char *operand = invocation->operands[0];
	int rc = mt_answer_init(&answer, question, (struct mt_names){&operand, 1},
				(struct mt_names){0}, err);
	if (rc >= 0)
		rc = mt_places_init(&places, answer.subjects[0].trace,
				    &answer.subjects[0].profile.moment, "frag", err);
	if (rc >= 0)
		rc = print(invocation, &answer, &places, question, err);
	if (rc >= 0)
		rc = ask_finish(invocation, &answer.remark, err);
	mt_places_deinit(&places);
	mt_answer_deinit(&answer);
	return rc;
}

static int frag_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct frag_options *options = invocation->options;
	char *directory = getcwd(NULL, 0); /* NULL: it is gone; paths stay absolute */
	struct mt_question question = {.by = MT_BY_LINENO,
				       .limit = options->limit,
				       .directory = directory,
				       .notice = ask_notice,
				       .notice_context = (void *)invocation};
	int rc = answer_question(invocation, &question, err);
	free(directory);
	return rc;
}

const struct command cmd_frag = {
	.name = "frag",
	.args = "TRACE[@SNAP]",
	.summary = "show why freed memory does not come back, and who pins it",
	.notes = "SNAP is a label, an index, or start, exit (the default).\n",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.options = frag_table,
	.options_bytes = sizeof(struct frag_options),
	.defaults = &(const struct frag_options){.limit = 10},
	.run = frag_run,
};
