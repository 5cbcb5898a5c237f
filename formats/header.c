/*
 * header.c - see header.h. Outside.
 */
#include "formats/header.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/chunk.h"

/* As in PNG: a byte that is no text, and line ends that a transfer as text would change. */
static const uint8_t magic[8] = {0x89, 'M', 'T', 'R', 'C', '\r', '\n', 0x1a};

void mt_header_encode(const struct mt_header *header, uint8_t data[MT_HEADER_BYTES])
{
	struct mt_output out = mt_output_over(data, MT_HEADER_BYTES);
	mt_output_put(&out, magic, sizeof magic);
	mt_output_u16(&out, header->major);
	mt_output_u16(&out, header->minor);
	mt_output_u32(&out, header->header_bytes);
	mt_output_u64(&out, header->incompatible);
	mt_output_u64(&out, header->compatible);
	mt_output_put(&out, header->uuid, sizeof header->uuid);
	mt_output_u64(&out, header->start_realtime_ns);
	mt_output_u32(&out, header->writer_version);
	mt_output_u32(&out, mt_crc32(data, MT_HEADER_BYTES - 4));
}

enum mt_header_verdict mt_header_decode(struct mt_header *header,
					const uint8_t data[MT_HEADER_BYTES])
{
	struct mt_cursor in = mt_cursor_over(data, MT_HEADER_BYTES);
	mt_cursor_take(&in, sizeof magic);
	header->major = mt_cursor_u16(&in);
	header->minor = mt_cursor_u16(&in);
	header->header_bytes = mt_cursor_u32(&in);
	header->incompatible = mt_cursor_u64(&in);
	header->compatible = mt_cursor_u64(&in);
	memcpy(header->uuid, mt_cursor_take(&in, sizeof header->uuid),
	       sizeof header->uuid);
	header->start_realtime_ns = mt_cursor_u64(&in);
	header->writer_version = mt_cursor_u32(&in);
	if (memcmp(data, magic, sizeof magic) != 0)
		return MT_HEADER_FOREIGN;
	if (mt_cursor_u32(&in) != mt_crc32(data, MT_HEADER_BYTES - 4))
		return MT_HEADER_DAMAGED;
	return MT_HEADER_VALID;
}

bool mt_header_is_begun(const uint8_t *data, size_t size)
{
	return size &&
	       memcmp(data, magic, size < sizeof magic ? size : sizeof magic) == 0;
}

uint32_t mt_version_number(const char *text)
{
	uint32_t number = 0;
	for (int part = 0; part < 3; part++) {
		char *end;
		number = number << 8 | (uint32_t)(strtoul(text, &end, 10) & 0xff);
		text = *end == '.' ? end + 1 : end;
	}
	return number;
}
