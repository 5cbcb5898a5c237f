/*
 * program-name.c - see program-name.h. Outside.
 */
#include "tracer/collect/program-name.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	COMM_BYTES = 15, /* the kernel cuts the command's name here */
};

const char *mt_program_name_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

/* If path's last part goes on where the kernel cut the name. */
static bool take_name(struct mt_tracee *tracee, const char *path)
{
	const char *name = mt_program_name_base(path);
	size_t size = strlen(name);
	if (size >= sizeof tracee->program ||
	    strncmp(name, tracee->image.header.name, COMM_BYTES))
		return false;
	memcpy(tracee->program, name, size + 1);
	return true;
}

void mt_program_name_find(struct mt_tracee *tracee)
{
	const char *comm = tracee->image.header.name;
	snprintf(tracee->program, sizeof tracee->program, "%s", *comm ? comm : "unknown");
	if (strlen(comm) < COMM_BYTES)
		return;
	char text[PATH_MAX + 1];
	mt_image_program(&tracee->image, text, sizeof text);
	if (take_name(tracee, text))
		return;
	/* A script: one of the first arguments. */
	size_t size = mt_image_arguments(&tracee->image, text, PATH_MAX);
	text[size] = '\0';
	for (char *p = text; p < text + size; p += strlen(p) + 1)
		if (take_name(tracee, p))
			return;
}
