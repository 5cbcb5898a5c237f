/*
 * label.c - see label.h. Outside.
 */
#include "tracer/analyze/label.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unknown_name[] = "<unknown>";

__attribute__((format(printf, 1, 2))) static char *format(const char *text, ...)
{
	va_list arguments;
	char *label;
	va_start(arguments, text);
	int length = vasprintf(&label, text, arguments);
	va_end(arguments);
	return length < 0 ? NULL : label;
}

static const char *relative(const char *path, const char *directory)
{
	size_t length = directory ? strlen(directory) : 0;
	while (length && directory[length - 1] == '/')
		length--;
	if (!length || strncmp(path, directory, length) != 0 || path[length] != '/')
		return path;
	while (path[length] == '/')
		length++;
	return path[length] ? path + length : path;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

char *mt_label_location(const struct mt_location *l, const char *directory)
{
	if (l->file)
		return format("%s:%" PRIu32, relative(l->file, directory), l->line);
	if (l->module && l->function)
		return format("%s+0x%" PRIx64 " (%s)", base_name(l->module), l->offset,
			      l->function);
	if (l->module)
		return format("%s+0x%" PRIx64, base_name(l->module), l->offset);
	if (l->function)
		return strdup(l->function);
	return l->offset ? format("0x%" PRIx64, l->offset) : format("%s:0", unknown_name);
}

static char *label_function(const struct mt_location *l)
{
	const char *function = l->function ? l->function : unknown_name;
	return l->module ? format("%s (%s)", function, base_name(l->module))
			 : strdup(function);
}

static char *label_number(const struct mt_groups *groups, const struct mt_group *group)
{
	if (group->kind != MT_GROUP_KEYED)
		return strdup(group->kind == MT_GROUP_INHERITED ? "[inherited]"
								: unknown_name);
	if (groups->by == MT_BY_THREAD)
		return format("thread %s (%" PRIu64 ")", group->name, group->number);
	if (groups->by == MT_BY_TYPE)
		return strdup(group->name);
	if (groups->by == MT_BY_DOMAIN)
		return format("domain %" PRIu64, group->number);
	return group->number ? format("class %" PRIu64, group->number) : strdup("large");
}

char *mt_label_group(const struct mt_groups *groups, const struct mt_group *group,
		     const char *directory)
{
	const struct mt_location *l = &groups->locations->list[group->location];
	switch (groups->by) {
	case MT_BY_LINENO:
	case MT_BY_TRACEBACK:
		return mt_label_location(l, directory);
	case MT_BY_FILENAME:
		return format("%s:0",
			      l->file ? relative(l->file, directory) : unknown_name);
	case MT_BY_FUNCTION:
		return label_function(l);
	case MT_BY_MODULE:
		return strdup(l->module ? relative(l->module, directory) : unknown_name);
	case MT_BY_SIZE_CLASS:
	case MT_BY_THREAD:
	case MT_BY_DOMAIN:
	case MT_BY_TYPE:
		break;
	}
	return label_number(groups, group);
}
