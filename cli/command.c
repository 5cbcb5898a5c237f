/*
 * command.c - see command.h. Outside.
 */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct command *mt_command_find(const char *name)
{
	for (const struct command *const *c = mt_commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

/* In one write, so that lines of several processes do not mix. */
void mt_command_say(const struct command *command, const char *format, ...)
{
	char text[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (command)
		dprintf(2, "memtrace %s: %s\n", command->name, text);
	else
		dprintf(2, "memtrace: %s\n", text);
}
