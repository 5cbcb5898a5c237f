/*
 * suppressions.c - the files; see suppressions.h. What they match: suppress.c. Outside.
 */
#include "tracer/analyze/suppressions.h"

#include "tracer/analyze/symbolize-demangle.h"
#include "tracer/analyze/vector.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_FILE_BYTES = 64 << 20,
};

/* One file on its way into the list. */
struct parsing {
	struct mt_suppressions *suppressions;
	const char *name;
	unsigned line;
	char *rest;                   /* of the text */
	struct mt_suppression bounds; /* of the next rule: its annotations */
};

static void suppression_deinit(struct mt_suppression *rule)
{
	for (size_t i = 0; i < rule->pattern_count; i++) {
		free(rule->patterns[i].text);
		free(rule->patterns[i].demangled);
	}
	free(rule->patterns);
	free(rule->name);
	free(rule->place);
}

void mt_suppressions_deinit(struct mt_suppressions *suppressions)
{
	for (size_t i = 0; i < suppressions->count; i++)
		suppression_deinit(&suppressions->list[i]);
	free(suppressions->list);
	*suppressions = (struct mt_suppressions){0};
}

static int fail(const struct parsing *p, const char *text, const char *word,
		struct mt_error *err)
{
	return mt_fail(err, MT_ERR_USAGE, "%s:%u: %s: '%.200s'", p->name, p->line, text,
		       word);
}

static int fail_memory(struct mt_error *err)
{
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

/* The next line without blanks around it, or NULL at the end. */
static char *next_line(struct parsing *p)
{
	if (!p->rest)
		return NULL;
	char *line = strsep(&p->rest, "\n");
	p->line++;
	while (isspace((unsigned char)*line))
		line++;
	size_t length = strlen(line);
	while (length && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
	return line;
}

/* Annotations. */

static bool is_date(const char *text)
{
	if (strlen(text) != 10)
		return false;
	for (int i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? text[i] != '-' : !isdigit((unsigned char)text[i]))
			return false;
	int month = atoi(text + 5), day = atoi(text + 8);
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool parse_number(const char *text, uint64_t *number)
{
	errno = 0;
	*number = strtoull(text, NULL, 10);
	return *text && !text[strspn(text, "0123456789")] && !errno;
}

static int parse_annotation(struct parsing *p, const char *word, struct mt_error *err)
{
	struct mt_suppression *bounds = &p->bounds;
	const char *value = strchr(word, '=') + 1;
	bool is_good = false;
	if (!strncmp(word, "max-bytes=", 10)) {
		is_good = parse_number(value, &bounds->max_bytes);
		bounds->has_max_bytes = true;
	} else if (!strncmp(word, "max-count=", 10)) {
		is_good = parse_number(value, &bounds->max_count);
		bounds->has_max_count = true;
	} else if (!strncmp(word, "until=", 6)) {
		is_good = is_date(value);
		if (is_good)
			memcpy(bounds->until, value, sizeof bounds->until);
	} else {
		return fail(
			p, "expected max-bytes=N, max-count=N or until=YYYY-MM-DD, found",
			word, err);
	}
	return is_good ? 0 : fail(p, "no such number or date", word, err);
}

/* Annotations begin with a word that has a "="; what follows is held to be one too. */
static bool is_annotation(const char *comment)
{
	size_t length = strspn(comment, "abcdefghijklmnopqrstuvwxyz-");
	return length && comment[length] == '=';
}

static int parse_comment(struct parsing *p, char *comment, struct mt_error *err)
{
	comment += strspn(comment, "# \t");
	if (!is_annotation(comment))
		return 0;
	int rc = 0;
	for (char *word; rc >= 0 && (word = strsep(&comment, " \t,"));) {
		if (*word && !is_annotation(word))
			rc = fail(p, "no annotation", word, err);
		else if (*word)
			rc = parse_annotation(p, word, err);
	}
	return rc;
}

/* Rules. */

static int add_pattern(struct mt_suppression *rule, enum mt_frame_pattern_kind kind,
		       const char *text, struct mt_error *err)
{
	struct mt_frame_pattern *grown =
		mt_vector_reserve(rule->patterns, &rule->pattern_capacity,
				  rule->pattern_count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	rule->patterns = grown;
	struct mt_frame_pattern pattern = {.kind = kind};
	if (text && !(pattern.text = strdup(text)))
		return fail_memory(err);
	/* Names in a trace are demangled; Valgrind writes the linker's. */
	if (kind == MT_PATTERN_FUNCTION && !strncmp(text, "_Z", 2))
		pattern.demangled = mt_demangle(text);
	grown[rule->pattern_count++] = pattern;
	return 0;
}

/* The rule with its bounds into the list, which owns it in any case. */
static int add_rule(struct parsing *p, struct mt_suppression rule, struct mt_error *err)
{
	struct mt_suppressions *s = p->suppressions;
	struct mt_suppression *grown = mt_vector_reserve(
		s->list, &s->capacity, s->count + 1, sizeof *grown, err);
	if (!grown || !rule.name || !rule.place) {
		suppression_deinit(&rule);
		return fail_memory(err);
	}
	s->list = grown;
	rule.has_max_bytes = p->bounds.has_max_bytes;
	rule.max_bytes = p->bounds.max_bytes;
	rule.has_max_count = p->bounds.has_max_count;
	rule.max_count = p->bounds.max_count;
	memcpy(rule.until, p->bounds.until, sizeof rule.until);
	grown[s->count++] = rule;
	p->bounds = (struct mt_suppression){0};
	return 0;
}

static char *place_of(const struct parsing *p)
{
	char *place;
	return asprintf(&place, "%s:%u", p->name, p->line) < 0 ? NULL : place;
}

/* A comment behind the rule, after a space, may bound it too. */
static int parse_comment_behind(struct parsing *p, char *line, struct mt_error *err)
{
	char *comment = strstr(line, " #");
	char *tab = strstr(line, "\t#");
	if (!comment || (tab && tab < comment))
		comment = tab;
	if (!comment)
		return 0;
	int rc = parse_comment(p, comment + 1, err);
	while (comment > line && isspace((unsigned char)comment[-1]))
		comment--;
	*comment = '\0';
	return rc;
}

static int parse_leak_line(struct parsing *p, char *line, struct mt_error *err)
{
	int commented = parse_comment_behind(p, line, err);
	if (commented < 0)
		return commented;
	if (!line[5] || !strcmp(line + 5, "^") || !strcmp(line + 5, "$"))
		return fail(p, "a pattern is missing", line, err);
	struct mt_suppression rule = {
		.name = strdup(line), .place = place_of(p), .is_leak_sanitizer = true};
	/* Anywhere in the name, unless it is anchored; the stars say it. */
	const char *text = line + 5;
	size_t length = strlen(text);
	bool at_start = *text == '^', at_end = text[length - 1] == '$';
	char *pattern;
	if (asprintf(&pattern, "%s%.*s%s", at_start ? "" : "*",
		     (int)length - at_start - at_end, text + at_start,
		     at_end ? "" : "*") < 0)
		pattern = NULL;
	int rc = pattern ? add_pattern(&rule, MT_PATTERN_ANY, pattern, err)
			 : fail_memory(err);
	free(pattern);
	if (rc < 0) {
		suppression_deinit(&rule);
		return rc;
	}
	return add_rule(p, rule, err);
}

/* "Memcheck:Leak", "Memcheck,Addrcheck:Leak": this kind of error is ours. */
static bool is_leak_kind(const char *line)
{
	const char *colon = strchr(line, ':');
	if (!colon || strcmp(colon + 1, "Leak"))
		return false;
	for (const char *tool = line; tool < colon; tool += strcspn(tool, ",:") + 1)
		if (!strncmp(tool, "Memcheck", strcspn(tool, ",:")))
			return true;
	return false;
}

static int parse_frame_line(struct parsing *p, struct mt_suppression *rule,
			    const char *line, struct mt_error *err)
{
	if (!strcmp(line, "..."))
		return add_pattern(rule, MT_PATTERN_SKIP, NULL, err);
	if (!strncmp(line, "fun:", 4))
		return add_pattern(rule, MT_PATTERN_FUNCTION, line + 4, err);
	if (!strncmp(line, "obj:", 4))
		return add_pattern(rule, MT_PATTERN_OBJECT, line + 4, err);
	if (!strncmp(line, "src:", 4))
		return add_pattern(rule, MT_PATTERN_SOURCE, line + 4, err);
	if (!strncmp(line, "match-leak-kinds:", 17))
		return 0;
	return fail(p, "expected fun:, obj:, src: or ..., found", line, err);
}

/* The lines of a block, after "{", up to "}". *is_leak: it is about leaks. */
static int parse_block_lines(struct parsing *p, struct mt_suppression *rule,
			     bool *is_leak, struct mt_error *err)
{
	int rc = 0, number = 0;
	for (char *line; rc >= 0 && (line = next_line(p));) {
		if (!strcmp(line, "}"))
			return number < 2 ? fail(p, "a block needs a name and a kind",
						 line, err)
					  : 0;
		if (*line == '#')
			rc = parse_comment(p, line, err);
		else if (!*line)
			continue;
		else if (!number++)
			rc = (rule->name = strdup(line)) ? 0 : fail_memory(err);
		else if (number == 2)
			*is_leak = is_leak_kind(line);
		else if (*is_leak)
			rc = parse_frame_line(p, rule, line, err);
	}
	return rc < 0 ? rc : fail(p, "the block does not end", rule->place, err);
}

static int parse_block(struct parsing *p, struct mt_error *err)
{
	struct mt_suppression rule = {.place = place_of(p)};
	bool is_leak = false;
	int rc = rule.place ? parse_block_lines(p, &rule, &is_leak, err)
			    : fail_memory(err);
	if (rc >= 0 && is_leak && !rule.pattern_count)
		rc = fail(p, "the block names no frame", rule.name, err);
	if (rc >= 0 && is_leak)
		return add_rule(p, rule, err);
	p->bounds = (struct mt_suppression){0};
	suppression_deinit(&rule);
	return rc;
}

int mt_suppressions_parse(struct mt_suppressions *suppressions, const char *name,
			  char *text, struct mt_error *err)
{
	struct parsing p = {.suppressions = suppressions, .name = name, .rest = text};
	int rc = 0;
	for (char *line; rc >= 0 && (line = next_line(&p));) {
		if (*line == '#')
			rc = parse_comment(&p, line, err);
		else if (!strncmp(line, "leak:", 5))
			rc = parse_leak_line(&p, line, err);
		else if (!strcmp(line, "{"))
			rc = parse_block(&p, err);
		else if (*line)
			rc = fail(&p, "expected leak:PATTERN or a block {...}, found",
				  line, err);
	}
	return rc;
}

static char *read_text(const char *path, struct mt_error *err)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		mt_fail(err, errno == ENOENT ? MT_ERR_MISSING : MT_ERR_SYSTEM, "%s: %s",
			path, strerror(errno));
		return NULL;
	}
	char *text = NULL;
	size_t capacity = 0;
	errno = 0;
	ssize_t size = getdelim(&text, &capacity, '\0', file);
	if (size > MAX_FILE_BYTES || (size < 0 && ferror(file))) {
		mt_fail(err, MT_ERR_SYSTEM, "%s: %s", path,
			size < 0 ? strerror(errno) : "too large for suppressions");
		free(text);
		text = NULL;
	} else if (size < 0) { /* empty */
		free(text);
		text = strdup("");
	} else if (!feof(file)) {
		mt_fail(err, MT_ERR_USAGE, "%s: not a text file", path);
		free(text);
		text = NULL;
	}
	fclose(file);
	if (!text)
		fail_memory(err);
	return text;
}

int mt_suppressions_read(struct mt_suppressions *suppressions, const char *path,
			 struct mt_error *err)
{
	char *text = read_text(path, err);
	if (!text)
		return err->code;
	int rc = mt_suppressions_parse(suppressions, path, text, err);
	free(text);
	return rc;
}
