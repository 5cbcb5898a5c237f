/*
 * test-values.c - numbers, sizes and times as users type them.
 */
#include "cli/values.h"
#include "tests/tap.h"

enum {
	REFUSED = -1,
};

static int64_t size_of(const char *text)
{
	uint64_t bytes;
	return mt_value_size(text, &bytes, NULL) < 0 ? REFUSED : (int64_t)bytes;
}

static int64_t time_of(const char *text)
{
	uint64_t ns;
	return mt_value_time(text, &ns, NULL) < 0 ? REFUSED : (int64_t)ns;
}

TEST(sizes_have_binary_and_decimal_units)
{
	is_int(size_of("0"), 0);
	is_int(size_of("4096"), 4096);
	is_int(size_of("7B"), 7);
	is_int(size_of("10k"), 10240);
	is_int(size_of("10K"), 10240);
	is_int(size_of("64MiB"), 64 << 20);
	is_int(size_of("1.5GiB"), 3ll << 29);
	is_int(size_of("2T"), 2ll << 40);
	is_int(size_of("5MB"), 5000000);
	is_int(size_of("0.3k"), 307);
	is_int(size_of("9223372036854775807"), INT64_MAX);
}

TEST(what_is_no_size_is_refused)
{
	const char *const wrong[] = {"",    "x",    "-1",   "1x",  "0x10",
				     ".5k", "1.",   "1..2", "1 k", " 1",
				     "inf", "1e3",  "nan",  "k",   "18446744073709551616",
				     "+1",  "1MiBx"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (!ok(size_of(wrong[i]) == REFUSED))
			printf("# '%s' was taken\n", wrong[i]);
}

TEST(times_need_a_unit)
{
	is_int(time_of("500ms"), 500000000);
	is_int(time_of("10s"), 10000000000);
	is_int(time_of("1.5s"), 1500000000);
	is_int(time_of("250us"), 250000);
	is_int(time_of("2min"), 120000000000);
	is_int(time_of("1h"), 3600000000000);
	is_int(time_of("10"), REFUSED);
	is_int(time_of("10m"), REFUSED);
}

TEST(numbers_are_decimal_digits)
{
	uint64_t number = 1;
	is_int(mt_value_integer("18446744073709551615", &number, NULL), 0);
	ok(number == UINT64_MAX);
	is_int(mt_value_integer("18446744073709551616", &number, NULL), MT_ERR_USAGE);
	is_int(mt_value_integer("-1", &number, NULL), MT_ERR_USAGE);
	is_int(mt_value_integer("", &number, NULL), MT_ERR_USAGE);
	is_int(mt_value_integer("0x1", &number, NULL), MT_ERR_USAGE);
}

TEST(a_message_quotes_what_was_typed)
{
	struct mt_error err = {0};
	uint64_t bytes;
	is_int(mt_value_size("10 parsecs", &bytes, &err), MT_ERR_USAGE);
	ok(strstr(err.message, "'10 parsecs'") != NULL);
}

TAP_MAIN()
