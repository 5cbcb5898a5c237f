/*
 * render-gate.c - a gate's verdict in text and as annotations; see render-gate.h. Outside.
 */
#include "cli/render-gate.h"

#include "cli/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANNOTATIONS = 10, /* of a kind that GitHub shows for a step */
};

static const struct mt_value *cell(const struct mt_report *report,
				   enum mt_gate_table table, size_t row, size_t column)
{
	const struct mt_table *t = &report->tables[table];
	return &t->values[row * t->column_count + column];
}

const struct mt_value *render_check(const struct mt_report *report, size_t check,
				    enum mt_gate_check_column column)
{
	return cell(report, MT_GATE_CHECKS, check, column);
}

const struct mt_value *render_row(const struct mt_report *report, size_t row,
				  enum mt_gate_row_column column)
{
	return cell(report, MT_GATE_ROWS, row, column);
}

const struct mt_value *render_suppression(const struct mt_report *report, size_t rule,
					  enum mt_gate_suppression_column column)
{
	return cell(report, MT_GATE_SUPPRESSIONS, rule, column);
}

bool render_check_is(const struct mt_report *report, size_t check,
		     enum mt_gate_state state)
{
	return !strcmp(render_check(report, check, MT_CHECK_STATE)->text,
		       mt_gate_state_name(state));
}

bool render_row_is_of(const struct mt_report *report, size_t row, size_t check)
{
	return !strcmp(render_row(report, row, MT_ROW_CHECK)->text,
		       render_check(report, check, MT_CHECK_NAME)->text);
}

const char *render_relative(const char *path, const char *root)
{
	size_t length = root ? strlen(root) : 0;
	if (!length || strncmp(path, root, length) != 0 || path[length] != '/' ||
	    !path[length + 1])
		return NULL;
	return path + length + 1;
}

void render_row_words(char text[MT_STATISTIC_TEXT_BYTES], const struct mt_report *report,
		      size_t row)
{
	struct mt_counts now = {render_row(report, row, MT_ROW_SIZE)->number,
				render_row(report, row, MT_ROW_COUNT)->number};
	const struct mt_value *size_diff = render_row(report, row, MT_ROW_SIZE_DIFF);
	const struct mt_value *per_step = render_row(report, row, MT_ROW_PER_STEP);
	struct mt_counts diff = {size_diff->number,
				 render_row(report, row, MT_ROW_COUNT_DIFF)->number};
	mt_statistic_text(text, now, size_diff->state == MT_VALUE_SET ? &diff : NULL);
	if (per_step->state != MT_VALUE_SET)
		return;
	char size[MT_SIZE_TEXT_BYTES];
	size_t length = strlen(text);
	mt_size_text(size, (double)per_step->number, true);
	snprintf(text + length, MT_STATISTIC_TEXT_BYTES - length, ", %s each time", size);
}

void render_sites(FILE *out, const struct mt_report *report, size_t check,
		  const struct render_sites *how)
{
	size_t shown = 0;
	size_t all = (size_t)render_check(report, check, MT_CHECK_SITES)->number;
	size_t count = report->tables[MT_GATE_ROWS].row_count;
	for (size_t i = 0; i < count && shown < how->limit; i++) {
		char words[MT_STATISTIC_TEXT_BYTES];
		if (!render_row_is_of(report, i, check))
			continue;
		render_row_words(words, report, i);
		fputs(how->indent, out);
		how->put(out, render_row(report, i, MT_ROW_SITE)->text);
		fprintf(out, ": %s\n", words);
		shown++;
	}
	if (all > shown)
		fprintf(out, "%sand %zu more\n", how->indent, all - shown);
}

/* Text. */

static const char *paint(bool color, const char *code)
{
	return color ? code : "";
}

static const char *state_color(const char *state)
{
	return !strcmp(state, "passed")   ? "\033[32m"
	       : !strcmp(state, "failed") ? "\033[31m"
					  : "\033[33m";
}

static void put_state(FILE *out, const char *state, bool color)
{
	bool is_unjudged = !strcmp(state, mt_gate_state_name(MT_GATE_UNJUDGED));
	fprintf(out, "%s%s%s", paint(color, state_color(state)),
		is_unjudged ? "could not judge" : state, paint(color, "\033[0m"));
}

static void put_text_suppressions(FILE *out, const struct mt_report *report)
{
	size_t count = report->tables[MT_GATE_SUPPRESSIONS].row_count, used = 0;
	char size[MT_SIZE_TEXT_BYTES];
	for (size_t i = 0; i < count; i++) {
		const char *state =
			render_suppression(report, i, MT_SUPPRESSION_STATE)->text;
		if (!strcmp(state, "used")) {
			used++;
			continue;
		}
		fprintf(out, "  suppression %s: ", state);
		render_escaped(out,
			       render_suppression(report, i, MT_SUPPRESSION_NAME)->text);
		fputs(" (", out);
		render_escaped(out,
			       render_suppression(report, i, MT_SUPPRESSION_PLACE)->text);
		fputs(")\n", out);
	}
	if (!used)
		return;
	mt_size_text(size, (double)mt_gate_number(report, "suppressed_size"), false);
	int64_t blocks = mt_gate_number(report, "suppressed_count");
	fprintf(out,
		"  suppressed: %s in %" PRId64 " block%s by %zu of %zu suppression%s\n",
		size, blocks, blocks == 1 ? "" : "s", used, count, count == 1 ? "" : "s");
}

static const char *verdict_of(const struct mt_report *report)
{
	for (size_t i = 0; i < report->fact_count; i++)
		if (!strcmp(report->facts[i].name, "verdict"))
			return report->facts[i].value.text;
	return "";
}

static void put_text_report(FILE *out, const struct mt_report *report, bool color)
{
	static const struct render_sites sites = {
		.limit = RENDER_WORST_SITES, .indent = "    ", .put = render_escaped};
	fputs("gate: ", out);
	put_state(out, verdict_of(report), color);
	fputs(": ", out);
	render_escaped(out, report->sides[0].trace);
	putc('\n', out);
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++) {
		if (i == 0 && render_check_is(report, i, MT_GATE_PASSED))
			continue; /* that the trace is whole goes without saying */
		fprintf(out, "  %s: ", render_check(report, i, MT_CHECK_NAME)->text);
		put_state(out, render_check(report, i, MT_CHECK_STATE)->text, color);
		fputs(": ", out);
		render_escaped(out, render_check(report, i, MT_CHECK_TEXT)->text);
		putc('\n', out);
		render_sites(out, report, i, &sites);
	}
	put_text_suppressions(out, report);
}

static bool has_failed(const struct render_gate *gate)
{
	for (size_t i = 0; i < gate->count; i++)
		if (!strcmp(verdict_of(gate->reports[i]),
			    mt_gate_state_name(MT_GATE_FAILED)))
			return true;
	return false;
}

/* Only the check of what leaked has failed: leaks tells more than top and diff. */
static bool is_about_leaks(const struct mt_report *report)
{
	bool has_leaked = false;
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++) {
		const char *state = render_check(report, i, MT_CHECK_STATE)->text;
		if (strcmp(state, mt_gate_state_name(MT_GATE_FAILED)) != 0)
			continue;
		if (strcmp(render_check(report, i, MT_CHECK_NAME)->text, MT_GATE_LEAKED))
			return false;
		has_leaked = true;
	}
	return has_leaked;
}

/* Where to go on reading: the file that was written, or the command that shows it. */
static void put_whole(FILE *out, const struct render_gate *gate)
{
	const struct mt_report *report = gate->reports[0];
	const char *baseline = NULL;
	bool leaked = is_about_leaks(report);
	for (size_t i = 0; !leaked && i < report->fact_count; i++)
		if (!strcmp(report->facts[i].name, "baseline"))
			baseline = report->facts[i].value.text;
	fputs("The whole report: ", out);
	if (gate->whole) {
		render_escaped(out, gate->whole);
	} else {
		fputs(leaked     ? "memtrace leaks -n 0 "
		      : baseline ? "memtrace diff -n 0 "
				 : "memtrace top -n 0 ",
		      out);
		render_escaped(out, baseline ? baseline : "");
		fputs(baseline ? " " : "", out);
		render_escaped(out, report->sides[0].trace);
	}
	putc('\n', out);
}

void render_gate_text(FILE *out, const struct render_gate *gate)
{
	for (size_t i = 0; i < gate->count; i++)
		put_text_report(out, gate->reports[i], gate->color);
	if (has_failed(gate))
		put_whole(out, gate);
}

/* GitHub: "::error file=...,line=...::message", one a line. */

static void put_encoded(FILE *out, const char *text, bool is_property)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '%' || c < 0x20 || c == 0x7f ||
		    (is_property && (c == ':' || c == ',')))
			fprintf(out, "%%%02X", c);
		else
			putc(c, out);
	}
}

/* Text in which nothing but printable UTF-8 is left, in malloc'ed memory. */
static char *escaped(const char *text)
{
	char *copy = NULL;
	size_t size;
	FILE *out = open_memstream(&copy, &size);
	if (!out)
		return NULL;
	render_escaped(out, text);
	return fclose(out) ? NULL : copy;
}

static void put_escaped_encoded(FILE *out, const char *text, bool is_property)
{
	char *copy = escaped(text);
	put_encoded(out, copy ? copy : "", is_property);
	free(copy);
}

static void put_annotation(FILE *out, const char *kind, const char *check,
			   const char *message)
{
	fprintf(out, "::%s title=memtrace %s::", kind, check);
	put_escaped_encoded(out, message, false);
	putc('\n', out);
}

static void put_site_annotation(FILE *out, const struct mt_report *report, size_t row,
				const char *root)
{
	const struct mt_value *file = render_row(report, row, MT_ROW_FILE);
	char words[MT_STATISTIC_TEXT_BYTES];
	render_row_words(words, report, row);
	fputs("::error ", out);
	if (file->state == MT_VALUE_SET) {
		const char *relative = render_relative(file->text, root);
		fputs("file=", out);
		put_escaped_encoded(out, relative ? relative : file->text, true);
		fprintf(out, ",line=%" PRId64 ",",
			render_row(report, row, MT_ROW_LINE)->number);
	}
	fprintf(out, "title=memtrace %s::", render_row(report, row, MT_ROW_CHECK)->text);
	put_escaped_encoded(out, render_row(report, row, MT_ROW_SITE)->text, false);
	fputs(": ", out);
	put_encoded(out, words, false);
	putc('\n', out);
}

static void put_check_annotations(FILE *out, const struct mt_report *report,
				  const char *root)
{
	size_t shown = 0;
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++) {
		if (render_check_is(report, i, MT_GATE_PASSED))
			continue;
		put_annotation(out, "error", render_check(report, i, MT_CHECK_NAME)->text,
			       render_check(report, i, MT_CHECK_TEXT)->text);
		shown++;
	}
	size_t rows = report->tables[MT_GATE_ROWS].row_count;
	for (size_t i = 0; i < rows && shown < ANNOTATIONS; i++, shown++)
		put_site_annotation(out, report, i, root);
}

static void put_suppression_annotations(FILE *out, const struct mt_report *report)
{
	size_t count = report->tables[MT_GATE_SUPPRESSIONS].row_count;
	for (size_t i = 0, shown = 0; i < count && shown < ANNOTATIONS; i++) {
		const char *state =
			render_suppression(report, i, MT_SUPPRESSION_STATE)->text;
		if (!strcmp(state, "used"))
			continue;
		char *message;
		if (asprintf(&message, "suppression %s: %s (%s)", state,
			     render_suppression(report, i, MT_SUPPRESSION_NAME)->text,
			     render_suppression(report, i, MT_SUPPRESSION_PLACE)->text) <
		    0)
			return;
		put_annotation(out, "warning", "suppressions", message);
		free(message);
		shown++;
	}
}

void render_github(FILE *out, const struct render_gate *gate)
{
	for (size_t i = 0; i < gate->count; i++) {
		put_check_annotations(out, gate->reports[i], gate->root);
		put_suppression_annotations(out, gate->reports[i]);
	}
}
