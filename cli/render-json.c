/*
 * render-json.c - see render.h. Outside.
 */
#include "cli/render.h"

#include "tracer/analyze/statistic.h"

#include <inttypes.h>
#include <string.h>

int render_character(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;
	if (t[0] < 0x80)
		return t[0] != 0;
	int length = t[0] >= 0xf0 ? 4 : t[0] >= 0xe0 ? 3 : 2;
	if (t[0] < 0xc2 || t[0] > 0xf4)
		return 0;
	for (int i = 1; i < length; i++)
		if ((t[i] & 0xc0) != 0x80)
			return 0;
	bool is_overlong = (t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xf0 && t[1] < 0x90);
	bool is_surrogate = t[0] == 0xed && t[1] >= 0xa0;
	bool is_beyond = t[0] == 0xf4 && t[1] >= 0x90;
	return is_overlong || is_surrogate || is_beyond ? 0 : length;
}

void render_json_string(FILE *out, const char *text)
{
	putc('"', out);
	while (*text) {
		unsigned char c = (unsigned char)*text;
		int length = render_character(text);
		if (!length)
			fputs("\\ufffd", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fwrite(text, 1, (size_t)length, out);
		text += length ? length : 1;
	}
	putc('"', out);
}

static void put_name(FILE *out, bool *is_first, const char *name)
{
	if (!*is_first)
		putc(',', out);
	*is_first = false;
	render_json_string(out, name);
	putc(':', out);
}

static void put_nullable(FILE *out, const char *text)
{
	if (text)
		render_json_string(out, text);
	else
		fputs("null", out);
}

static void put_frame(FILE *out, const struct mt_location *location)
{
	fputs("{\"function\":", out);
	put_nullable(out, location->function);
	fputs(",\"file\":", out);
	put_nullable(out, location->file);
	fprintf(out, ",\"line\":%" PRIu32 ",\"module\":", location->line);
	put_nullable(out, location->module);
	fprintf(out, ",\"offset\":%" PRIu64 ",\"inlined\":%s}", location->offset,
		location->is_inlined ? "true" : "false");
}

static void put_frames(FILE *out, const struct mt_frame_list *frames)
{
	putc('[', out);
	for (size_t i = 0; i < frames->count; i++) {
		if (i)
			putc(',', out);
		put_frame(out, frames->list[i]);
	}
	putc(']', out);
}

static void put_value(FILE *out, enum mt_column_kind kind, struct mt_value value)
{
	if (value.state == MT_VALUE_NULL)
		fputs("null", out);
	else if (kind == MT_COLUMN_TEXT)
		render_json_string(out, value.text);
	else if (kind == MT_COLUMN_FRAMES)
		put_frames(out, value.frames);
	else if (kind == MT_COLUMN_COUNTS)
		fprintf(out, "{\"size\":%" PRId64 ",\"count\":%" PRId64 "}",
			value.counts.bytes, value.counts.count);
	else if (kind == MT_COLUMN_FLAG)
		fputs(value.number ? "true" : "false", out);
	else
		fprintf(out, "%" PRId64, value.number);
}

static void put_sums(FILE *out, bool *is_first, const struct mt_sums *sums, bool is_diff)
{
	put_name(out, is_first, "size");
	fprintf(out, "%" PRId64 ",\"count\":%" PRId64, sums->now.bytes, sums->now.count);
	if (is_diff)
		fprintf(out, ",\"size_diff\":%" PRId64 ",\"count_diff\":%" PRId64,
			sums->diff.bytes, sums->diff.count);
}

static void put_change(FILE *out, const struct mt_table *table,
		       const struct mt_sums *sums)
{
	static const char *const names[] = {
		[MT_CHANGE_NONE] = "unchanged",    [MT_CHANGE_INSERTED] = "inserted",
		[MT_CHANGE_VANISHED] = "vanished", [MT_CHANGE_GROWN] = "grown",
		[MT_CHANGE_SHRUNK] = "shrunk",
	};
	if (table->has_spread)
		fprintf(out, ",\"size_spread\":%" PRId64 ",\"count_spread\":%" PRId64,
			sums->spread.bytes, sums->spread.count);
	fprintf(out, ",\"change\":\"%s\"",
		names[mt_change_of(sums->now, sums->diff, sums->spread)]);
}

static void put_row(FILE *out, const struct mt_table *table, size_t row)
{
	bool is_first = true;
	putc('{', out);
	for (size_t i = 0; i < table->column_count; i++) {
		struct mt_value value = table->values[row * table->column_count + i];
		if (value.state == MT_VALUE_ABSENT)
			continue;
		put_name(out, &is_first, table->columns[i].name);
		put_value(out, table->columns[i].kind, value);
	}
	if (table->is_statistics)
		put_sums(out, &is_first, &table->sums[row], table->is_diff);
	if (table->is_statistics && table->is_diff)
		put_change(out, table, &table->sums[row]);
	putc('}', out);
}

/* Sums of those rows, also where rows overlap. */
static void put_omitted(FILE *out, const struct mt_table *table)
{
	bool is_first = false;
	fprintf(out, ",\"omitted\":{\"rows\":%zu", table->omitted_rows);
	put_sums(out, &is_first, &table->omitted, table->is_diff);
	putc('}', out);
}

static void put_table(FILE *out, const struct mt_table *table)
{
	bool is_first = true;
	if (table->is_statistics) {
		fputs(",\"totals\":{", out);
		put_sums(out, &is_first, &table->totals, table->is_diff);
		putc('}', out);
	}
	putc(',', out);
	render_json_string(out, table->name);
	fputs(":[", out);
	for (size_t i = 0; i < table->row_count; i++) {
		if (i)
			putc(',', out);
		put_row(out, table, i);
	}
	putc(']', out);
	if (table->is_statistics)
		put_omitted(out, table);
}

/* index, label and time_ns: which snapshot it is. */
static void put_snapshot(FILE *out, const struct mt_report_side *side)
{
	if (side->index < 0)
		fputs("\"index\":null,\"label\":", out);
	else
		fprintf(out, "\"index\":%" PRId64 ",\"label\":", side->index);
	put_nullable(out, side->label);
	fprintf(out, ",\"time_ns\":%" PRIu64 "}", side->time_ns);
}

static void put_side(FILE *out, const struct mt_report_side *side)
{
	fputs("{\"trace\":", out);
	render_json_string(out, side->trace);
	putc(',', out);
	put_snapshot(out, side);
}

static size_t old_sides(const struct mt_report *report)
{
	size_t count = 0;
	for (size_t i = 0; i < report->side_count; i++)
		count += report->sides[i].is_old;
	return count;
}

/* The traces of one side of a diff: an object, or an array where several were given. */
static void put_diff_side(FILE *out, const struct mt_report *report, bool is_old)
{
	bool is_array = report->side_count > 2;
	const char *separator = "";
	fprintf(out, ",\"%s\":%s", is_old ? "old" : "new", is_array ? "[" : "");
	for (size_t i = 0; i < report->side_count; i++) {
		if (report->sides[i].is_old != is_old)
			continue;
		fputs(separator, out);
		put_side(out, &report->sides[i]);
		separator = ",";
	}
	if (is_array)
		putc(']', out);
}

static void put_sides(FILE *out, const struct mt_report *report)
{
	if (!report->side_count)
		return;
	if (old_sides(report)) {
		put_diff_side(out, report, true);
		put_diff_side(out, report, false);
		return;
	}
	fputs(",\"trace\":", out);
	render_json_string(out, report->sides[0].trace);
	fputs(",\"snapshot\":{", out);
	put_snapshot(out, &report->sides[0]);
}

static bool is_same_object(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Neighbours of one object share it. */
static void put_facts(FILE *out, const struct mt_report *report)
{
	bool is_first = false, is_first_inside = true;
	const char *object = NULL;
	for (size_t i = 0; i < report->fact_count; i++) {
		const struct mt_fact *fact = &report->facts[i];
		if (fact->value.state == MT_VALUE_ABSENT)
			continue;
		if (object && !is_same_object(object, fact->object))
			putc('}', out);
		if (fact->object && !is_same_object(object, fact->object)) {
			put_name(out, &is_first, fact->object);
			putc('{', out);
			is_first_inside = true;
		}
		object = fact->object;
		put_name(out, object ? &is_first_inside : &is_first, fact->name);
		put_value(out, fact->kind, fact->value);
	}
	if (object)
		putc('}', out);
}

void render_json(FILE *out, const struct mt_report *report)
{
	fputs("{\"schema\":", out);
	render_json_string(out, report->schema);
	put_sides(out, report);
	put_facts(out, report);
	for (size_t i = 0; i < report->table_count; i++)
		put_table(out, &report->tables[i]);
	if (report->is_incomplete)
		fputs(",\"incomplete\":true", out);
	fputs("}\n", out);
}
