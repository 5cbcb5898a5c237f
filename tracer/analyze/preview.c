/*
 * preview.c - see preview.h. Outside.
 */
#include "tracer/analyze/preview.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ESCAPE_BYTES = 4, /* "\x00" */
};

/* Bytes of the character of UTF-8 that begins there, above ASCII; 0: none does. */
static size_t character_bytes(const uint8_t *data, size_t left)
{
	size_t length = data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;
	if (data[0] < 0xc2 || data[0] > 0xf4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (data[i] >> 6 != 2)
			return 0;
	bool is_overlong = (data[0] == 0xe0 && data[1] < 0xa0) ||
			   (data[0] == 0xf0 && data[1] < 0x90);
	bool is_outside = (data[0] == 0xed && data[1] > 0x9f) ||
			  (data[0] == 0xf4 && data[1] > 0x8f);
	/* The control characters behind ASCII are nothing for a terminal. */
	bool is_control = data[0] == 0xc2 && data[1] < 0xa0;
	return is_overlong || is_outside || is_control ? 0 : length;
}

static char short_escape(uint8_t byte)
{
	switch (byte) {
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '"':
	case '\\':
		return (char)byte;
	default:
		return 0;
	}
}

static char *put_byte(char *out, uint8_t byte)
{
	char escape = short_escape(byte);
	if (escape) {
		*out++ = '\\';
		*out++ = escape;
	} else if (byte >= ' ' && byte < 0x7f) {
		*out++ = (char)byte;
	} else {
		out += snprintf(out, ESCAPE_BYTES + 1, "\\x%02x", byte);
	}
	return out;
}

char *mt_preview_text(struct mt_bytes bytes)
{
	char *text = malloc(bytes.size * ESCAPE_BYTES + 1), *out = text;
	if (!text)
		return NULL;
	for (size_t i = 0; i < bytes.size;) {
		const uint8_t *at = (const uint8_t *)bytes.data + i;
		size_t length = *at < 0x80 ? 0 : character_bytes(at, bytes.size - i);
		if (length)
			out = mempcpy(out, at, length);
		else
			out = put_byte(out, *at);
		i += length ? length : 1;
	}
	*out = '\0';
	return text;
}

struct mt_bytes mt_preview_trim(struct mt_bytes bytes)
{
	while (bytes.size && !bytes.data[bytes.size - 1])
		bytes.size--;
	return bytes;
}
