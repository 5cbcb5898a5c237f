/*
 * glob.c - shell patterns as Python's fnmatch; see filter.h. Outside.
 */
#include "tracer/analyze/filter.h"

/* The code point at *text, which moves on; a byte that is no UTF-8 stands for itself. */
static uint32_t next_character(const unsigned char **text)
{
	const unsigned char *t = *text;
	int more = t[0] >= 0xf0 ? 3 : t[0] >= 0xe0 ? 2 : t[0] >= 0xc2 ? 1 : 0;
	uint32_t point = more ? t[0] & (0x3fu >> more) : t[0];
	for (int i = 1; i <= more; i++) {
		if ((t[i] & 0xc0) != 0x80) {
			*text = t + 1;
			return 0x110000u + t[0];
		}
		point = point << 6 | (t[i] & 0x3f);
	}
	*text = t + 1 + more;
	return !more && t[0] >= 0x80 ? 0x110000u + t[0] : point;
}

/* Behind the "]" that closes a set whose first character is at set; NULL: unclosed. */
static const unsigned char *set_end(const unsigned char *set)
{
	if (*set == '!')
		set++;
	if (*set == ']')
		set++;
	while (*set && *set != ']')
		set++;
	return *set ? set + 1 : NULL;
}

static bool set_has(const unsigned char *set, const unsigned char *end,
		    uint32_t character)
{
	bool is_negated = *set == '!';
	bool found = false;
	set += is_negated;
	end--; /* the closing bracket */
	while (set < end) {
		uint32_t low = next_character(&set);
		uint32_t high = low;
		if (end - set >= 2 && *set == '-') {
			set++;
			high = next_character(&set);
		}
		found |= low <= character && character <= high;
	}
	return found != is_negated;
}

/* One pattern element against one character; moves both on. */
static bool match_one(const unsigned char **pattern, const unsigned char **text)
{
	const unsigned char *p = *pattern;
	if (!**text)
		return false;
	uint32_t character = next_character(text);
	const unsigned char *end = *p == '[' ? set_end(p + 1) : NULL;
	if (end) {
		*pattern = end;
		return set_has(p + 1, end, character);
	}
	bool is_any = *p == '?';
	uint32_t wanted = next_character(pattern);
	return is_any || wanted == character;
}

/*
 * Greedy with one point to return to: the last star. An earlier star never has to give
 * up characters, because what stands between it and the last one has matched already.
 */
bool mt_glob_matches(const char *pattern, const char *text)
{
	const unsigned char *p = (const unsigned char *)pattern;
	const unsigned char *t = (const unsigned char *)text;
	const unsigned char *after_star = NULL, *retry = NULL;
	while (*t || *p) {
		if (*p == '*') {
			after_star = ++p;
			retry = t;
			continue;
		}
		if (*p && match_one(&p, &t))
			continue;
		if (!after_star || !*retry)
			return false;
		next_character(&retry);
		p = after_star;
		t = retry;
	}
	return true;
}
