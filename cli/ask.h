/*
 * ask.h - what top and diff share: from their options to the answer on stdout. Outside.
 */
#ifndef MT_CLI_ASK_H
#define MT_CLI_ASK_H

#include "cli/command.h"
#include "tracer/analyze/question.h"

/* The value of each option, as its command parsed it. */
struct ask {
	int by, metric, sort, match;
	uint64_t limit;
	bool is_cumulative, all_frames, has_raw_frames;
	struct option_strings includes, excludes, functions, modules, domains, wrappers;
};

/* The question that they make, for commands with answers of their own. */
struct ask_question {
	struct mt_question question;
	struct mt_filter *filters;
	char *directory;
	char *file; /* of ask_question_at */
};

int ask_question_init(struct ask_question *asked, const struct invocation *invocation,
		      const struct ask *options, struct mt_error *err);
/* Only blocks of FILE:LINE; at is borrowed. */
int ask_question_at(struct ask_question *asked, const char *at, struct mt_error *err);
void ask_question_deinit(struct ask_question *asked);

/* Answer about one side, or two, and print it. As struct command's run. */
int ask(const struct invocation *invocation, const struct ask *options,
	struct mt_names new_side, struct mt_names old_side, struct mt_error *err);

enum ask_match {
	ASK_MATCH_LINE,
	ASK_MATCH_FUNCTION,
};

/* Tables for those of the commands; their struct is struct ask. */
extern const struct command_option ask_rows_table[];
extern const struct command_option ask_filters_table[];
extern const struct command_option ask_frames_table[]; /* which one is the key frame */
extern const struct option_choice ask_match_choices[];

/*
 * The remark on a damaged or unfinished trace, after its answer was printed: 0 and a line
 * on stderr, or MT_ERR_DAMAGED for main to report.
 */
int ask_finish(const struct invocation *invocation, const struct mt_error *remark,
	       struct mt_error *err);

/* mt_question's notice: one line on stderr, unless -q; context: the invocation. */
void ask_notice(void *context, const char *module, const char *text);

#endif
