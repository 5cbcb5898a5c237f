/*
 * cmd-dup.c - memtrace dup: live blocks with equal contents. Outside.
 */
#include "cli/ask.h"
#include "cli/leaks-text.h"
#include "cli/render.h"
#include "tracer/analyze/duplicates.h"
#include "tracer/analyze/label.h"

#include <inttypes.h>
#include <stdlib.h>

struct dup_options {
	struct ask ask;
};

static const struct command_option dup_table[] = {
	{.short_name = 'n',
	 .argument = "N",
	 .help = "tracebacks to show; default 10, 0: all",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct dup_options, ask.limit)},
	{0},
};

static void put_size(FILE *out, uint64_t bytes)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)bytes, false);
	fputs(size, out);
}

static void put_row(FILE *out, const struct mt_duplicates *duplicates,
		    const struct mt_duplicate *row, const struct mt_question *question)
{
	const struct mt_groups *groups = &duplicates->answer.groups;
	const struct mt_group *group = &groups->list[row->group];
	char *label = mt_label_group(groups, group, question->directory);
	putc('\n', out);
	render_escaped(out, label ? label : "");
	free(label);
	fprintf(out, ": %" PRId64 " copies, %" PRIu64 " distinct, ", row->copies.count,
		row->distinct);
	put_size(out, (uint64_t)row->copies.bytes);
	fputs("; sharing saves ", out);
	put_size(out, row->saving_bytes);
	putc('\n', out);
	if (row->most_block != MT_NO_BLOCK) {
		fprintf(out, "    %" PRIu64 " of them", row->most_copies);
		leaks_text_contents(out, " begin with ",
				    &duplicates->answer.subjects[0].heap,
				    row->most_block);
		putc('\n', out);
	}
	render_path(out, 4, groups, group->path, question->directory);
}

static void put_text(FILE *out, const struct mt_duplicates *duplicates,
		     const struct mt_question *question)
{
	size_t shown = mt_shown(duplicates->rows.count, question->limit);
	leaks_text_scan(out, &duplicates->answer.subjects[0].heap.scan);
	fprintf(out, "Equal: %" PRId64 " block%s with %" PRIu64 " distinct content%s, ",
		duplicates->copies.count, duplicates->copies.count == 1 ? "" : "s",
		duplicates->distinct, duplicates->distinct == 1 ? "" : "s");
	put_size(out, (uint64_t)duplicates->copies.bytes);
	fputs("; sharing saves ", out);
	put_size(out, duplicates->saving_bytes);
	putc('\n', out);
	for (size_t i = 0; i < shown; i++)
		put_row(out, duplicates, &duplicates->rows.list[i], question);
	if (shown < duplicates->rows.count)
		fprintf(out, "\n%zu more traceback%s (-n 0 shows all)\n",
			duplicates->rows.count - shown,
			duplicates->rows.count - shown == 1 ? "" : "s");
}

static int print(const struct invocation *invocation, struct mt_duplicates *duplicates,
		 const struct mt_question *question, struct mt_error *err)
{
	int rc = 0;
	if (!invocation->json)
		put_text(stdout, duplicates, question);
	else if ((rc = mt_duplicates_report(duplicates, question->limit, err)) >= 0)
		render_json(stdout, &duplicates->answer.report);
	return rc < 0 ? rc : ask_finish(invocation, &duplicates->answer.remark, err);
}

static int dup_run(const struct invocation *invocation, struct mt_error *err)
{
	const struct dup_options *options = invocation->options;
	struct ask_question asked;
	struct mt_duplicates duplicates = {0};
	int rc = ask_question_init(&asked, invocation, &options->ask, err);
	if (rc >= 0)
		rc = mt_duplicates_init(&duplicates, &asked.question,
					invocation->operands[0], err);
	if (rc >= 0)
		rc = print(invocation, &duplicates, &asked.question, err);
	mt_duplicates_deinit(&duplicates);
	ask_question_deinit(&asked);
	return rc;
}

const struct command cmd_dup = {
	.name = "dup",
	.args = "TRACE[@SNAP]",
	.summary = "show live blocks with equal contents",
	.notes = "The program must have been run with 'memtrace run --leaks --dup', or "
		 "scanned\nwith 'memtrace snapshot --leaks --dup PID'.\n",
	.min_operands = 1,
	.max_operands = 1,
	.prints_results = true,
	.options = dup_table,
	.options_bytes = sizeof(struct dup_options),
	.defaults = &(const struct dup_options){.ask = {.limit = 10}},
	.run = dup_run,
};
