/*
 * say.h - one line on the program's stderr, when there is no better place.
 * Inside the traced process: one write(2), no stdio, errno kept.
 */
#ifndef MT_TRACER_RECORD_SAY_H
#define MT_TRACER_RECORD_SAY_H

#include "tracer/record/syscall.h"

#include <stddef.h>

enum {
	MT_SAY_BYTES = 512
};

/* Says "memtrace: " and the text; longer lines are cut. */
static inline void mt_say(const char *text)
{
	static const char name[] = "memtrace: ";
	char line[MT_SAY_BYTES];
	size_t length = 0;
	for (const char *from = name; *from; from++)
		line[length++] = *from;
	for (; *text && length < sizeof(line) - 1; text++)
		line[length++] = *text;
	line[length++] = '\n';
	mt_syscall3(SYS_write, 2, (long)line, (long)length);
}

#endif
