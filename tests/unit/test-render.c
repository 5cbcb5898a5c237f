/* test-render.c - hostile names cannot break a line, a document or a terminal. */
#include "cli/render.h"
#include "tests/tap.h"

static char *escaped(const char *text)
{
	char *buffer;
	size_t size;
	FILE *out = open_memstream(&buffer, &size);
	render_escaped(out, text);
	fclose(out);
	return buffer;
}

TEST(text_shows_control_characters_and_broken_utf8_as_hexadecimal)
{
	is_str(escaped("plain.c"), "plain.c");
	is_str(escaped("a\nb\tc\033[31m\x7f"), "a\\x0ab\\x09c\\x1b[31m\\x7f");
	is_str(escaped("caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x90\x8d"),
	       "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x90\x8d");
	is_str(escaped("\xff\xc3"), "\\xff\\xc3");
	is_str(escaped("\xc2\x9b"
		       "2J"),
	       "\\xc2\\x9b"
	       "2J");
}

TEST(only_proper_utf8_counts_as_a_character)
{
	is_int(render_character("a"), 1);
	is_int(render_character(""), 0);
	is_int(render_character("\xc3\xa9"), 2);
	is_int(render_character("\xc0\x80"), 0);
	is_int(render_character("\xe0\x80\x80"), 0);
	is_int(render_character("\xed\xa0\x80"), 0);
	is_int(render_character("\xf4\x90\x80\x80"), 0);
	is_int(render_character("\xf0\x9f\x90\x8d"), 4);
	is_int(render_character("\xf0\x9f\x90"), 0);
	is_int(render_character("\x80"), 0);
}

/* A report with one row whose name is hostile. */
static struct mt_report make_report(const char *name)
{
	static const struct mt_column columns[] = {
		{"file", MT_COLUMN_TEXT},
		{"line", MT_COLUMN_NUMBER},
		{"function", MT_COLUMN_TEXT},
		{"offset", MT_COLUMN_NUMBER},
	};
	struct mt_error err = {0};
	struct mt_report report = {.schema = "memtrace.top/1", .side_count = 1};
	report.sides[0] =
		(struct mt_report_side){.trace = name, .index = 3, .time_ns = 12};
	struct mt_table *table = mt_report_add_table(&report, "rows", columns, 4, &err);
	table->is_statistics = true;
	struct mt_value *values = mt_table_add_statistic(
		table, strdup(name), (struct mt_sums){.now = {10, 1}}, &err);
	values[0] = mt_value_text(name);
	values[1] = mt_value_number(-1);
	values[3].state = MT_VALUE_ABSENT;
	table->totals.now = (struct mt_counts){15, 2};
	table->omitted.now = (struct mt_counts){5, 1};
	table->omitted_rows = 1;
	return report;
}

TEST(json_is_one_document_on_one_line)
{
	struct mt_report report = make_report("a\"\\\n\xff");
	char *buffer;
	size_t size;
	FILE *out = open_memstream(&buffer, &size);
	report.is_incomplete = true;
	render_json(out, &report);
	fclose(out);
	is_str(buffer,
	       "{\"schema\":\"memtrace.top/1\",\"trace\":\"a\\\"\\\\\\u000a\\ufffd\","
	       "\"snapshot\":{\"index\":3,\"label\":null,\"time_ns\":12},"
	       "\"totals\":{\"size\":15,\"count\":2},"
	       "\"rows\":[{\"file\":\"a\\\"\\\\\\u000a\\ufffd\",\"line\":-1,"
	       "\"function\":null,\"size\":10,\"count\":1}],"
	       "\"omitted\":{\"rows\":1,\"size\":5,\"count\":1},\"incomplete\":true}\n");
	free(buffer);
	mt_report_deinit(&report);
}

TEST(text_is_tracemallocs_row_and_a_total)
{
	struct mt_report report = make_report("a\n.c:1");
	char *buffer;
	size_t size;
	FILE *out = open_memstream(&buffer, &size);
	render_text(out, &report, false, NULL);
	fclose(out);
	is_str(buffer, "a\\x0a.c:1: size=10 B, count=1, average=10 B\n"
		       "Total: 15 B in 2 blocks; 1 more row: 5 B in 1 block\n");
	free(buffer);
	mt_report_deinit(&report);
}

TAP_MAIN()
