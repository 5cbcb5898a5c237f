/*
 * values.c - see values.h. Outside.
 */
#include "cli/values.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{"", 1},
	{"B", 1},
	{"k", 1ull << 10},
	{"K", 1ull << 10},
	{"KiB", 1ull << 10},
	{"M", 1ull << 20},
	{"MiB", 1ull << 20},
	{"G", 1ull << 30},
	{"GiB", 1ull << 30},
	{"T", 1ull << 40},
	{"TiB", 1ull << 40},
	{"kB", 1000ull},
	{"KB", 1000ull},
	{"MB", 1000ull * 1000},
	{"GB", 1000ull * 1000 * 1000},
	{"TB", 1000ull * 1000 * 1000 * 1000},
	{NULL, 0},
};

static const struct unit times[] = {
	{"ns", 1},
	{"us", 1000ull},
	{"ms", 1000ull * 1000},
	{"s", 1000ull * 1000 * 1000},
	{"min", 60 * 1000ull * 1000 * 1000},
	{"h", 3600 * 1000ull * 1000 * 1000},
	{NULL, 0},
};

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (const struct unit *u = units; u->name; u++)
		if (!strcmp(u->name, name))
			return u;
	return NULL;
}

/*
 * "1.5" + unit; false when it is not that, or too large. A long double holds every
 * 64-bit integer exactly, so plain byte counts are never rounded.
 */
static bool parse_scaled(const char *text, const struct unit *units, uint64_t *value)
{
	size_t digits = strspn(text, "0123456789.");
	if (!digits || text[0] == '.' || text[digits - 1] == '.')
		return false;
	const struct unit *unit = find_unit(units, text + digits);
	char *end;
	long double number = strtold(text, &end);
	if (!unit || end != text + digits)
		return false;
	number *= unit->factor;
	if (number >= 0x1p64L - 1)
		return false;
	*value = (uint64_t)number;
	*value += number - *value >= 0.5L;
	return true;
}

int mt_value_integer(const char *text, uint64_t *number, struct mt_error *err)
{
	errno = 0;
	unsigned long long value = strtoull(text, NULL, 10);
	if (!*text || text[strspn(text, "0123456789")] || errno)
		return mt_fail(err, MT_ERR_USAGE, "'%s' is not a number", text);
	*number = value;
	return 0;
}

int mt_value_size(const char *text, uint64_t *bytes, struct mt_error *err)
{
	if (!parse_scaled(text, sizes, bytes))
		return mt_fail(err, MT_ERR_USAGE,
			       "'%s' is not a size such as 4096, 10k or 1.5GiB", text);
	return 0;
}

int mt_value_time(const char *text, uint64_t *ns, struct mt_error *err)
{
	if (!parse_scaled(text, times, ns))
		return mt_fail(err, MT_ERR_USAGE,
			       "'%s' is not a time such as 500ms or 10s", text);
	return 0;
}
