/*
 * setting.c - see setting.h. Inside the traced process.
 */
#include "preload/setting.h"

#include "preload/config.h"
#include "preload/text.h"
#include "tracer/record/say.h"

#include <stddef.h>

enum {
	MOST_MISUNDERSTOOD = 24, /* more than there are variables */
	SHOWN_BYTES = 80,        /* of a value */
	FRACTION_DIGITS = 6,     /* with which the largest unit is within 64 bits */
};

struct unit {
	char name[4];
	uint64_t factor;
};

static const struct unit sizes[] = {
	{"", 1},
	{"B", 1},
	{"k", 1 << 10},
	{"K", 1 << 10},
	{"KiB", 1 << 10},
	{"M", 1 << 20},
	{"MiB", 1 << 20},
	{"G", 1 << 30},
	{"GiB", 1 << 30},
	{"T", UINT64_C(1) << 40},
	{"TiB", UINT64_C(1) << 40},
	{"kB", 1000},
	{"KB", 1000},
	{"MB", 1000 * 1000},
	{"GB", 1000 * 1000 * 1000},
	{"TB", UINT64_C(1000) * 1000 * 1000 * 1000},
};

static const struct unit times[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000 * 1000},
	{"s", 1000 * 1000 * 1000},
	{"min", UINT64_C(60) * 1000 * 1000 * 1000},
	{"h", UINT64_C(3600) * 1000 * 1000 * 1000},
};

/* How a value is read, and so what is expected of it. */
enum form {
	FORM_CHOICE,
	FORM_NUMBER,
	FORM_FLAG,
	FORM_SIZE,
	FORM_INTERVAL,
	FORM_NAME,
};

struct misunderstood {
	enum form form;
	const char *variable, *value;
	const char *const *names; /* of a choice */
	uint64_t least, most;     /* of a number */
	uint64_t otherwise;       /* of a number or size */
};

static struct misunderstood list[MOST_MISUNDERSTOOD];
static unsigned count;

static void remember(struct misunderstood misunderstood)
{
	if (count < MOST_MISUNDERSTOOD)
		list[count++] = misunderstood;
}

/* NULL: none, or an empty one. */
static const char *value_of(char *const *environment, const char *variable)
{
	const char *value = config_find(environment, variable);
	return value && *value ? value : NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal digits; *text is then what follows them. False: none, or too many. */
static bool read_digits(const char **text, uint64_t *number)
{
	bool is_sound = is_digit(**text);
	*number = 0;
	for (; is_digit(**text); ++*text)
		is_sound &= !__builtin_mul_overflow(*number, 10, number) &&
			    !__builtin_add_overflow(*number, (uint64_t)(**text - '0'),
						    number);
	return is_sound;
}

/* The digits behind a point, as `part` of `whole`: 25 of 100. False: there are none. */
static bool read_fraction(const char **text, uint64_t *part, uint64_t *whole)
{
	*part = 0;
	*whole = 1;
	bool has_digit = is_digit(**text);
	for (int i = 0; is_digit(**text); i++, ++*text) {
		if (i >= FRACTION_DIGITS)
			continue;
		*part = *part * 10 + (uint64_t)(**text - '0');
		*whole *= 10;
	}
	return has_digit;
}

/* "1.5" and a unit. */
static bool read_scaled(const char *text, const struct unit *units, size_t unit_count,
			uint64_t *value)
{
	uint64_t part = 0, whole = 1;
	if (!read_digits(&text, value))
		return false;
	if (*text == '.') {
		text++;
		if (!read_fraction(&text, &part, &whole))
			return false;
	}
	for (size_t i = 0; i < unit_count; i++) {
		uint64_t factor = units[i].factor;
		uint64_t rest = (part * factor + whole / 2) / whole;
		if (text_is_same(text, units[i].name))
			return !__builtin_mul_overflow(*value, factor, value) &&
			       !__builtin_add_overflow(*value, rest, value);
	}
	return false;
}

static bool read_size(const char *text, uint64_t *bytes)
{
	return read_scaled(text, sizes, sizeof sizes / sizeof *sizes, bytes);
}

int setting_choice(char *const *environment, const char *variable,
		   const char *const *names)
{
	const char *value = value_of(environment, variable);
	for (int i = 0; value && names[i]; i++)
		if (text_is_same(value, names[i]))
			return i;
	if (value)
		remember((struct misunderstood){.form = FORM_CHOICE,
						.variable = variable,
						.value = value,
						.names = names});
	return 0;
}

static uint32_t read_number(char *const *environment, struct misunderstood wanted)
{
	const char *value = value_of(environment, wanted.variable), *end = value;
	uint64_t result = 0;
	if (!value)
		return (uint32_t)wanted.otherwise;
	if (read_digits(&end, &result) && !*end && result >= wanted.least &&
	    result <= wanted.most)
		return (uint32_t)result;
	wanted.value = value;
	remember(wanted);
	return (uint32_t)wanted.otherwise;
}

uint32_t setting_number(char *const *environment, const char *variable, uint32_t least,
			uint32_t most, uint32_t otherwise)
{
	return read_number(environment, (struct misunderstood){.form = FORM_NUMBER,
							       .variable = variable,
							       .least = least,
							       .most = most,
							       .otherwise = otherwise});
}

bool setting_flag(char *const *environment, const char *variable)
{
	return read_number(environment, (struct misunderstood){.form = FORM_FLAG,
							       .variable = variable,
							       .most = 1});
}

uint64_t setting_size(char *const *environment, const char *variable, uint64_t otherwise)
{
	const char *value = value_of(environment, variable);
	uint64_t bytes;
	if (!value)
		return otherwise;
	if (read_size(value, &bytes))
		return bytes;
	remember((struct misunderstood){.form = FORM_SIZE,
					.variable = variable,
					.value = value,
					.otherwise = otherwise});
	return otherwise;
}

/* A number alone might be either. */
void setting_check_interval(char *const *environment, const char *variable)
{
	const char *value = value_of(environment, variable), *end = value;
	uint64_t number;
	if (!value)
		return;
	while (is_digit(*end) || *end == '.')
		end++;
	bool is_bare = !*end;
	bool is_known = read_size(value, &number) ||
			read_scaled(value, times, sizeof times / sizeof *times, &number);
	if (is_bare || !is_known || !number)
		remember((struct misunderstood){
			.form = FORM_INTERVAL, .variable = variable, .value = value});
}

void setting_check_name(char *const *environment, const char *variable)
{
	static const char letters[] = "ephtn%";
	const char *value = value_of(environment, variable);
	for (const char *p = value; p && *p; p++) {
		const char *letter = letters;
		if (*p != '%')
			continue;
		p++;
		while (*letter && *letter != *p)
			letter++;
		if (*letter)
			continue;
		remember((struct misunderstood){
			.form = FORM_NAME, .variable = variable, .value = value});
		return;
	}
}

/* In words. */

static void put_value(struct text *text, const char *value)
{
	text_char(text, '\'');
	for (int i = 0; value[i] && i < SHOWN_BYTES; i++)
		text_char(text, value[i] >= ' ' && value[i] < 0x7f ? value[i] : '?');
	text_char(text, '\'');
}

static void put_names(struct text *text, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		text_put(text, i ? ", " : "");
		text_put(text, names[i]);
	}
	text_put(text, "; ");
	text_put(text, names[0]);
	text_put(text, " is used");
}

static void put_size(struct text *text, uint64_t bytes)
{
	bool is_whole = bytes && bytes % (1 << 20) == 0;
	text_number(text, is_whole ? bytes >> 20 : bytes);
	text_put(text, is_whole ? "MiB is used" : " bytes are used");
}

static void put_range(struct text *text, const struct misunderstood *wanted)
{
	text_number(text, wanted->least);
	text_put(text, " to ");
	text_number(text, wanted->most);
	text_put(text, "; ");
	text_number(text, wanted->otherwise);
	text_put(text, " is used");
}

static void put_expected(struct text *text, const struct misunderstood *wanted)
{
	switch (wanted->form) {
	case FORM_CHOICE:
		text_put(text, " is none of ");
		put_names(text, wanted->names);
		break;
	case FORM_NUMBER:
		text_put(text, " is no number from ");
		put_range(text, wanted);
		break;
	case FORM_FLAG:
		text_put(text, " is neither 0 nor 1; 0 is used");
		break;
	case FORM_SIZE:
		text_put(text, " is not a size such as 4096, 10k or 1.5GiB; ");
		put_size(text, wanted->otherwise);
		break;
	case FORM_INTERVAL:
		text_put(text, " is neither a time such as 500ms nor a size such as "
			       "64MiB; no snapshots are taken by themselves");
		break;
	case FORM_NAME:
		text_put(text, " has a % without e, p, h, t, n or %; the usual name is "
			       "used");
		break;
	}
}

void setting_say_misunderstood(void)
{
	for (unsigned i = 0; i < count; i++) {
		char line[MT_SAY_BYTES];
		struct text text = text_over(line, sizeof line);
		text_put(&text, list[i].variable);
		text_put(&text, ": ");
		put_value(&text, list[i].value);
		put_expected(&text, &list[i]);
		mt_say(line);
	}
}
