/*
 * gate-report.c - a verdict as a report; see gate.h. Outside.
 */
#include "tracer/analyze/gate-judging.h"

#include "tracer/analyze/label.h"

#include <math.h>
#include <string.h>

static const struct mt_column check_columns[MT_CHECK_COLUMNS] = {
	[MT_CHECK_NAME] = {"check", MT_COLUMN_TEXT},
	[MT_CHECK_STATE] = {"state", MT_COLUMN_TEXT},
	[MT_CHECK_UNIT] = {"unit", MT_COLUMN_TEXT},
	[MT_CHECK_VALUE] = {"value", MT_COLUMN_NUMBER},
	[MT_CHECK_LIMIT] = {"limit", MT_COLUMN_NUMBER},
	[MT_CHECK_SITES] = {"sites", MT_COLUMN_NUMBER},
	[MT_CHECK_TEXT] = {"text", MT_COLUMN_TEXT},
};

static const struct mt_column row_columns[MT_ROW_COLUMNS] = {
	[MT_ROW_CHECK] = {"check", MT_COLUMN_TEXT},
	[MT_ROW_SITE] = {"site", MT_COLUMN_TEXT},
	[MT_ROW_FILE] = {"file", MT_COLUMN_TEXT},
	[MT_ROW_LINE] = {"line", MT_COLUMN_NUMBER},
	[MT_ROW_FUNCTION] = {"function", MT_COLUMN_TEXT},
	[MT_ROW_MODULE] = {"module", MT_COLUMN_TEXT},
	[MT_ROW_OFFSET] = {"offset", MT_COLUMN_NUMBER},
	[MT_ROW_SIZE] = {"size", MT_COLUMN_SIZE},
	[MT_ROW_COUNT] = {"count", MT_COLUMN_NUMBER},
	[MT_ROW_SIZE_DIFF] = {"size_diff", MT_COLUMN_SIZE},
	[MT_ROW_COUNT_DIFF] = {"count_diff", MT_COLUMN_NUMBER},
	[MT_ROW_PER_STEP] = {"bytes_per_step", MT_COLUMN_NUMBER},
};

static const struct mt_column suppression_columns[MT_SUPPRESSION_COLUMNS] = {
	[MT_SUPPRESSION_NAME] = {"name", MT_COLUMN_TEXT},
	[MT_SUPPRESSION_PLACE] = {"place", MT_COLUMN_TEXT},
	[MT_SUPPRESSION_STATE] = {"state", MT_COLUMN_TEXT},
	[MT_SUPPRESSION_SIZE] = {"size", MT_COLUMN_SIZE},
	[MT_SUPPRESSION_COUNT] = {"count", MT_COLUMN_NUMBER},
};

int mt_gate_report_begin(struct mt_judging *j, struct mt_error *err)
{
	struct mt_report *report = &j->gate->report;
	report->schema = "memtrace.gate/1";
	if (!mt_report_add_table(report, "checks", check_columns, MT_CHECK_COLUMNS,
				 err) ||
	    !mt_report_add_table(report, "rows", row_columns, MT_ROW_COLUMNS, err) ||
	    !mt_report_add_table(report, "suppressions", suppression_columns,
				 MT_SUPPRESSION_COLUMNS, err))
		return MT_ERR_NO_MEMORY;
	return 0;
}

/* A failure outweighs what could not be judged. */
static void count_in(struct mt_gate *gate, enum mt_gate_state state)
{
	if (state == MT_GATE_FAILED ||
	    (state == MT_GATE_UNJUDGED && gate->verdict == MT_GATE_PASSED))
		gate->verdict = state;
}

int mt_gate_add_check(struct mt_judging *j, struct mt_check check, struct mt_error *err,
		      const char *format, ...)
{
	struct mt_report *report = &j->gate->report;
	char *text;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (mt_report_own(report, length < 0 ? NULL : text, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_value *values = mt_table_add_row(&report->tables[MT_GATE_CHECKS], err);
	if (!values)
		return MT_ERR_NO_MEMORY;
	values[MT_CHECK_NAME] = mt_value_text(check.name);
	values[MT_CHECK_STATE] = mt_value_text(mt_gate_state_name(check.state));
	values[MT_CHECK_UNIT] = mt_value_text(check.unit);
	if (check.unit)
		values[MT_CHECK_VALUE] = mt_value_number(check.value);
	if (check.has_limit)
		values[MT_CHECK_LIMIT] = mt_value_number(check.limit);
	values[MT_CHECK_SITES] = mt_value_number((int64_t)check.sites);
	values[MT_CHECK_TEXT] = mt_value_text(text);
	count_in(j->gate, check.state);
	return 0;
}

static void fill_location(struct mt_value *values, const struct mt_location *location)
{
	values[MT_ROW_FILE] = mt_value_text(location->file);
	values[MT_ROW_LINE] = mt_value_number(location->line);
	values[MT_ROW_FUNCTION] = mt_value_text(location->function);
	values[MT_ROW_MODULE] = mt_value_text(location->module);
	values[MT_ROW_OFFSET] = mt_value_number((int64_t)location->offset);
	if (location->file)
		values[MT_ROW_OFFSET].state = MT_VALUE_ABSENT;
}

int mt_gate_add_row(struct mt_judging *j, const char *check,
		    const struct mt_groups *groups, const struct mt_statistic *statistic,
		    bool is_diff, const double *per_step, struct mt_error *err)
{
	struct mt_report *report = &j->gate->report;
	char *site = mt_label_group(groups, statistic->group, j->asked->directory);
	if (mt_report_own(report, site, err) < 0)
		return MT_ERR_NO_MEMORY;
	struct mt_value *values = mt_table_add_row(&report->tables[MT_GATE_ROWS], err);
	if (!values)
		return MT_ERR_NO_MEMORY;
	fill_location(values, &groups->locations->list[statistic->group->location]);
	values[MT_ROW_CHECK] = mt_value_text(check);
	values[MT_ROW_SITE] = mt_value_text(site);
	values[MT_ROW_SIZE] = mt_value_number(statistic->now.bytes);
	values[MT_ROW_COUNT] = mt_value_number(statistic->now.count);
	values[MT_ROW_SIZE_DIFF] = mt_value_number(statistic->diff.bytes);
	values[MT_ROW_COUNT_DIFF] = mt_value_number(statistic->diff.count);
	values[MT_ROW_PER_STEP] = mt_value_number(per_step ? llround(*per_step) : 0);
	if (!is_diff)
		values[MT_ROW_SIZE_DIFF].state = values[MT_ROW_COUNT_DIFF].state =
			MT_VALUE_ABSENT;
	if (!per_step)
		values[MT_ROW_PER_STEP].state = MT_VALUE_ABSENT;
	return 0;
}

/* The end of the report: what it all adds up to. */

static int add_suppressions(struct mt_judging *j, struct mt_error *err)
{
	static const char *const states[] = {
		[MT_SUPPRESSION_UNUSED] = "unused",
		[MT_SUPPRESSION_USED] = "used",
		[MT_SUPPRESSION_EXPIRED] = "expired",
		[MT_SUPPRESSION_EXCEEDED] = "exceeded",
	};
	const struct mt_suppressions *s = j->asked->suppressions;
	struct mt_table *table = &j->gate->report.tables[MT_GATE_SUPPRESSIONS];
	for (size_t i = 0; i < s->count; i++) {
		const struct mt_suppression *rule = &s->list[i];
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values)
			return MT_ERR_NO_MEMORY;
		values[MT_SUPPRESSION_NAME] = mt_value_text(rule->name);
		values[MT_SUPPRESSION_PLACE] = mt_value_text(rule->place);
		values[MT_SUPPRESSION_STATE] = mt_value_text(states[rule->state]);
		values[MT_SUPPRESSION_SIZE] = mt_value_number(rule->matched.bytes);
		values[MT_SUPPRESSION_COUNT] = mt_value_number(rule->matched.count);
	}
	return 0;
}

static int add_number(struct mt_judging *j, const char *name, int64_t number,
		      struct mt_error *err)
{
	struct mt_fact fact = {
		.name = name, .kind = MT_COLUMN_NUMBER, .value = mt_value_number(number)};
	return mt_report_add_fact(&j->gate->report, fact, err);
}

static int add_text(struct mt_judging *j, const char *name, const char *text,
		    struct mt_error *err)
{
	struct mt_fact fact = {.name = name, .value = mt_value_text(text)};
	return mt_report_add_fact(&j->gate->report, fact, err);
}

int mt_gate_report_end(struct mt_judging *j, struct mt_error *err)
{
	const struct {
		const char *name;
		int64_t number;
	} facts[] = {
		{"size", mt_wrapping_subtract(j->live.bytes, j->suppressed.bytes)},
		{"count", mt_wrapping_subtract(j->live.count, j->suppressed.count)},
		{"peak_size", j->peak.bytes},
		{"peak_count", j->peak.count},
		{"total_size", j->total.bytes},
		{"total_count", j->total.count},
		{"suppressed_size", j->suppressed.bytes},
		{"suppressed_count", j->suppressed.count},
	};
	int rc = add_text(j, "verdict", mt_gate_state_name(j->gate->verdict), err);
	if (rc >= 0)
		rc = add_text(j, "baseline", j->asked->baseline, err);
	for (size_t i = 0; rc >= 0 && i < sizeof facts / sizeof *facts; i++)
		rc = add_number(j, facts[i].name, facts[i].number, err);
	j->gate->report.is_incomplete = j->trouble.code != 0;
	return rc < 0 ? rc : add_suppressions(j, err);
}

int64_t mt_gate_number(const struct mt_report *report, const char *name)
{
	for (size_t i = 0; i < report->fact_count; i++)
		if (!strcmp(report->facts[i].name, name))
			return report->facts[i].value.number;
	return 0;
}
