/*
 * suppress.c - which tracebacks the rules of suppressions match, and what that lets pass;
 * see suppressions.h. Outside.
 *
 * A rule of LeakSanitizer matches by one frame, wherever it is: the first such rule is
 * found for each location and handed down from parent to child. Blocks of Valgrind match
 * the innermost frames in their order, one traceback at a time.
 */
#include "tracer/analyze/suppressions.h"

#include "tracer/analyze/vector.h"

#include <string.h>

enum {
	NO_RULE = UINT32_MAX,
};

/* * is any text; ? is any byte where has_question, else itself. The whole text. */
static bool wildcard_matches(const char *pattern, const char *text, bool has_question)
{
	const char *after_star = NULL, *retry = NULL;
	while (*text || *pattern) {
		if (*pattern == '*') {
			after_star = ++pattern;
			retry = text;
		} else if (*text &&
			   (*pattern == *text || (has_question && *pattern == '?'))) {
			pattern++;
			text++;
		} else if (after_star && *retry) {
			pattern = after_star;
			text = ++retry;
		} else {
			return false;
		}
	}
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* "parse.c", "src/parse.c:214" */
static bool source_matches(const char *pattern, const struct mt_location *location)
{
	const char *colon = strrchr(pattern, ':');
	size_t length = colon ? (size_t)(colon - pattern) : strlen(pattern);
	if (!location->file || (colon && strtoul(colon + 1, NULL, 10) != location->line))
		return false;
	char *name = strndup(pattern, length);
	bool matches = name && (wildcard_matches(name, location->file, true) ||
				wildcard_matches(name, base_name(location->file), true));
	free(name);
	return matches;
}

static bool function_matches(const struct mt_frame_pattern *pattern, const char *function)
{
	char plain[1024];
	if (wildcard_matches(pattern->text, function, true) ||
	    (pattern->demangled && !strcmp(pattern->demangled, function)))
		return true;
	/* A name without parameters stands for all that have it. */
	mt_wrappers_plain_name(plain, sizeof plain, function);
	return wildcard_matches(pattern->text, plain, true);
}

static bool any_matches(const char *pattern, const char *name)
{
	return name && wildcard_matches(pattern, name, false);
}

static bool judge_location(const struct mt_frame_pattern *pattern,
			   const struct mt_location *location)
{
	switch (pattern->kind) {
	case MT_PATTERN_ANY:
		return any_matches(pattern->text, location->function) ||
		       any_matches(pattern->text, location->file) ||
		       any_matches(pattern->text, location->module);
	case MT_PATTERN_FUNCTION:
		return location->function &&
		       function_matches(pattern, location->function);
	case MT_PATTERN_OBJECT:
		return location->module &&
		       wildcard_matches(pattern->text, location->module, true);
	case MT_PATTERN_SOURCE:
		return source_matches(pattern->text, location);
	case MT_PATTERN_SKIP:
		break;
	}
	return false;
}

enum verdict {
	VERDICT_NONE = 0, /* not judged yet */
	VERDICT_MATCHES,
	VERDICT_DIFFERS,
};

/* The same, each pair judged once; without memory for that, each time. */
static bool location_matches(struct mt_frame_pattern *pattern,
			     const struct mt_locations *locations, mt_location_id id)
{
	if (!pattern->verdicts)
		pattern->verdicts = calloc(locations->count, 1);
	if (pattern->verdicts && pattern->verdicts[id])
		return pattern->verdicts[id] == VERDICT_MATCHES;
	bool matches = judge_location(pattern, &locations->list[id]);
	if (pattern->verdicts)
		pattern->verdicts[id] = matches ? VERDICT_MATCHES : VERDICT_DIFFERS;
	return matches;
}

static void forget_verdicts(struct mt_suppressions *s)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < s->list[i].pattern_count; k++) {
			free(s->list[i].patterns[k].verdicts);
			s->list[i].patterns[k].verdicts = NULL;
		}
}

/* LeakSanitizer's: the first rule of each node's chain. */

static uint32_t first_rule(const struct mt_suppressions *s,
			   const struct mt_location *location)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].is_leak_sanitizer &&
		    judge_location(s->list[i].patterns, location))
			return (uint32_t)i;
	return NO_RULE;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void hand_down(uint32_t *of_node, const uint32_t *of_location,
		      const struct mt_frame_locations *frames)
{
	const struct mt_trace *trace = frames->trace;
	for (size_t i = 0; i < trace->nodes.count; i++) {
		const struct mt_trace_node *node = &trace->nodes.list[i];
		of_node[i] = node->parent == MT_NO_NODE ? NO_RULE : of_node[node->parent];
		if (node->frame == MT_NO_FRAME)
			continue;
		struct mt_frame_span span = frames->spans[node->frame];
		for (uint32_t k = 0; k < span.count; k++)
			of_node[i] = smaller(of_node[i],
					     of_location[frames->ids[span.first + k]]);
	}
}

static int match_any_frame(const struct mt_suppressions *s,
			   const struct mt_frame_locations *frames, uint32_t *of_node,
			   struct mt_error *err)
{
	const struct mt_locations *locations = frames->locations;
	uint32_t *of_location = calloc(locations->count + 1, sizeof *of_location);
	if (!of_location)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < locations->count; i++)
		of_location[i] = first_rule(s, &locations->list[i]);
	hand_down(of_node, of_location, frames);
	free(of_location);
	return 0;
}

/* Valgrind's: the frames of one traceback, innermost first. */

struct chain {
	mt_location_id *ids;
	size_t count, capacity;
};

static int read_chain(struct chain *chain, const struct mt_frame_locations *frames,
		      uint32_t node, struct mt_error *err)
{
	struct mt_walk walk = mt_walk_begin(frames, node);
	chain->count = 0;
	for (mt_location_id id; mt_walk_next(&walk, &id);) {
		mt_location_id *grown =
			mt_vector_reserve(chain->ids, &chain->capacity, chain->count + 1,
					  sizeof *grown, err);
		if (!grown)
			return MT_ERR_NO_MEMORY;
		chain->ids = grown;
		grown[chain->count++] = id;
	}
	return 0;
}

/*
 * Valgrind's tracebacks begin with the allocating function in its own library; memtrace's
 * with the caller of it. Does the pattern speak of that frame?
 */
static bool is_allocator(const struct mt_frame_pattern *pattern)
{
	static const char *const names[] = {
		"malloc",        "calloc",         "realloc",       "reallocarray",
		"memalign",      "posix_memalign", "aligned_alloc", "valloc",
		"pvalloc",       "_Znwm",          "_Znam",         "_ZnwmRKSt9nothrow_t",
		"operator new",  "_Znwj",          "_Znaj",         "_ZnamRKSt9nothrow_t",
		"operator new[]"};
	if (pattern->kind == MT_PATTERN_OBJECT)
		return strstr(pattern->text, "vgpreload") != NULL;
	if (pattern->kind != MT_PATTERN_FUNCTION)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (wildcard_matches(pattern->text, names[i], true))
			return true;
	return !strncmp(pattern->text, "_Znwm", 5) ||
	       !strncmp(pattern->text, "_Znam", 5) ||
	       !strncmp(pattern->text, "operator new", 12);
}

/* Do the patterns match the innermost frames? "..." as a star among frames. */
static bool chain_matches(struct mt_frame_pattern *patterns, size_t count,
			  const struct chain *chain, const struct mt_locations *locations)
{
	size_t p = 0, at = 0, after_skip = 0, retry = 0;
	bool has_skip = false;
	while (p < count) {
		if (patterns[p].kind == MT_PATTERN_SKIP) {
			has_skip = true;
			after_skip = ++p;
			retry = at;
		} else if (at < chain->count &&
			   location_matches(&patterns[p], locations, chain->ids[at])) {
			p++;
			at++;
		} else if (has_skip && retry < chain->count) {
			p = after_skip;
			at = ++retry;
		} else {
			return false;
		}
	}
	return true;
}

static bool rule_matches(const struct mt_suppression *rule, const struct chain *chain,
			 const struct mt_locations *locations)
{
	if (chain_matches(rule->patterns, rule->pattern_count, chain, locations))
		return true;
	return rule->pattern_count > 1 && is_allocator(rule->patterns) &&
	       chain_matches(rule->patterns + 1, rule->pattern_count - 1, chain,
			     locations);
}

/* The first block that matches and comes before rule. */
static uint32_t first_block(const struct mt_suppressions *s, uint32_t rule,
			    const struct chain *chain,
			    const struct mt_locations *locations)
{
	for (uint32_t i = 0; i < s->count && i < rule; i++)
		if (!s->list[i].is_leak_sanitizer &&
		    rule_matches(&s->list[i], chain, locations))
			return i;
	return rule;
}

static bool has_blocks(const struct mt_suppressions *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!s->list[i].is_leak_sanitizer)
			return true;
	return false;
}

/* The rule of each row, or NO_RULE; for free(). */
static uint32_t *match_rows(struct mt_suppressions *s, const struct mt_profile *profile,
			    const struct mt_frame_locations *frames, struct mt_error *err)
{
	uint32_t *of_row = calloc(profile->row_count + 1, sizeof *of_row);
	uint32_t *of_node = calloc(profile->trace->nodes.count + 1, sizeof *of_node);
	struct chain chain = {0};
	bool asks_chains = has_blocks(s);
	int rc = of_row && of_node ? match_any_frame(s, frames, of_node, err)
				   : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc >= 0 && i < profile->row_count; i++) {
		uint32_t node = profile->rows[i].node;
		of_row[i] = of_node[node];
		if (!asks_chains)
			continue;
		rc = read_chain(&chain, frames, node, err);
		if (rc >= 0)
			of_row[i] = first_block(s, of_row[i], &chain, frames->locations);
	}
	forget_verdicts(s);
	free(chain.ids);
	free(of_node);
	if (rc < 0) {
		free(of_row);
		return NULL;
	}
	return of_row;
}

static enum mt_suppression_state state_of(const struct mt_suppression *rule,
					  const char *today)
{
	const struct mt_counts *matched = &rule->matched;
	if (*rule->until && strcmp(today, rule->until) > 0)
		return MT_SUPPRESSION_EXPIRED;
	if (!matched->bytes && !matched->count)
		return MT_SUPPRESSION_UNUSED;
	if ((rule->has_max_bytes && matched->bytes > 0 &&
	     (uint64_t)matched->bytes > rule->max_bytes) ||
	    (rule->has_max_count && matched->count > 0 &&
	     (uint64_t)matched->count > rule->max_count))
		return MT_SUPPRESSION_EXCEEDED;
	return MT_SUPPRESSION_USED;
}

int mt_suppressions_judge(struct mt_suppressions *suppressions,
			  const struct mt_profile *profile,
			  const struct mt_callsites *callsites, const char *today,
			  struct mt_error *err)
{
	if (!suppressions->count)
		return 0;
	uint32_t *of_row = match_rows(suppressions, profile, callsites->frames, err);
	if (!of_row)
		return MT_ERR_NO_MEMORY;
	for (size_t i = 0; i < suppressions->count; i++)
		suppressions->list[i].matched = (struct mt_counts){0};
	for (size_t i = 0; i < profile->row_count; i++)
		if (of_row[i] != NO_RULE)
			mt_counts_add(&suppressions->list[of_row[i]].matched,
				      profile->rows[i].live);
	for (size_t i = 0; i < suppressions->count; i++)
		suppressions->list[i].state = state_of(&suppressions->list[i], today);
	free(of_row);
	return 0;
}

int mt_suppressions_drop(struct mt_suppressions *suppressions, struct mt_profile *profile,
			 const struct mt_callsites *callsites, struct mt_counts *dropped,
			 struct mt_error *err)
{
	*dropped = (struct mt_counts){0};
	if (!suppressions->count)
		return 0;
	uint32_t *of_row = match_rows(suppressions, profile, callsites->frames, err);
	if (!of_row)
		return MT_ERR_NO_MEMORY;
	size_t kept = 0;
	for (size_t i = 0; i < profile->row_count; i++) {
		struct mt_profile_row row = profile->rows[i];
		if (of_row[i] != NO_RULE &&
		    suppressions->list[of_row[i]].state == MT_SUPPRESSION_USED)
			mt_counts_add(dropped, row.live);
		else
			profile->rows[kept++] = row;
	}
	profile->row_count = kept;
	free(of_row);
	return 0;
}
