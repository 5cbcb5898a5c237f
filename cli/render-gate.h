/*
 * render-gate.h - the forms of a gate's verdict: text, GitHub's annotations, Markdown,
 * JUnit's XML, SARIF. Outside.
 *
 * All of them get the reports and nothing else (tracer/analyze/gate.h names their tables
 * and columns); each form escapes names in its own way.
 */
#ifndef MT_CLI_RENDER_GATE_H
#define MT_CLI_RENDER_GATE_H

#include "tracer/analyze/gate.h"

#include <stdio.h>

enum {
	RENDER_WORST_SITES = 10, /* of a check, where a form is short */
};

struct render_gate {
	const struct mt_report *const *reports; /* one for each trace */
	size_t count;
	const char
		*root; /* of the repository: names are relative to it; NULL: absolute */
	const char *whole; /* the file with all of it; NULL: none was written */
	bool color;
};

void render_gate_text(FILE *out, const struct render_gate *gate);
void render_github(FILE *out, const struct render_gate *gate);
void render_markdown(FILE *out, const struct render_gate *gate);
void render_junit(FILE *out, const struct render_gate *gate);
void render_sarif(FILE *out, const struct render_gate *gate);

/* For these forms: a cell of a report's tables. */
const struct mt_value *render_check(const struct mt_report *report, size_t check,
				    enum mt_gate_check_column column);
const struct mt_value *render_row(const struct mt_report *report, size_t row,
				  enum mt_gate_row_column column);
const struct mt_value *render_suppression(const struct mt_report *report, size_t rule,
					  enum mt_gate_suppression_column column);
bool render_check_is(const struct mt_report *report, size_t check,
		     enum mt_gate_state state);
bool render_row_is_of(const struct mt_report *report, size_t row, size_t check);

/* "src/parse.c" beneath the root, else NULL. */
const char *render_relative(const char *path, const char *root);

/* The call sites of a check, the worst first, a line each. */
struct render_sites {
	size_t limit;
	const char *indent;
	void (*put)(FILE *out,
		    const char *text); /* a label, escaped as the form needs it */
};

void render_sites(FILE *out, const struct mt_report *report, size_t check,
		  const struct render_sites *how);

/*
 * "size=4855 KiB (+4855 KiB), count=..., +12 B each": what stands behind the label of a
 * row in words.
 */
void render_row_words(char text[MT_STATISTIC_TEXT_BYTES], const struct mt_report *report,
		      size_t row);

#endif
