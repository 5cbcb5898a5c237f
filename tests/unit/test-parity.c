/*
 * test-parity.c - grouping, differences, filters, orders and texts are tracemalloc's.
 *
 * The cases are Python's own answers (tests/golden/tracemalloc_diff.json). Each becomes
 * a trace, is read back and goes the way of `top` and `diff`: profile, filter, group,
 * statistics, table. Only debug information is replaced: a frame's file and line are told.
 */
#include "tests/tap.h"
#include "tests/traces/making.h"
#include "tracer/analyze/label.h"
#include "tracer/analyze/question.h"

enum {
	MAX_FIELDS = 64,
	MAX_FILTERS = 8,
	MAX_TRACES = 128,
	MAX_ROWS = 128,
};

struct golden_trace {
	bool is_old;
	uint32_t domain;
	int64_t size, repeated;
	int frame_count;
	char *files[MAX_FIELDS];
	uint32_t lines[MAX_FIELDS];
};

struct golden_case {
	char *name, *key;
	bool is_cumulative, has_old, fails;
	struct mt_filter filters[MAX_FILTERS];
	size_t filter_count;
	struct golden_trace traces[MAX_TRACES];
	size_t trace_count;
	struct mt_sums rows[MAX_ROWS];
	size_t row_count;
	char *texts[MAX_ROWS];
	size_t text_count;
};

static char *decode(const char *field)
{
	char *text = strdup(field), *out = text;
	for (const char *in = field; *in; in++) {
		unsigned byte;
		if (*in == '%' && sscanf(in + 1, "%2x", &byte) == 1) {
			*out++ = (char)byte;
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return text;
}

/* One line of the flattened golden file at a time, split at its tabs. */
struct lines {
	FILE *file;
	char *line;
	size_t capacity;
	char *fields[MAX_FIELDS];
	int count;
};

static struct lines lines_open(void)
{
	struct lines lines = {.file = popen("tests/golden/flatten-tracemalloc", "r")};
	if (!lines.file)
		abort();
	return lines;
}

static bool lines_next(struct lines *lines)
{
	if (getline(&lines->line, &lines->capacity, lines->file) < 0)
		return false;
	char *rest = lines->line;
	rest[strcspn(rest, "\n")] = '\0';
	lines->count = 0;
	for (char *field; lines->count < MAX_FIELDS && (field = strsep(&rest, "\t"));)
		lines->fields[lines->count++] = field;
	return true;
}

static bool lines_is(const struct lines *lines, const char *kind)
{
	return !strcmp(lines->fields[0], kind);
}

static int64_t number(const struct lines *lines, int field)
{
	return strtoll(lines->fields[field], NULL, 10);
}

static void read_filter(struct golden_case *c, const struct lines *lines)
{
	struct mt_filter *filter = &c->filters[c->filter_count++];
	bool is_domain = !strcmp(lines->fields[1], "domain");
	*filter = (struct mt_filter){
		.subject = is_domain ? MT_FILTER_DOMAIN : MT_FILTER_FILE,
		.is_inclusive = number(lines, 2),
		.pattern = decode(lines->fields[3]),
		.has_line = strcmp(lines->fields[4], "-") != 0,
		.line = (uint32_t)number(lines, 4),
		.all_frames = number(lines, 5),
		.has_domain = strcmp(lines->fields[6], "-") != 0,
		.domain = (uint32_t)number(lines, 6),
	};
}

static void read_trace(struct golden_case *c, const struct lines *lines)
{
	struct golden_trace *trace = &c->traces[c->trace_count++];
	trace->is_old = !strcmp(lines->fields[1], "old");
	trace->domain = (uint32_t)number(lines, 2);
	trace->size = number(lines, 3);
	trace->repeated = number(lines, 4);
	trace->frame_count = (lines->count - 5) / 2;
	for (int i = 0; i < trace->frame_count; i++) {
		trace->files[i] = decode(lines->fields[5 + 2 * i]);
		trace->lines[i] = (uint32_t)number(lines, 6 + 2 * i);
	}
}

/* The next case in *c; its last line, "end" or "match", stays in lines. */
static bool read_case(struct golden_case *c, struct lines *lines)
{
	memset(c, 0, sizeof *c);
	while (lines_next(lines)) {
		if (lines_is(lines, "case")) {
			c->name = decode(lines->fields[1]);
			c->key = decode(lines->fields[2]);
			c->is_cumulative = number(lines, 3);
			c->has_old = number(lines, 4);
			c->fails = number(lines, 5);
		} else if (lines_is(lines, "filter")) {
			read_filter(c, lines);
		} else if (lines_is(lines, "trace")) {
			read_trace(c, lines);
		} else if (lines_is(lines, "row")) {
			c->rows[c->row_count++] = (struct mt_sums){
				.now = {number(lines, 1), number(lines, 2)},
				.diff = {number(lines, 3), number(lines, 4)}};
		} else if (lines_is(lines, "text")) {
			c->texts[c->text_count++] = decode(lines->fields[1]);
		} else {
			return lines_is(lines, "end") || lines_is(lines, "match");
		}
	}
	return false;
}

static void free_case(struct golden_case *c)
{
	for (size_t i = 0; i < c->filter_count; i++)
		free((char *)c->filters[i].pattern);
	for (size_t i = 0; i < c->trace_count; i++)
		for (int k = 0; k < c->traces[i].frame_count; k++)
			free(c->traces[i].files[k]);
	for (size_t i = 0; i < c->text_count; i++)
		free(c->texts[i]);
	free(c->name);
	free(c->key);
}

/* A traceback id of its own for each golden trace, equal or not. */
static uint32_t make_traceback(struct made *made, const struct golden_trace *trace)
{
	uint32_t traceback = MADE_ROOT;
	if (trace->domain)
		traceback = made_call(made, traceback, made_domain(made, trace->domain));
	for (int i = trace->frame_count; i-- > 0;)
		traceback = made_call(made, traceback,
				      made_frame(made, trace->files[i], trace->lines[i]));
	return traceback;
}

static void make_trace(struct made *made, const struct golden_case *c, bool is_old)
{
	struct mt_record_snapshot snapshot = {.kind = MT_SNAPSHOT_EXIT};
	uint32_t tracebacks[MAX_TRACES];
	made_begin(made);
	for (size_t i = 0; i < c->trace_count; i++) {
		const struct golden_trace *trace = &c->traces[i];
		if (trace->is_old != is_old)
			continue;
		tracebacks[i] = make_traceback(made, trace);
		uint64_t bytes = (uint64_t)trace->size * (uint64_t)trace->repeated;
		snapshot.total_bytes += bytes;
		snapshot.total_count += (uint64_t)trace->repeated;
	}
	snapshot.live_bytes = snapshot.peak_bytes = (int64_t)snapshot.total_bytes;
	snapshot.live_count = snapshot.peak_count = (int64_t)snapshot.total_count;
	made_snapshot(made, snapshot);
	for (size_t i = 0; i < c->trace_count; i++)
		if (c->traces[i].is_old == is_old)
			made_row(made, tracebacks[i],
				 c->traces[i].size * c->traces[i].repeated,
				 c->traces[i].repeated);
	made_snapshot_end(made);
}

static bool add_subject(struct mt_answer *answer, const struct mt_question *question,
			struct made *made)
{
	struct mt_error err = {0};
	struct mt_subject *subject = &answer->subjects[answer->subject_count++];
	struct mt_moment moment;
	subject->side = answer->subject_count > 1 ? MT_SIDE_OLD : MT_SIDE_NEW;
	subject->owns_trace = true;
	subject->frames = &subject->own_frames;
	return ok(mt_trace_open(&subject->trace, made_path(made), MT_TRACE_LOAD_PROFILES,
				&err) == 0) &&
	       ok(mt_moment_find(subject->trace, "exit", &moment, &err) == 0) &&
	       ok(mt_profile_init(&subject->profile, subject->trace, &moment, false,
				  &err) == 0) &&
	       ok(!subject->profile.is_short) &&
	       ok(mt_frame_locations_init(&subject->own_frames, &answer->locations,
					  subject->trace, NULL, 1, &err) == 0) &&
	       (made_locations(made, &subject->own_frames),
		ok(mt_subject_resolve(subject, question, &err) == 0));
}

static bool find_key(const char *name, enum mt_by *by)
{
	static const char *const names[] = {[MT_BY_LINENO] = "lineno",
					    [MT_BY_FILENAME] = "filename",
					    [MT_BY_FUNCTION] = "function",
					    [MT_BY_TRACEBACK] = "traceback"};
	for (int i = 0; i <= MT_BY_TRACEBACK; i++) {
		*by = (enum mt_by)i;
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

/*
 * str() of a row by traceback names its oldest frame, where `top` names the key frame:
 * the same texts with another label.
 */
static char *text_of(const struct mt_answer *answer, enum mt_by by, size_t row)
{
	struct mt_table *table = &answer->report.tables[0];
	if (by == MT_BY_TRACEBACK) {
		const struct mt_frame_list *frames = table->values[row].frames;
		free(table->labels[row]);
		table->labels[row] = mt_label_location(frames->list[0], NULL);
	}
	return mt_table_row_text(table, row);
}

static void compare(const struct golden_case *c, const struct mt_answer *answer,
		    enum mt_by by)
{
	const struct mt_table *table = &answer->report.tables[0];
	if (!is_int(table->row_count, c->text_count))
		printf("# in case %s\n", c->name);
	for (size_t i = 0; i < table->row_count && i < c->text_count; i++) {
		const struct mt_sums *sums = &table->sums[i];
		char *text = text_of(answer, by, i);
		bool agrees = is_str(text, c->texts[i]);
		agrees &= is_int(sums->now.bytes, c->rows[i].now.bytes);
		agrees &= is_int(sums->now.count, c->rows[i].now.count);
		agrees &= is_int(sums->diff.bytes, c->rows[i].diff.bytes);
		agrees &= is_int(sums->diff.count, c->rows[i].diff.count);
		if (!agrees)
			printf("# in case %s, row %zu\n", c->name, i);
		free(text);
	}
}

static void answer_case(const struct golden_case *c, struct mt_answer *answer,
			struct mt_question *question)
{
	struct mt_error err = {0};
	struct made made[2];
	*answer = (struct mt_answer){0};
	question->has_raw_frames = true;
	question->filters = c->filters;
	question->filter_count = c->filter_count;
	mt_locations_init(&answer->locations, &err);
	for (int i = 0; i <= c->has_old; i++) {
		make_trace(&made[i], c, i == MT_SIDE_OLD);
		add_subject(answer, question, &made[i]);
		made_end(&made[i]);
	}
	ok(mt_answer_report(answer, question, &err) == 0);
}

static void check_case(const struct golden_case *c)
{
	struct mt_error err = {0};
	struct mt_question question = {.is_cumulative = c->is_cumulative};
	bool is_known = find_key(c->key, &question.by);
	if (c->fails) {
		ok(!is_known || mt_question_check(&question, &err) == MT_ERR_USAGE);
		return;
	}
	if (!ok(is_known && mt_question_check(&question, &err) == 0))
		return;
	struct mt_answer answer;
	answer_case(c, &answer, &question);
	compare(c, &answer, question.by);
	mt_answer_deinit(&answer);
}

TEST(every_grouping_and_difference_is_tracemallocs)
{
	static struct golden_case c;
	struct lines lines = lines_open();
	int count = 0;
	while (read_case(&c, &lines) && lines_is(&lines, "end")) {
		check_case(&c);
		free_case(&c);
		count++;
	}
	is_int(count, 137);
}

TEST(every_filter_keeps_what_tracemallocs_keeps)
{
	static struct golden_case c;
	struct lines lines = lines_open();
	int count = 0;
	while (read_case(&c, &lines)) {
		if (lines_is(&lines, "match")) {
			struct mt_question question = {.by = MT_BY_LINENO};
			struct mt_answer answer;
			answer_case(&c, &answer, &question);
			if (!is_int(answer.report.tables[0].row_count, number(&lines, 1)))
				printf("# in %s\n", c.name);
			mt_answer_deinit(&answer);
			count++;
		}
		free_case(&c);
	}
	is_int(count, 80);
}

TEST(every_size_and_average_has_tracemallocs_text)
{
	struct lines lines = lines_open();
	int count = 0;
	while (lines_next(&lines)) {
		bool is_average = lines_is(&lines, "average");
		if (!is_average && !lines_is(&lines, "size"))
			continue;
		char text[MT_SIZE_TEXT_BYTES];
		double first = strtod(lines.fields[1], NULL);
		double second = strtod(lines.fields[2], NULL);
		char *expected = decode(lines.fields[3]);
		mt_size_text(text, is_average ? first / second : second,
			     !is_average && first != 0);
		is_str(text, expected);
		free(expected);
		count++;
	}
	is_int(count, 224);
}

TAP_MAIN()
