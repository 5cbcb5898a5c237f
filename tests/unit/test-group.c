/* test-group.c - every view of a snapshot has the same total, and the rows are right. */
#include "tests/tap.h"
#include "tests/traces/making.h"
#include "tracer/analyze/question.h"

/*
 * parse.c:10 40 B in 2 small blocks of thread main; parse.c:20 1000 B large, of thread
 * worker; parse.c:10 in domain 7, 5 B; 300 B in 3 blocks from before a fork.
 */
static void make_program(struct made *made, uint32_t shift)
{
	made_begin(made);
	made_thread(made, 0, 100, "main");
	made_thread(made, 1, 101, "worker");
	uint32_t main_frame = made_frame(made, "/src/main.c", 1);
	uint32_t ten = made_frame(made, "/src/parse.c", 10 + shift);
	uint32_t twenty = made_frame(made, "/src/parse.c", 20 + shift);
	uint32_t root = made_call(made, MADE_ROOT, main_frame);
	uint32_t a = made_call(made, root, ten);
	uint32_t again = made_call(made, root, ten);
	uint32_t b = made_call(made, made_call(made, root, twenty), twenty);
	uint32_t domain = made_call(made, MADE_ROOT, made_domain(made, 7));
	uint32_t c = made_call(made, domain, ten);
	made_snapshot(made, made_sums(MT_SNAPSHOT_EXIT, 1345, 7));
	made_row(made, MADE_INHERITED, 300, 3);
	made_row(made, a, 16, 1);
	made_row(made, again, 24, 1);
	made_row(made, b, 1000, 1);
	made_row(made, c, 5, 1);
	made_cell(made, a, 0, 0, 16, 1);
	made_cell(made, again, 0, 1, 24, 1);
	made_cell(made, b, 1, MT_CLASS_LARGE, 1000, 1);
	made_cell(made, c, 0, 0, 5, 1);
	made_snapshot_end(made);
}

static void name_functions(struct mt_frame_locations *frames, const struct made *made)
{
	struct mt_error err = {0};
	for (size_t i = 0; i < frames->trace->frames.count; i++) {
		const struct mt_trace_frame *f = &frames->trace->frames.list[i];
		if (f->kind != MT_FRAME_NATIVE)
			continue;
		const struct made_frame *frame = &made->frames[f->offset / 16 - 1];
		struct mt_symbol symbol = {.file = frame->file, .line = frame->line};
		symbol.function = frame->line == 1 ? "main" : "parse";
		mt_frame_locations_put(frames, (uint32_t)i,
				       (struct mt_symbols){&symbol, 1}, &err);
	}
}

static void add_side(struct mt_answer *answer, const struct mt_question *question,
		     struct made *made)
{
	struct mt_error err = {0};
	struct mt_subject *subject = &answer->subjects[answer->subject_count++];
	struct mt_moment moment;
	subject->side = answer->subject_count > 1 ? MT_SIDE_OLD : MT_SIDE_NEW;
	subject->owns_trace = true;
	subject->frames = &subject->own_frames;
	ok(mt_trace_open(&subject->trace, made_path(made), MT_TRACE_LOAD_PROFILES,
			 &err) == 0);
	ok(mt_moment_find(subject->trace, "exit", &moment, &err) == 0);
	ok(mt_profile_init(&subject->profile, subject->trace, &moment,
			   mt_by_needs_cells(question->by), &err) == 0);
	ok(mt_frame_locations_init(&subject->own_frames, &answer->locations,
				   subject->trace, NULL, 1, &err) == 0);
	name_functions(&subject->own_frames, made);
	ok(mt_subject_resolve(subject, question, &err) == 0);
}

/* The answer about the program; with old_shift also about one with other lines. */
static const struct mt_table *answer_to(struct mt_answer *answer,
					const struct mt_question *question, int old_shift)
{
	struct mt_error err = {0};
	struct made made;
	*answer = (struct mt_answer){0};
	mt_locations_init(&answer->locations, &err);
	make_program(&made, 0);
	add_side(answer, question, &made);
	made_end(&made);
	if (old_shift) {
		make_program(&made, (uint32_t)old_shift);
		add_side(answer, question, &made);
		made_end(&made);
	}
	if (!ok(mt_answer_report(answer, question, &err) == 0))
		printf("# %s\n", err.message);
	return &answer->report.tables[0];
}

static void is_row(const struct mt_table *table, size_t row, const char *expected)
{
	char *text = row < table->row_count ? mt_table_row_text(table, row) : NULL;
	is_str(text, expected);
	free(text);
}

static void check_view(enum mt_by by, const char *const *rows, size_t count)
{
	struct mt_answer answer;
	struct mt_question question = {.by = by};
	const struct mt_table *table = answer_to(&answer, &question, 0);
	is_int(table->row_count, count);
	for (size_t i = 0; i < count; i++)
		is_row(table, i, rows[i]);
	is_int(table->totals.now.bytes, 1345);
	is_int(table->totals.now.count, 7);
	mt_answer_deinit(&answer);
}

#define CHECK_VIEW(by, ...)                                                              \
	check_view(by, (const char *const[]){__VA_ARGS__},                               \
		   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

TEST(each_key_has_its_rows)
{
	CHECK_VIEW(MT_BY_LINENO, "/src/parse.c:20: size=1000 B, count=1, average=1000 B",
		   "[inherited]: size=300 B, count=3, average=100 B",
		   "/src/parse.c:10: size=45 B, count=3, average=15 B");
	CHECK_VIEW(MT_BY_FILENAME, "/src/parse.c:0: size=1045 B, count=4, average=261 B",
		   "<unknown>:0: size=300 B, count=3, average=100 B");
	CHECK_VIEW(MT_BY_FUNCTION, "parse (program): size=1045 B, count=4, average=261 B",
		   "[inherited]: size=300 B, count=3, average=100 B");
	CHECK_VIEW(MT_BY_MODULE, "/made/program: size=1045 B, count=4, average=261 B",
		   "<unknown>: size=300 B, count=3, average=100 B");
	CHECK_VIEW(MT_BY_SIZE_CLASS, "large: size=1000 B, count=1, average=1000 B",
		   "[inherited]: size=300 B, count=3, average=100 B",
		   "class 32: size=24 B, count=1, average=24 B",
		   "class 16: size=21 B, count=2, average=10 B");
	CHECK_VIEW(MT_BY_THREAD,
		   "thread worker (101): size=1000 B, count=1, average=1000 B",
		   "[inherited]: size=300 B, count=3, average=100 B",
		   "thread main (100): size=45 B, count=3, average=15 B");
	CHECK_VIEW(MT_BY_DOMAIN, "domain 0: size=1340 B, count=6, average=223 B",
		   "domain 7: size=5 B, count=1, average=5 B");
	CHECK_VIEW(MT_BY_TRACEBACK,
		   "/src/parse.c:20: size=1000 B, count=1, average=1000 B",
		   "[inherited]: size=300 B, count=3, average=100 B",
		   "/src/parse.c:10: size=40 B, count=2, average=20 B",
		   "/src/parse.c:10: size=5 B, count=1, average=5 B");
}

TEST(rows_and_omitted_add_up_to_the_totals)
{
	for (int by = MT_BY_LINENO; by <= MT_BY_DOMAIN; by++)
		for (size_t limit = 0; limit < 4; limit++) {
			struct mt_answer answer;
			struct mt_question question = {.by = (enum mt_by)by,
						       .limit = limit};
			const struct mt_table *table = answer_to(&answer, &question, 5);
			struct mt_sums sum = table->omitted;
			for (size_t i = 0; i < table->row_count; i++) {
				mt_counts_add(&sum.now, table->sums[i].now);
				mt_counts_add(&sum.diff, table->sums[i].diff);
			}
			is_int(sum.now.bytes, table->totals.now.bytes);
			is_int(sum.now.count, table->totals.now.count);
			is_int(sum.diff.bytes, table->totals.diff.bytes);
			is_int(sum.diff.count, table->totals.diff.count);
			ok(!limit || table->row_count <= limit);
			mt_answer_deinit(&answer);
		}
}

TEST(lines_that_moved_are_paired_by_function_only_when_asked)
{
	struct mt_answer answer;
	struct mt_question question = {.by = MT_BY_LINENO};
	const struct mt_table *table = answer_to(&answer, &question, 5);
	is_int(table->row_count, 5);
	mt_answer_deinit(&answer);
	question.matches_functions = true;
	table = answer_to(&answer, &question, 5);
	is_int(table->row_count, 3);
	is_row(table, 0,
	       "/src/parse.c:20: size=1000 B (+0 B), count=1 (+0), average=1000 B");
	is_row(table, 2, "/src/parse.c:10: size=45 B (+0 B), count=3 (+0), average=15 B");
	mt_answer_deinit(&answer);
}

TEST(moved_onto_the_line_of_another_the_function_still_decides)
{
	struct mt_answer answer;
	struct mt_question question = {.by = MT_BY_LINENO, .matches_functions = true};
	const struct mt_table *table = answer_to(&answer, &question, 10);
	is_int(table->row_count, 3);
	is_row(table, 0,
	       "/src/parse.c:20: size=1000 B (+0 B), count=1 (+0), average=1000 B");
	mt_answer_deinit(&answer);
}

TEST(sorting_by_count_and_average)
{
	struct mt_answer answer;
	struct mt_question question = {.by = MT_BY_FILENAME, .sort = MT_SORT_COUNT};
	is_row(answer_to(&answer, &question, 0), 0,
	       "/src/parse.c:0: size=1045 B, count=4, average=261 B");
	mt_answer_deinit(&answer);
	question = (struct mt_question){.by = MT_BY_LINENO, .sort = MT_SORT_COUNT};
	const struct mt_table *table = answer_to(&answer, &question, 0);
	is_row(table, 0, "[inherited]: size=300 B, count=3, average=100 B");
	is_row(table, 2, "/src/parse.c:20: size=1000 B, count=1, average=1000 B");
	mt_answer_deinit(&answer);
	question.sort = MT_SORT_AVERAGE;
	table = answer_to(&answer, &question, 0);
	is_row(table, 1, "[inherited]: size=300 B, count=3, average=100 B");
	mt_answer_deinit(&answer);
}

static size_t rows_kept(struct mt_filter filter)
{
	struct mt_answer answer;
	struct mt_question question = {
		.by = MT_BY_LINENO, .filters = &filter, .filter_count = 1};
	size_t count = answer_to(&answer, &question, 0)->row_count;
	mt_answer_deinit(&answer);
	return count;
}

TEST(filters_look_at_functions_modules_and_base_names_too)
{
	struct mt_filter filter = {.subject = MT_FILTER_FUNCTION, .is_inclusive = true};
	filter.pattern = "par*";
	is_int(rows_kept(filter), 2);
	filter.pattern = "main";
	is_int(rows_kept(filter), 0);
	filter.all_frames = true;
	is_int(rows_kept(filter), 2);
	filter = (struct mt_filter){.subject = MT_FILTER_MODULE, .is_inclusive = true};
	filter.pattern = "program";
	is_int(rows_kept(filter), 0);
	filter.matches_base_name = true;
	is_int(rows_kept(filter), 2);
	filter.pattern = "*/program";
	is_int(rows_kept(filter), 2);
	filter = (struct mt_filter){.subject = MT_FILTER_FILE, .pattern = "parse.c"};
	is_int(rows_kept(filter), 3);
	filter.matches_base_name = true;
	is_int(rows_kept(filter), 1);
}

TEST(filters_of_several_subjects_must_agree)
{
	struct mt_filter filters[] = {
		{.subject = MT_FILTER_FUNCTION,
		 .group = 1,
		 .is_inclusive = true,
		 .pattern = "parse"},
		{.subject = MT_FILTER_DOMAIN,
		 .group = 2,
		 .is_inclusive = true,
		 .has_domain = true,
		 .domain = 7},
	};
	struct mt_answer answer;
	struct mt_question question = {
		.by = MT_BY_LINENO, .filters = filters, .filter_count = 2};
	const struct mt_table *table = answer_to(&answer, &question, 0);
	is_int(table->row_count, 1);
	is_int(table->totals.now.bytes, 5);
	mt_answer_deinit(&answer);
}

static void is_refused(struct mt_question question)
{
	struct mt_error err = {0};
	is_int(mt_question_check(&question, &err), MT_ERR_USAGE);
	ok(err.message[0]);
}

TEST(what_a_trace_cannot_answer_is_refused)
{
	is_refused((struct mt_question){.by = MT_BY_THREAD, .metric = MT_METRIC_TOTAL});
	is_refused(
		(struct mt_question){.by = MT_BY_SIZE_CLASS, .metric = MT_METRIC_PEAK});
	is_refused((struct mt_question){.by = MT_BY_THREAD, .is_cumulative = true});
	is_refused((struct mt_question){.by = MT_BY_TRACEBACK, .is_cumulative = true});
	is_refused(
		(struct mt_question){.by = MT_BY_TRACEBACK, .matches_functions = true});
}

TAP_MAIN()
