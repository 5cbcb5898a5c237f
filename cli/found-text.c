/*
 * found-text.c - see found-text.h. Outside.
 */
#include "cli/found-text.h"

#include "cli/name-frames.h"
#include "cli/render.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *column, *title;
} tracebacks[] = {
	{"allocated", "Memory block allocated at"},
	{"freed", "Memory block freed at"},
	{"here", "This call"},
};

static struct mt_value value_of(const struct mt_table *table, size_t row,
				const char *column)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (!strcmp(table->columns[i].name, column))
			return table->values[row * table->column_count + i];
	return (struct mt_value){.state = MT_VALUE_ABSENT};
}

/* Its lines stay lines; what is in them is escaped. */
static void put_lines(FILE *out, const char *text, bool color)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		char *copy = strndup(line, length);
		bool is_headline = color && line == text;
		fputs(is_headline ? "\033[1m" : "", out);
		render_escaped(out, copy ? copy : "");
		fputs(is_headline ? "\033[0m\n" : "\n", out);
		free(copy);
		line += length + (line[length] == '\n');
	}
	putc('\n', out);
}

static void put_frames(FILE *out, const char *title, const struct mt_frame_list *frames)
{
	fprintf(out, "%s (most recent call first):\n", title);
	for (size_t i = frames->count; i-- > 0;)
		name_location(out, frames->list[i]);
	putc('\n', out);
}

static void put_error(FILE *out, const struct mt_table *table, size_t row, bool color)
{
	struct mt_value text = value_of(table, row, "text");
	put_lines(out, text.state == MT_VALUE_SET ? text.text : "", color);
	for (size_t i = 0; i < sizeof tracebacks / sizeof *tracebacks; i++) {
		struct mt_value frames = value_of(table, row, tracebacks[i].column);
		if (frames.state == MT_VALUE_SET)
			put_frames(out, tracebacks[i].title, frames.frames);
	}
}

void found_text(FILE *out, const struct mt_report *report, bool color)
{
	for (size_t i = 0; i < report->table_count; i++) {
		const struct mt_table *table = &report->tables[i];
		if (strcmp(table->name, "errors"))
			continue;
		for (size_t row = 0; row < table->row_count; row++) {
			putc('\n', out);
			put_error(out, table, row, color);
		}
	}
}
