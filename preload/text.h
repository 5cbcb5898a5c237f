/*
 * text.h - words compared, and put into a buffer: no stdio, no locale.
 * Inside the traced process. What does not fit is cut; the text always ends with a NUL.
 */
#ifndef MT_PRELOAD_TEXT_H
#define MT_PRELOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool text_is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

struct text {
	char *bytes;
	size_t size; /* of the buffer */
	size_t length;
};

static inline struct text text_over(char *bytes, size_t size)
{
	bytes[0] = '\0';
	return (struct text){.bytes = bytes, .size = size};
}

static inline void text_char(struct text *text, char c)
{
	if (text->length + 1 >= text->size)
		return;
	text->bytes[text->length++] = c;
	text->bytes[text->length] = '\0';
}

static inline void text_put(struct text *text, const char *words)
{
	while (*words)
		text_char(text, *words++);
}

/* At least `digits` digits, with zeros before. */
static inline void text_digits(struct text *text, uint64_t number, unsigned base,
			       unsigned digits)
{
	char reversed[24];
	unsigned count = 0;
	for (; number || count < digits; number /= base)
		reversed[count++] = "0123456789abcdef"[number % base];
	while (count)
		text_char(text, reversed[--count]);
}

static inline void text_number(struct text *text, uint64_t number)
{
	text_digits(text, number, 10, 1);
}

/* "1 byte", "2 bytes". */
static inline void text_byte_count(struct text *text, uint64_t bytes)
{
	text_number(text, bytes);
	text_put(text, bytes == 1 ? " byte" : " bytes");
}

static inline void text_hex(struct text *text, uint64_t number)
{
	text_put(text, "0x");
	text_digits(text, number, 16, 1);
}

#endif
