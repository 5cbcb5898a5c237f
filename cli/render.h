/*
 * render.h - reports to a stream: one function for each form. Outside.
 *
 * Names in a report come from the traced program and may hold anything; each form
 * escapes them in its own way.
 */
#ifndef MT_CLI_RENDER_H
#define MT_CLI_RENDER_H

#include "tracer/analyze/group.h"
#include "tracer/analyze/table.h"

#include <stdio.h>

/* Lines for people; statistics letter for letter as tracemalloc prints them. */
void render_text(FILE *out, const struct mt_report *report, bool color,
		 const char *directory);

/* Whether the terminal shows UTF-8, as far as the environment tells. */
bool render_has_utf8(void);

/* A line for a frame: "    parse.c:214 (parse_item)". */
void render_frame(FILE *out, int indent, const struct mt_location *location,
		  const char *directory);

/* The frames of a group by traceback, most recent first. */
void render_path(FILE *out, int indent, const struct mt_groups *groups, uint32_t path,
		 const char *directory);

/* One document on one line. Bytes that are no UTF-8 become U+FFFD. */
void render_json(FILE *out, const struct mt_report *report);

/* A string in such a document, with its quotes. */
void render_json_string(FILE *out, const char *text);

/*
 * Control characters and bytes that are no UTF-8 as \xHH, so that a name can neither
 * break a line nor talk to the terminal.
 */
void render_escaped(FILE *out, const char *text);

/*
 * Bytes of the UTF-8 character at text: 1 to 4; 0 if there is none, or the end. Overlong
 * forms and surrogates are none.
 */
int render_character(const char *text);

#endif
