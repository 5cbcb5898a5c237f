/*
 * render-markdown.c - a gate's verdict for a step summary or a comment: at most 60 lines;
 * see render-gate.h. Outside.
 */
#include "cli/render-gate.h"
#include "cli/render.h"

#include <inttypes.h>
#include <string.h>

enum {
	MAX_LINES = 60,
	MAX_CELL = 200, /* characters of a name: a table is to be read */
	MAX_REPORTS = 4,
	MAX_SUPPRESSIONS = 5,
};

/* Lines that are left, for the whole document. */
struct page {
	FILE *out;
	size_t left;
};

static bool take_line(struct page *page)
{
	if (!page->left)
		return false;
	page->left--;
	return true;
}

/* Everything that Markdown, HTML or a table would read as its own is escaped. */
static void put_text(FILE *out, const char *text)
{
	for (int shown = 0; *text && shown < MAX_CELL; shown++) {
		unsigned char c = (unsigned char)*text;
		int length = render_character(text);
		bool is_control = c < 0x20 || c == 0x7f ||
				  (c == 0xc2 && (unsigned char)text[1] < 0xa0);
		if (!length || is_control)
			fprintf(out, "\\\\x%02x", c);
		else if (strchr("\\`*_{}[]()#+-.!|~$@", c))
			fprintf(out, "\\%c", c);
		else if (strchr("&<>\"'", c))
			fprintf(out, "&#%d;", c);
		else
			fwrite(text, 1, (size_t)length, out);
		text += length && !is_control ? length : 1;
	}
	if (*text)
		fputs("…", out);
}

static void put_check(struct page *page, const struct mt_report *report, size_t check)
{
	static const char *const marks[] = {[MT_GATE_PASSED] = "✅ passed",
					    [MT_GATE_FAILED] = "❌ failed",
					    [MT_GATE_UNJUDGED] =
						    "⚠️ could not judge"};
	enum mt_gate_state state =
		render_check_is(report, check, MT_GATE_PASSED)   ? MT_GATE_PASSED
		: render_check_is(report, check, MT_GATE_FAILED) ? MT_GATE_FAILED
								 : MT_GATE_UNJUDGED;
	if (!take_line(page))
		return;
	fputs("| ", page->out);
	put_text(page->out, render_check(report, check, MT_CHECK_NAME)->text);
	fprintf(page->out, " | %s | ", marks[state]);
	put_text(page->out, render_check(report, check, MT_CHECK_TEXT)->text);
	fputs(" |\n", page->out);
}

static void put_row(struct page *page, const struct mt_report *report, size_t row)
{
	char words[MT_STATISTIC_TEXT_BYTES];
	if (!take_line(page))
		return;
	render_row_words(words, report, row);
	fputs("| ", page->out);
	put_text(page->out, render_row(report, row, MT_ROW_CHECK)->text);
	fputs(" | ", page->out);
	put_text(page->out, render_row(report, row, MT_ROW_SITE)->text);
	fputs(" | ", page->out);
	put_text(page->out, words);
	fputs(" |\n", page->out);
}

static size_t all_sites(const struct mt_report *report)
{
	size_t count = 0;
	for (size_t i = 0; i < report->tables[MT_GATE_CHECKS].row_count; i++)
		count += (size_t)render_check(report, i, MT_CHECK_SITES)->number;
	return count;
}

/* The worst of each check that fails. */
static void put_rows(struct page *page, const struct mt_report *report, size_t limit)
{
	size_t shown = 0, count = report->tables[MT_GATE_ROWS].row_count;
	if (!count || page->left < 6)
		return;
	page->left -= 5; /* the head, and how many more */
	fputs("\n| check | call site | |\n|---|---|---|\n", page->out);
	for (size_t i = 0, of_check = 0; i < count && page->left; i++) {
		bool is_same =
			i && !strcmp(render_row(report, i, MT_ROW_CHECK)->text,
				     render_row(report, i - 1, MT_ROW_CHECK)->text);
		of_check = is_same ? of_check + 1 : 1;
		if (of_check > limit)
			continue;
		put_row(page, report, i);
		shown++;
	}
	if (all_sites(report) > shown)
		fprintf(page->out, "\nand %zu more\n", all_sites(report) - shown);
}

static void put_suppressions(struct page *page, const struct mt_report *report)
{
	size_t count = report->tables[MT_GATE_SUPPRESSIONS].row_count;
	for (size_t i = 0, shown = 0; i < count && shown < MAX_SUPPRESSIONS; i++) {
		const char *state =
			render_suppression(report, i, MT_SUPPRESSION_STATE)->text;
		if (!strcmp(state, "used") || page->left < 2)
			continue;
		page->left -= 1 + !shown;
		fprintf(page->out, "%s- suppression %s: ", shown ? "" : "\n", state);
		put_text(page->out,
			 render_suppression(report, i, MT_SUPPRESSION_NAME)->text);
		fputs(" (", page->out);
		put_text(page->out,
			 render_suppression(report, i, MT_SUPPRESSION_PLACE)->text);
		fputs(")\n", page->out);
		shown++;
	}
}

static void put_amount(FILE *out, const struct mt_report *report, const char *what,
		       const char *size_name, const char *count_name)
{
	char size[MT_SIZE_TEXT_BYTES];
	int64_t bytes = mt_gate_number(report, size_name);
	mt_size_text(size, (double)bytes, false);
	int64_t blocks = mt_gate_number(report, count_name);
	fprintf(out, "%s %s (%" PRId64 " byte%s, %" PRId64 " block%s)", what, size, bytes,
		bytes == 1 ? "" : "s", blocks, blocks == 1 ? "" : "s");
}

static void put_totals(FILE *out, const struct mt_report *report)
{
	put_amount(out, report, "Live", "size", "count");
	put_amount(out, report, ", peak", "peak_size", "peak_count");
	put_amount(out, report, ", allocated", "total_size", "total_count");
	put_amount(out, report, ", suppressed", "suppressed_size", "suppressed_count");
	fputs(".\n", out);
}

static void put_report(struct page *page, const struct mt_report *report, size_t limit)
{
	size_t checks = report->tables[MT_GATE_CHECKS].row_count;
	if (page->left < 8 + checks)
		return;
	page->left -= 6;
	fputs("### memtrace gate: ", page->out);
	put_text(page->out, report->sides[0].trace);
	fputs("\n\n", page->out);
	put_totals(page->out, report);
	fputs("\n| check | | |\n|---|---|---|\n", page->out);
	for (size_t i = 0; i < checks; i++)
		put_check(page, report, i);
	put_rows(page, report, limit);
	put_suppressions(page, report);
}

void render_markdown(FILE *out, const struct render_gate *gate)
{
	struct page page = {.out = out, .left = MAX_LINES};
	size_t limit = gate->count > 1 ? RENDER_WORST_SITES / 3 : RENDER_WORST_SITES;
	size_t shown = gate->count < MAX_REPORTS ? gate->count : MAX_REPORTS;
	page.left -= 2; /* for the last line */
	for (size_t i = 0; i < shown; i++)
		put_report(&page, gate->reports[i], limit);
	if (gate->whole) {
		fputs("\nThe whole report: ", out);
		put_text(out, gate->whole);
		putc('\n', out);
	} else if (gate->count > shown) {
		fprintf(out, "\nand %zu more trace%s\n", gate->count - shown,
			gate->count - shown == 1 ? "" : "s");
	}
}
