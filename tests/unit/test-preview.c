/* test-preview.c - how bytes are shown to people. */
#include "tracer/analyze/preview.h"

#include "tests/tap.h"

#include <stdlib.h>

#define BYTES(text)                                                                      \
	(struct mt_bytes)                                                                \
	{                                                                                \
		text, sizeof text - 1                                                    \
	}

static void shows(struct mt_bytes bytes, const char *wanted)
{
	char *text = mt_preview_text(bytes);
	is_str(text, wanted);
	free(text);
}

TEST(plain_text_stays_as_it_is)
{
	shows(BYTES(""), "");
	shows(BYTES("GET / HTTP/1.1 ~"), "GET / HTTP/1.1 ~");
	shows(BYTES("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"),
	      "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST(what_is_special_is_escaped_as_in_c)
{
	shows(BYTES("a\"b\\c\n\r\t"), "a\\\"b\\\\c\\n\\r\\t");
	shows(BYTES("\0\x1b[0m\x7f"), "\\x00\\x1b[0m\\x7f");
}

TEST(what_is_no_utf8_is_shown_byte_by_byte)
{
	shows(BYTES("\xff\xc3"), "\\xff\\xc3");
	shows(BYTES("\xc0\x80"), "\\xc0\\x80");          /* overlong */
	shows(BYTES("\xe0\x80\x80"), "\\xe0\\x80\\x80"); /* the same */
	shows(BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* half of a pair */
	shows(BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	shows(BYTES("\xc2\x9b"
		    "1m"),
	      "\\xc2\\x9b1m"); /* a terminal's escape */
}

TEST(zeroes_at_the_end_can_be_left_out)
{
	is_int(mt_preview_trim(BYTES("ab\0c\0\0")).size, 4);
	is_int(mt_preview_trim(BYTES("\0\0")).size, 0);
	is_int(mt_preview_trim(BYTES("")).size, 0);
}

TAP_MAIN()
