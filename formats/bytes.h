/*
 * bytes.h - reading and writing bytes within bounds: little-endian integers and varints.
 * Inside and outside; allocates nothing.
 *
 * A cursor reads, an output writes. Both remember a failure instead of crossing their
 * end: a whole record is read or written, then `failed` is looked at once. After a
 * failure, reads give 0 and writes do nothing.
 *
 * A varint holds 7 bits a byte, the lowest first; bit 7 says that another byte follows.
 * Signed values are zigzagged first (0, -1, 1, -2 ... become 0, 1, 2, 3 ...).
 */
#ifndef MT_FORMATS_BYTES_H
#define MT_FORMATS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	MT_VARINT_MAX = 10, /* bytes of the longest 64-bit varint */
};

struct mt_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool failed; /* asked for more than there is, or a varint is too large */
};

struct mt_output {
	uint8_t *at;
	uint8_t *end;
	bool failed; /* no room */
};

static inline struct mt_cursor mt_cursor_over(const void *data, size_t size)
{
	const uint8_t *at = data;
	return (struct mt_cursor){.at = at, .end = at + size};
}

static inline size_t mt_cursor_left(const struct mt_cursor *in)
{
	return (size_t)(in->end - in->at);
}

/* The next size bytes, borrowed from the cursor's buffer; NULL where they are not there. */
static inline const uint8_t *mt_cursor_take(struct mt_cursor *in, uint64_t size)
{
	if (in->failed || size > mt_cursor_left(in)) {
		in->failed = true;
		in->at = in->end;
		return NULL;
	}
	const uint8_t *data = in->at;
	in->at += size;
	return data;
}

static inline uint8_t mt_cursor_u8(struct mt_cursor *in)
{
	const uint8_t *data = mt_cursor_take(in, 1);
	return data ? data[0] : 0;
}

/* size bytes, the lowest first. */
static inline uint64_t mt_cursor_fixed(struct mt_cursor *in, unsigned size)
{
	const uint8_t *data = mt_cursor_take(in, size);
	uint64_t value = 0;
	for (unsigned i = 0; data && i < size; i++)
		value |= (uint64_t)data[i] << (8 * i);
	return value;
}

static inline uint16_t mt_cursor_u16(struct mt_cursor *in)
{
	return (uint16_t)mt_cursor_fixed(in, 2);
}

static inline uint32_t mt_cursor_u32(struct mt_cursor *in)
{
	return (uint32_t)mt_cursor_fixed(in, 4);
}

static inline uint64_t mt_cursor_u64(struct mt_cursor *in)
{
	return mt_cursor_fixed(in, 8);
}

/* Fails also for a varint of more than 64 bits. */
static inline uint64_t mt_cursor_varint(struct mt_cursor *in)
{
	if (in->at < in->end && *in->at < 0x80)
		return *in->at++;
	uint64_t value = 0;
	for (unsigned shift = 0; in->at < in->end; shift += 7) {
		uint8_t byte = *in->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	in->failed = true;
	in->at = in->end;
	return 0;
}

/* A varint that must fit 32 bits. */
static inline uint32_t mt_cursor_varint32(struct mt_cursor *in)
{
	uint64_t value = mt_cursor_varint(in);
	if (value <= UINT32_MAX)
		return (uint32_t)value;
	in->failed = true;
	in->at = in->end;
	return 0;
}

static inline uint64_t mt_zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t mt_unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1 ^ -(value & 1));
}

static inline int64_t mt_cursor_signed(struct mt_cursor *in)
{
	return mt_unzigzag(mt_cursor_varint(in));
}

static inline struct mt_output mt_output_over(void *data, size_t size)
{
	uint8_t *at = data;
	return (struct mt_output){.at = at, .end = at + size};
}

static inline void mt_output_put(struct mt_output *out, const void *data, size_t size)
{
	if (out->failed || size > (size_t)(out->end - out->at)) {
		out->failed = true;
		return;
	}
	if (size)
		memcpy(out->at, data, size);
	out->at += size;
}

static inline void mt_output_u8(struct mt_output *out, uint8_t value)
{
	mt_output_put(out, &value, 1);
}

static inline void mt_output_fixed(struct mt_output *out, uint64_t value, unsigned size)
{
	uint8_t data[8];
	for (unsigned i = 0; i < size; i++)
		data[i] = (uint8_t)(value >> (8 * i));
	mt_output_put(out, data, size);
}

static inline void mt_output_u16(struct mt_output *out, uint16_t value)
{
	mt_output_fixed(out, value, 2);
}

static inline void mt_output_u32(struct mt_output *out, uint32_t value)
{
	mt_output_fixed(out, value, 4);
}

static inline void mt_output_u64(struct mt_output *out, uint64_t value)
{
	mt_output_fixed(out, value, 8);
}

static inline void mt_output_varint(struct mt_output *out, uint64_t value)
{
	uint8_t data[MT_VARINT_MAX];
	unsigned size = 0;
	for (; value >= 0x80; value >>= 7)
		data[size++] = (uint8_t)(value | 0x80);
	data[size++] = (uint8_t)value;
	mt_output_put(out, data, size);
}

static inline void mt_output_signed(struct mt_output *out, int64_t value)
{
	mt_output_varint(out, mt_zigzag(value));
}

#endif
