/*
 * render-junit.c - a gate's verdict as JUnit's XML: a test suite for each trace, a test
 * case for each check; see render-gate.h. Outside.
 */
#include "cli/render-gate.h"
#include "cli/render.h"

#include <inttypes.h>
#include <string.h>

enum {
	SITES_IN_FAILURE = 1000,
};

/* What XML 1.0 cannot hold, escaped or not, becomes \xHH; the rest as entities. */
static void put_text(FILE *out, const char *text)
{
	while (*text) {
		unsigned char c = (unsigned char)*text;
		int length = render_character(text);
		bool is_control = c < 0x20 || c == 0x7f ||
				  (c == 0xc2 && (unsigned char)text[1] < 0xa0);
		bool is_no_character = length == 3 && c == 0xef &&
				       (unsigned char)text[1] == 0xbf &&
				       (unsigned char)text[2] >= 0xbe;
		bool is_shown = length && !is_control && !is_no_character;
		if (!is_shown)
			fprintf(out, "\\x%02x", c);
		else if (strchr("&<>\"'", c))
			fprintf(out, "&#%d;", c);
		else
			fwrite(text, 1, (size_t)length, out);
		text += is_shown ? length : 1;
	}
}

static void put_attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	put_text(out, value);
	putc('"', out);
}

static size_t count_checks(const struct mt_report *report, enum mt_gate_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++)
		count += render_check_is(report, i, state);
	return count;
}

static void put_properties(FILE *out, const struct mt_report *report)
{
	fputs("    <properties>\n", out);
	for (size_t i = 0; i < report->fact_count; i++) {
		const struct mt_fact *fact = &report->facts[i];
		if (fact->kind != MT_COLUMN_NUMBER)
			continue;
		fprintf(out, "      <property name=\"%s\" value=\"%" PRId64 "\"/>\n",
			fact->name, fact->value.number);
	}
	fputs("    </properties>\n", out);
}

static void put_case(FILE *out, const struct mt_report *report, size_t check)
{
	const char *name = render_check(report, check, MT_CHECK_NAME)->text;
	const char *text = render_check(report, check, MT_CHECK_TEXT)->text;
	static const struct render_sites sites = {
		.limit = SITES_IN_FAILURE, .indent = "", .put = put_text};
	bool has_failed = render_check_is(report, check, MT_GATE_FAILED);
	fputs("    <testcase classname=\"memtrace.gate\"", out);
	put_attribute(out, "name", name);
	if (render_check_is(report, check, MT_GATE_PASSED)) {
		fputs("/>\n", out);
		return;
	}
	fprintf(out, ">\n      <%s type=\"memtrace.%s\"",
		has_failed ? "failure" : "error", name);
	put_attribute(out, "message", text);
	putc('>', out);
	render_sites(out, report, check, &sites);
	fprintf(out, "</%s>\n    </testcase>\n", has_failed ? "failure" : "error");
}

static void put_suppressions(FILE *out, const struct mt_report *report)
{
	size_t count = report->tables[MT_GATE_SUPPRESSIONS].row_count;
	if (!count)
		return;
	fputs("    <system-out>", out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "suppression %s: ",
			render_suppression(report, i, MT_SUPPRESSION_STATE)->text);
		put_text(out, render_suppression(report, i, MT_SUPPRESSION_NAME)->text);
		fputs(" (", out);
		put_text(out, render_suppression(report, i, MT_SUPPRESSION_PLACE)->text);
		fputs(")\n", out);
	}
	fputs("</system-out>\n", out);
}

static void put_counts(FILE *out, size_t tests, size_t failures, size_t errors)
{
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", tests, failures,
		errors);
}

static void put_suite(FILE *out, const struct mt_report *report)
{
	fputs("  <testsuite", out);
	put_attribute(out, "name", report->sides[0].trace);
	put_counts(out, report->tables[MT_GATE_CHECKS].row_count,
		   count_checks(report, MT_GATE_FAILED),
		   count_checks(report, MT_GATE_UNJUDGED));
	fputs(" skipped=\"0\">\n", out);
	put_properties(out, report);
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++)
		put_case(out, report, i);
	put_suppressions(out, report);
	fputs("  </testsuite>\n", out);
}

void render_junit(FILE *out, const struct render_gate *gate)
{
	size_t tests = 0, failures = 0, errors = 0;
	for (size_t i = 0; i < gate->count; i++) {
		tests += gate->reports[i]->tables[MT_GATE_CHECKS].row_count;
		failures += count_checks(gate->reports[i], MT_GATE_FAILED);
		errors += count_checks(gate->reports[i], MT_GATE_UNJUDGED);
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"memtrace "
	      "gate\"",
	      out);
	put_counts(out, tests, failures, errors);
	fputs(">\n", out);
	for (size_t i = 0; i < gate->count; i++)
		put_suite(out, gate->reports[i]);
	fputs("</testsuites>\n", out);
}
