/*
 * render-text.c - see render.h. Outside.
 */
#include "cli/render.h"

#include "tracer/analyze/label.h"
#include "tracer/analyze/statistic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The few colours there are: a report is read, not admired. */
static const char bold[] = "\033[1m";
static const char red[] = "\033[31m";
static const char green[] = "\033[32m";
static const char faint[] = "\033[2m";
static const char plain[] = "\033[0m";

void render_escaped(FILE *out, const char *text)
{
	while (*text) {
		unsigned char c = (unsigned char)*text;
		int length = render_character(text);
		/* U+0080 to U+009F are control characters too. */
		bool is_control = c < 0x20 || c == 0x7f ||
				  (c == 0xc2 && (unsigned char)text[1] < 0xa0);
		if (!length || is_control)
			fprintf(out, "\\x%02x", c);
		else
			fwrite(text, 1, (size_t)length, out);
		text += length && !is_control ? length : 1;
	}
}

static void put_colored(FILE *out, bool color, const char *code, const char *text)
{
	if (color)
		fputs(code, out);
	render_escaped(out, text);
	if (color)
		fputs(plain, out);
}

bool render_has_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

/* Statistics. */

static const char *change_color(const struct mt_sums *sums)
{
	if (!mt_change_of(sums->now, sums->diff, sums->spread))
		return plain;
	return sums->diff.bytes > 0 ? red : sums->diff.bytes < 0 ? green : plain;
}

static void put_spread(FILE *out, const struct mt_sums *sums)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)sums->spread.bytes, false);
	bool has_changed = mt_change_of(sums->now, sums->diff, sums->spread);
	fprintf(out, ", spread=%s%s", size, has_changed ? "" : ", unchanged");
}

static void put_statistic(FILE *out, const struct mt_table *table, size_t row, bool color)
{
	const struct mt_sums *sums = &table->sums[row];
	char text[MT_STATISTIC_TEXT_BYTES];
	mt_statistic_text(text, sums->now, table->is_diff ? &sums->diff : NULL);
	put_colored(out, color, bold, table->labels[row]);
	fputs(": ", out);
	put_colored(out, color && table->is_diff, change_color(sums), text);
	if (table->has_spread)
		put_spread(out, sums);
	putc('\n', out);
}

void render_frame(FILE *out, int indent, const struct mt_location *location,
		  const char *directory)
{
	char *label = mt_label_location(location, directory);
	if (!label)
		return;
	fprintf(out, "%*s", indent, "");
	render_escaped(out, label);
	/* A label without line has the function already. */
	if (location->file && location->function) {
		fputs(" (", out);
		render_escaped(out, location->function);
		putc(')', out);
	}
	fputs(location->is_inlined ? " inlined\n" : "\n", out);
	free(label);
}

void render_path(FILE *out, int indent, const struct mt_groups *groups, uint32_t path,
		 const char *directory)
{
	const struct mt_path *paths = groups->paths.list;
	/* Paths lead from the innermost location outwards. */
	for (uint32_t depth = paths[path].depth; depth;
	     depth--, path = paths[path].parent)
		render_frame(out, indent, &groups->locations->list[paths[path].location],
			     directory);
}

/* The frames of a row by traceback, most recent first. */
static void put_frames(FILE *out, const struct mt_table *table, size_t row,
		       const char *directory)
{
	for (size_t i = 0; i < table->column_count; i++) {
		struct mt_value value = table->values[row * table->column_count + i];
		if (table->columns[i].kind != MT_COLUMN_FRAMES ||
		    value.state != MT_VALUE_SET)
			continue;
		for (size_t k = value.frames->count; k-- > 0;)
			render_frame(out, 4, value.frames->list[k], directory);
	}
}

static void put_counts(FILE *out, struct mt_counts counts)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)counts.bytes, false);
	fprintf(out, "%s in %" PRId64 " block%s", size, counts.count,
		counts.count == 1 ? "" : "s");
}

static void put_amount(FILE *out, const struct mt_sums *sums, bool is_diff)
{
	char size[MT_SIZE_TEXT_BYTES];
	put_counts(out, sums->now);
	if (!is_diff)
		return;
	mt_size_text(size, (double)sums->diff.bytes, true);
	fprintf(out, " (%s, %+" PRId64 ")", size, sums->diff.count);
}

static void put_totals(FILE *out, const struct mt_table *table, bool color)
{
	if (color)
		fputs(faint, out);
	fputs("Total: ", out);
	put_amount(out, &table->totals, table->is_diff);
	if (table->omitted_rows) {
		fprintf(out, "; %zu more row%s%s", table->omitted_rows,
			table->omitted_rows == 1 ? "" : "s",
			table->has_overlap ? "" : ": ");
		if (!table->has_overlap)
			put_amount(out, &table->omitted, table->is_diff);
	}
	if (table->has_overlap)
		fputs("; rows overlap, and do not add up to it", out);
	fputs(color ? "\033[0m\n" : "\n", out);
}

static void put_statistics(FILE *out, const struct mt_table *table, bool color,
			   const char *directory)
{
	for (size_t i = 0; i < table->row_count; i++) {
		put_statistic(out, table, i, color);
		put_frames(out, table, i, directory);
	}
	put_totals(out, table, color);
}

/* Other tables: columns as wide as their widest value, numbers to the right. */

static char *cell_text(enum mt_column_kind kind, struct mt_value value)
{
	char size[MT_SIZE_TEXT_BYTES];
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		return NULL;
	if (value.state != MT_VALUE_SET) {
		fputs("-", out);
	} else if (kind == MT_COLUMN_TEXT) {
		render_escaped(out, value.text);
	} else if (kind == MT_COLUMN_COUNTS) {
		put_counts(out, value.counts);
	} else if (kind == MT_COLUMN_FLAG) {
		fputs(value.number ? "yes" : "no", out);
	} else if (kind == MT_COLUMN_SIZE) {
		mt_size_text(size, (double)value.number, false);
		fputs(size, out);
	} else if (kind == MT_COLUMN_TIME) {
		int decimals = value.number && value.number < 1000000 ? 6 : 3;
		fprintf(out, "%.*f s", decimals, (double)value.number / 1e9);
	} else {
		fprintf(out, "%" PRId64, value.number);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* The heading of a column: its name without the unit that text shows otherwise. */
static int heading_length(const struct mt_column *column)
{
	const char *unit = column->kind == MT_COLUMN_SIZE   ? "_bytes"
			   : column->kind == MT_COLUMN_TIME ? "_ns"
							    : "";
	size_t length = strlen(column->name), cut = strlen(unit);
	bool has_unit = length > cut && !strcmp(column->name + length - cut, unit);
	return (int)(has_unit ? length - cut : length);
}

static size_t characters(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void put_padded(FILE *out, const char *text, size_t width, bool to_right,
		       bool is_last)
{
	size_t used = characters(text);
	int padding = (int)(width > used ? width - used : 0);
	if (to_right)
		fprintf(out, "  %*s%s", padding, "", text);
	else
		fprintf(out, "  %s%*s", text, is_last ? 0 : padding, "");
}

static void put_cells(FILE *out, const struct mt_table *table, char **cells,
		      const size_t *widths)
{
	for (size_t row = 0; row <= table->row_count; row++) {
		for (size_t i = 0; i < table->column_count; i++)
			put_padded(out, cells[row * table->column_count + i], widths[i],
				   table->columns[i].kind != MT_COLUMN_TEXT,
				   i + 1 == table->column_count);
		putc('\n', out);
	}
}

static char *table_cell(const struct mt_table *table, size_t i)
{
	const struct mt_column *column = &table->columns[i % table->column_count];
	if (i < table->column_count)
		return strndup(column->name, (size_t)heading_length(column));
	return cell_text(column->kind, table->values[i - table->column_count]);
}

static void put_table(FILE *out, const struct mt_table *table, bool color)
{
	size_t widths[MT_TABLE_MAX_COLUMNS] = {0};
	size_t count = (table->row_count + 1) * table->column_count;
	char **cells = calloc(count + 1, sizeof *cells);
	bool has_all = cells != NULL;
	for (size_t i = 0; has_all && i < count; i++) {
		cells[i] = table_cell(table, i);
		has_all = cells[i] != NULL;
		size_t width = has_all ? characters(cells[i]) : 0;
		if (width > widths[i % table->column_count])
			widths[i % table->column_count] = width;
	}
	putc('\n', out);
	put_colored(out, color, bold, table->title ? table->title : table->name);
	fputs(":\n", out);
	if (has_all)
		put_cells(out, table, cells, widths);
	for (size_t i = 0; cells && i < count; i++)
		free(cells[i]);
	free(cells);
}

static void put_facts(FILE *out, const struct mt_report *report)
{
	for (size_t i = 0; i < report->fact_count; i++) {
		const struct mt_fact *fact = &report->facts[i];
		if (!fact->title || fact->value.state != MT_VALUE_SET)
			continue;
		char *text = cell_text(fact->kind, fact->value);
		fprintf(out, "%s: %s\n", fact->title, text ? text : "");
		free(text);
	}
}

/* Such a row is no line; those who know the table print it. */
static bool has_tracebacks(const struct mt_table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (table->columns[i].kind == MT_COLUMN_FRAMES)
			return true;
	return false;
}

void render_text(FILE *out, const struct mt_report *report, bool color,
		 const char *directory)
{
	bool is_statistics = report->table_count && report->tables[0].is_statistics;
	if (!is_statistics)
		put_facts(out, report);
	for (size_t i = 0; i < report->table_count; i++) {
		const struct mt_table *table = &report->tables[i];
		if (table->is_statistics)
			put_statistics(out, table, color, directory);
		else if (table->row_count && !has_tracebacks(table))
			put_table(out, table, color);
	}
	if (is_statistics)
		put_facts(out, report);
}
