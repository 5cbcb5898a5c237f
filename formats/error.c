/*
 * error.c - see error.h. Outside.
 */
#include "formats/error.h"

#include <stdio.h>

int mt_fail(struct mt_error *err, enum mt_code code, const char *format, ...)
{
	if (!err || err->code)
		return code;
	err->code = code;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(err->message, sizeof err->message, format, arguments);
	va_end(arguments);
	return code;
}

void mt_error_clear(struct mt_error *err)
{
	err->code = 0;
	err->message[0] = '\0';
}
