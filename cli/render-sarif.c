/*
 * render-sarif.c - what fails in a gate as SARIF 2.1.0, for code scanning: a rule for each
 * check, a result for each call site; see render-gate.h. Outside.
 */
#include "cli/render-gate.h"
#include "cli/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_RESULTS = 5000, /* more are not shown by those that read it */
};

static const char base_id[] = "SRCROOT";

static void put_member(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":", name);
	render_json_string(out, text);
}

static void put_message(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":{", name);
	put_member(out, "text", text);
	putc('}', out);
}

/* A path as URI: all but the unreserved characters in hexadecimal. */
static void put_path(FILE *out, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || strchr("/-._~", c);
		if (is_plain)
			putc(c, out);
		else
			fprintf(out, "%%%02X", c);
	}
}

static void put_artifact(FILE *out, const char *file, const char *root)
{
	const char *relative = render_relative(file, root);
	fputs("\"artifactLocation\":{\"uri\":\"", out);
	if (!relative)
		fputs(*file == '/' ? "file://" : "", out);
	put_path(out, relative ? relative : file);
	putc('"', out);
	if (relative)
		fprintf(out, ",\"uriBaseId\":\"%s\"", base_id);
	putc('}', out);
}

static void put_locations(FILE *out, const struct mt_report *report, size_t row,
			  const char *root)
{
	const struct mt_value *file = render_row(report, row, MT_ROW_FILE);
	const struct mt_value *module = render_row(report, row, MT_ROW_MODULE);
	const struct mt_value *function = render_row(report, row, MT_ROW_FUNCTION);
	const struct mt_value *shown = file->state == MT_VALUE_SET ? file : module;
	int64_t line = render_row(report, row, MT_ROW_LINE)->number;
	fputs(",\"locations\":[{", out);
	if (shown->state == MT_VALUE_SET) {
		fputs("\"physicalLocation\":{", out);
		put_artifact(out, shown->text, root);
		if (line > 0)
			fprintf(out, ",\"region\":{\"startLine\":%" PRId64 "}", line);
		putc('}', out);
	}
	if (function->state == MT_VALUE_SET) {
		fputs(shown->state == MT_VALUE_SET ? "," : "", out);
		fputs("\"logicalLocations\":[{\"kind\":\"function\",", out);
		put_member(out, "fullyQualifiedName", function->text);
		fputs("}]", out);
	}
	fputs("}]", out);
}

static void put_number(FILE *out, bool *is_first, const char *name,
		       const struct mt_value *value)
{
	if (value->state != MT_VALUE_SET)
		return;
	fprintf(out, "%s\"%s\":%" PRId64, *is_first ? "" : ",", name, value->number);
	*is_first = false;
}

static void put_row_properties(FILE *out, const struct mt_report *report, size_t row)
{
	bool is_first = true;
	fputs(",\"properties\":{", out);
	put_number(out, &is_first, "size", render_row(report, row, MT_ROW_SIZE));
	put_number(out, &is_first, "count", render_row(report, row, MT_ROW_COUNT));
	put_number(out, &is_first, "size_diff",
		   render_row(report, row, MT_ROW_SIZE_DIFF));
	put_number(out, &is_first, "count_diff",
		   render_row(report, row, MT_ROW_COUNT_DIFF));
	putc('}', out);
}

/* The same call site in the next run, whatever it holds then. */
static void put_fingerprint(FILE *out, const struct mt_report *report, size_t row)
{
	fputs(",\"partialFingerprints\":{", out);
	put_member(out, "memtraceSite/v1", render_row(report, row, MT_ROW_SITE)->text);
	putc('}', out);
}

static void put_row_result(FILE *out, const struct mt_report *report, size_t row,
			   const char *root)
{
	const char *site = render_row(report, row, MT_ROW_SITE)->text;
	char words[MT_STATISTIC_TEXT_BYTES], *text;
	render_row_words(words, report, row);
	if (asprintf(&text, "%s: %s", site, words) < 0)
		text = NULL;
	putc('{', out);
	put_member(out, "ruleId", render_row(report, row, MT_ROW_CHECK)->text);
	fputs(",\"level\":\"error\",", out);
	put_message(out, "message", text ? text : site);
	put_locations(out, report, row, root);
	put_fingerprint(out, report, row);
	put_row_properties(out, report, row);
	putc('}', out);
	free(text);
}

/* A check that fails without a call site to show. */
static bool is_bare_failure(const struct mt_report *report, size_t check)
{
	if (!render_check_is(report, check, MT_GATE_FAILED))
		return false;
	for (size_t i = 0; i < report->tables[MT_GATE_ROWS].row_count; i++)
		if (render_row_is_of(report, i, check))
			return false;
	return true;
}

static void put_check_result(FILE *out, const struct mt_report *report, size_t check)
{
	putc('{', out);
	put_member(out, "ruleId", render_check(report, check, MT_CHECK_NAME)->text);
	fputs(",\"level\":\"error\",", out);
	put_message(out, "message", render_check(report, check, MT_CHECK_TEXT)->text);
	putc('}', out);
}

static void put_results(FILE *out, const struct mt_report *report, const char *root)
{
	const char *separator = "";
	size_t shown = 0;
	fputs(",\"results\":[", out);
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++) {
		if (!is_bare_failure(report, i))
			continue;
		fputs(separator, out);
		put_check_result(out, report, i);
		separator = ",";
	}
	for (size_t i = 0;
	     i < report->tables[MT_GATE_ROWS].row_count && shown < MAX_RESULTS; i++) {
		fputs(separator, out);
		put_row_result(out, report, i, root);
		separator = ",";
		shown++;
	}
	putc(']', out);
}

static void put_rules(FILE *out, const struct mt_report *report)
{
	fputs("\"rules\":[", out);
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++) {
		const char *name = render_check(report, i, MT_CHECK_NAME)->text;
		fputs(i ? ",{" : "{", out);
		put_member(out, "id", name);
		fputs(",\"shortDescription\":{\"text\":\"memtrace gate: ", out);
		fprintf(out, "%s\"}}", name);
	}
	putc(']', out);
}

/* How the checks went; those that could not be judged are no results but failures of ours. */
static void put_invocation(FILE *out, const struct mt_report *report)
{
	bool has_judged = true;
	const char *separator = "";
	fputs(",\"invocations\":[{\"toolExecutionNotifications\":[", out);
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++) {
		if (!render_check_is(report, i, MT_GATE_UNJUDGED))
			continue;
		has_judged = false;
		fprintf(out, "%s{\"level\":\"error\",\"descriptor\":{\"id\":\"%s\"},",
			separator, render_check(report, i, MT_CHECK_NAME)->text);
		put_message(out, "message", render_check(report, i, MT_CHECK_TEXT)->text);
		putc('}', out);
		separator = ",";
	}
	fprintf(out, "],\"executionSuccessful\":%s}]", has_judged ? "true" : "false");
}

static void put_totals(FILE *out, const struct mt_report *report)
{
	bool is_first = false;
	fputs(",\"properties\":{", out);
	put_member(out, "trace", report->sides[0].trace);
	for (size_t i = 0; i < report->fact_count; i++)
		if (report->facts[i].kind == MT_COLUMN_NUMBER)
			put_number(out, &is_first, report->facts[i].name,
				   &report->facts[i].value);
	putc('}', out);
}

static void put_root(FILE *out, const char *root)
{
	if (!root)
		return;
	fprintf(out, ",\"originalUriBaseIds\":{\"%s\":{\"uri\":\"file://", base_id);
	put_path(out, root);
	fputs("/\"}}", out);
}

static void put_run(FILE *out, const struct mt_report *report, const char *root)
{
	fputs("{\"tool\":{\"driver\":{\"name\":\"memtrace\",\"version\":\"" MT_VERSION
	      "\",",
	      out);
	put_rules(out, report);
	fputs("}}", out);
	put_invocation(out, report);
	put_root(out, root);
	put_results(out, report, root);
	put_totals(out, report);
	putc('}', out);
}

void render_sarif(FILE *out, const struct render_gate *gate)
{
	fputs("{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\","
	      "\"version\":\"2.1.0\",\"runs\":[",
	      out);
	for (size_t i = 0; i < gate->count; i++) {
		fputs(i ? "," : "", out);
		put_run(out, gate->reports[i], gate->root);
	}
	fputs("]}\n", out);
}
