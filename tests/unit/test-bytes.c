/*
 * test-bytes.c - cursors and outputs never cross their end.
 */
#include "formats/bytes.h"

#include "tests/tap.h"

static const uint64_t values[] = {0,          1,
				  127,        128,
				  16383,      16384,
				  UINT32_MAX, (uint64_t)UINT32_MAX + 1,
				  INT64_MAX,  (uint64_t)INT64_MAX + 1,
				  UINT64_MAX};

enum {
	VALUES = sizeof values / sizeof values[0]
};

TEST(varints_come_back)
{
	for (int i = 0; i < VALUES; i++) {
		uint8_t data[MT_VARINT_MAX];
		struct mt_output out = mt_output_over(data, sizeof data);
		mt_output_varint(&out, values[i]);
		ok(!out.failed);
		struct mt_cursor in = mt_cursor_over(data, (size_t)(out.at - data));
		is_int(mt_cursor_varint(&in), values[i]);
		ok(!in.failed);
		is_int(mt_cursor_left(&in), 0);
	}
}

TEST(signed_values_come_back_and_small_ones_are_short)
{
	for (int i = 0; i < VALUES; i++) {
		is_int(mt_unzigzag(mt_zigzag((int64_t)values[i])), (int64_t)values[i]);
		is_int(mt_unzigzag(mt_zigzag(-(int64_t)(values[i] >> 1))),
		       -(int64_t)(values[i] >> 1));
	}
	is_int(mt_zigzag(0), 0);
	is_int(mt_zigzag(-1), 1);
	is_int(mt_zigzag(1), 2);
	is_int(mt_zigzag(-64), 127);
}

TEST(a_varint_cut_anywhere_fails)
{
	uint8_t data[MT_VARINT_MAX];
	struct mt_output out = mt_output_over(data, sizeof data);
	mt_output_varint(&out, UINT64_MAX);
	is_int(out.at - data, MT_VARINT_MAX);
	for (size_t size = 0; size < MT_VARINT_MAX; size++) {
		struct mt_cursor in = mt_cursor_over(data, size);
		is_int(mt_cursor_varint(&in), 0);
		ok(in.failed);
		ok(in.at <= in.end);
	}
}

TEST(a_varint_beyond_64_bits_fails)
{
	static const uint8_t large[] = {0xff, 0xff, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0x02};
	static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
					  0x80, 0x80, 0x80, 0x80, 0x80, 0};
	struct mt_cursor in = mt_cursor_over(large, sizeof large);
	mt_cursor_varint(&in);
	ok(in.failed);
	in = mt_cursor_over(endless, sizeof endless);
	mt_cursor_varint(&in);
	ok(in.failed);
}

TEST(a_padded_varint_is_read)
{
	static const uint8_t padded[] = {0x85, 0x80, 0x80, 0x00};
	struct mt_cursor in = mt_cursor_over(padded, sizeof padded);
	is_int(mt_cursor_varint(&in), 5);
	ok(!in.failed);
	is_int(mt_cursor_left(&in), 0);
}

TEST(a_varint_beyond_32_bits_fails_where_32_are_asked_for)
{
	uint8_t data[MT_VARINT_MAX];
	struct mt_output out = mt_output_over(data, sizeof data);
	mt_output_varint(&out, (uint64_t)UINT32_MAX + 1);
	struct mt_cursor in = mt_cursor_over(data, (size_t)(out.at - data));
	is_int(mt_cursor_varint32(&in), 0);
	ok(in.failed);
}

TEST(integers_are_little_endian)
{
	uint8_t data[14];
	struct mt_output out = mt_output_over(data, sizeof data);
	mt_output_u16(&out, 0x0102);
	mt_output_u32(&out, 0x03040506);
	mt_output_u64(&out, 0x0708090a0b0c0d0e);
	ok(!out.failed);
	is_int(data[0], 2);
	is_int(data[2], 6);
	is_int(data[6], 14);
	struct mt_cursor in = mt_cursor_over(data, sizeof data);
	is_int(mt_cursor_u16(&in), 0x0102);
	is_int(mt_cursor_u32(&in), 0x03040506);
	is_int(mt_cursor_u64(&in), 0x0708090a0b0c0d0e);
	is_int(mt_cursor_u8(&in), 0);
	ok(in.failed);
}

TEST(taking_more_than_there_is_fails_whatever_the_size)
{
	uint8_t data[4] = {0};
	struct mt_cursor in = mt_cursor_over(data, sizeof data);
	ok(mt_cursor_take(&in, 4) == data);
	ok(mt_cursor_take(&in, 0) == data + 4);
	ok(!in.failed);
	ok(!mt_cursor_take(&in, UINT64_MAX));
	ok(in.failed);
	ok(!mt_cursor_take(&in, 0));
}

TEST(an_output_that_is_full_stays_as_it_is)
{
	uint8_t data[3] = {0, 0, 7};
	struct mt_output out = mt_output_over(data, 2);
	mt_output_u32(&out, UINT32_MAX);
	ok(out.failed);
	mt_output_u8(&out, 9);
	ok(out.at == data);
	is_int(data[0], 0);
	is_int(data[2], 7);
}

TAP_MAIN()
