/*
 * environment.c - see environment.h. Inside the traced process.
 */
#include "preload/environment.h"

#include <stdbool.h>

static const char variable[] = "LD_PRELOAD=";

static bool is_separator(char c)
{
	return c == ':' || c == ' ';
}

/* The end of the path if the list begins with it. */
static const char *after_path(const char *list, const char *path)
{
	while (*path && *list == *path) {
		list++;
		path++;
	}
	return !*path && (!*list || is_separator(*list)) ? list : NULL;
}

/* The list that an entry holds; NULL: the entry is of another variable. */
static const char *preload_list(const char *entry)
{
	for (const char *name = variable; *name; name++)
		if (*entry++ != *name)
			return NULL;
	return entry;
}

/* Copies the list without the path; to may be NULL. Returns whether the path was in it. */
static bool leave_out(const char *list, const char *path, char *to)
{
	char *first = to;
	bool was_found = false;
	while (*list) {
		const char *after = after_path(list, path);
		was_found |= after != NULL;
		const char *end = after ? after : list;
		while (!after && *end && !is_separator(*end))
			end++;
		end += *end != '\0';
		for (; list < end; list++)
			if (to && !after)
				*to++ = *list;
	}
	if (to && to > first && is_separator(to[-1]))
		to--;
	if (to)
		*to = '\0';
	return was_found;
}

size_t environment_room(char *const *environment, const char *library)
{
	size_t bytes = sizeof *environment;
	bool was_found = false;
	for (; *environment; environment++) {
		const char *list = preload_list(*environment);
		bytes += sizeof *environment;
		for (const char *at = list ? *environment : NULL; at && *at; at++)
			bytes++;
		bytes += list != NULL;
		was_found |= list && leave_out(list, library, NULL);
	}
	return was_found ? bytes : 0;
}

/* A copy of the entry, and the end of what it takes; NULL: nothing is left of it. */
static char *entry_without(const char *list, const char *library, char **at)
{
	char *entry = *at, *to = entry;
	for (const char *name = variable; *name; name++)
		*to++ = *name;
	leave_out(list, library, to);
	if (!*to)
		return NULL;
	while (*to)
		to++;
	*at = to + 1;
	return entry;
}

char *const *environment_without(char *const *environment, const char *library,
				 void *room)
{
	size_t count = 0;
	while (environment[count])
		count++;
	char **copy = room, **to = copy;
	char *text = (char *)(copy + count + 1);
	for (; *environment; environment++) {
		const char *list = preload_list(*environment);
		char *entry = list ? entry_without(list, library, &text) : *environment;
		if (entry)
			*to++ = entry;
	}
	*to = NULL;
	return copy;
}
