/*
 * What a look at a block's bytes makes of it.
 */
#include "formats/record.h"
#include "tests/tap.h"
#include "tracer/collect/contents.h"

static enum mt_content look(const void *data, size_t size, uint64_t pointers,
			    uint32_t *number)
{
	static struct mt_mappings none;
	struct mt_contents contents = {.mappings = &none};
	uint8_t copy[64] = {0};
	memcpy(copy, data, size);
	mt_contents_word word =
		mt_contents_of(&contents, copy, size, size, pointers, false);
	*number = word & MT_CONTENTS_MASK;
	mt_contents_deinit(&contents);
	return (enum mt_content)(word >> MT_CONTENTS_SHIFT);
}

static void is_string(const char *text, size_t size, uint32_t length)
{
	uint32_t number;
	char copy[64] = "";
	memcpy(copy, text, strlen(text));
	is_int(look(copy, size, 0, &number), MT_CONTENT_STRING);
	is_int(number, length);
}

static void is_data(const char *text, size_t size)
{
	uint32_t number;
	char copy[64] = "";
	memcpy(copy, text, strlen(text));
	is_int(look(copy, size, 0, &number), MT_CONTENT_DATA);
}

TEST(text_is_plain_or_utf_8_and_ends)
{
	is_string("name", 5, 4);
	is_string("a line\n\tmore", 16, 12);
	is_string("gr\xc3\xbc\xc3\x9f", 16, 6);
	is_string("\xe2\x86\x92\xf0\x9f\x92\xa9", 16, 7);
	is_data("abc", 16);
	is_data("abcdefgh", 8);
	is_data("abcd\x01xyz", 16);
	is_data("gr\xfc\xdf"
		"abc",
		16);
	is_data("abcd\xc3", 16);
	is_data("abcd\x7f", 16);
}

TEST(an_address_is_no_text)
{
	uint64_t address = UINT64_C(0x7d5f6a6b2c30);
	uint64_t words[2] = {address, 0};
	uint32_t number;
	is_int(look(words, sizeof words, 1, &number), MT_CONTENT_POINTERS);
	uint64_t more[8] = {address, 1, 2, 3, 4, 5, 6, 7};
	is_int(look(more, sizeof more, 1, &number), MT_CONTENT_DATA);
}

TAP_MAIN()
