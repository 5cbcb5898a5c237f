/*
 * family-begin.c - a process's file, and what its trace says of it at the beginning. Outside.
 */
#include "tracer/collect/family.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum {
	ARGV_BYTES = 64 << 10,
	UUID_BYTES = 16,
};

static bool is_zero(const uint8_t uuid[UUID_BYTES])
{
	static const uint8_t zero[UUID_BYTES];
	return !memcmp(uuid, zero, UUID_BYTES);
}

const struct mt_tracee *mt_family_parent(const struct mt_family *family,
					 const struct mt_tracee *tracee)
{
	const uint8_t *uuid = tracee->image.header.parent_uuid;
	for (const struct mt_tracee *t = family->first; t && !is_zero(uuid); t = t->next)
		if (!memcmp(t->image.header.uuid, uuid, UUID_BYTES))
			return t;
	return NULL;
}

static void to_hex(const uint8_t uuid[UUID_BYTES], char text[2 * UUID_BYTES + 1])
{
	for (int i = 0; i < UUID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

static int write_origin(struct mt_family *family, struct mt_tracee *tracee,
			struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	const struct mt_state_header *header = &tracee->image.header;
	const struct mt_tracee *parent = mt_family_parent(family, tracee);
	char uuid[2 * UUID_BYTES + 1];
	to_hex(family->first->image.header.uuid, uuid);
	int rc = mt_trace_file_meta_text(trace, "tree_uuid", uuid, err);
	if (rc == 0)
		rc = mt_trace_file_meta_text(trace, "began", tracee->began, err);
	if (rc < 0 || is_zero(header->parent_uuid))
		return rc;
	to_hex(header->parent_uuid, uuid);
	rc = mt_trace_file_meta_text(trace, "parent_uuid", uuid, err);
	if (rc == 0 && parent)
		rc = mt_trace_file_meta_number(
			trace, "parent_time_ns",
			header->start_monotonic_ns -
				parent->image.header.start_monotonic_ns,
			err);
	return rc;
}

static int write_place(struct mt_tracee *tracee, struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	struct utsname host;
	char *text = malloc(ARGV_BYTES);
	if (!text)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	size_t size = mt_image_arguments(&tracee->image, text, ARGV_BYTES);
	int rc = mt_trace_file_meta(trace, "argv", text, size, err);
	mt_image_string(&tracee->image, tracee->image.header.directory, text, PATH_MAX);
	if (rc == 0 && text[0])
		rc = mt_trace_file_meta_text(trace, "cwd", text, err);
	if (rc == 0 && uname(&host) == 0)
		rc = mt_trace_file_meta_text(trace, "host", host.nodename, err);
	free(text);
	return rc;
}

static int write_beginning(struct mt_family *family, struct mt_tracee *tracee,
			   struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	int rc = mt_trace_file_meta_text(trace, "memtrace_version", MT_VERSION, err);
	if (rc == 0)
		rc = mt_trace_file_meta_text(trace, "program", tracee->program, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "pid", tracee->pid, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "parent_pid", tracee->parent_pid,
					       err);
	if (rc == 0)
		rc = write_place(tracee, err);
	if (rc == 0)
		rc = write_origin(family, tracee, err);
	if (rc == 0)
		rc = mt_trace_file_facts(trace, err);
	return rc;
}

/* The name is tracee's now: who had it before has another. */
static void note_rename(struct mt_family *family, const struct mt_tracee *tracee,
			const char *renamed)
{
	for (struct mt_tracee *t = family->first; t && renamed; t = t->next)
		if (t != tracee && t->file == tracee->file)
			t->file = renamed;
}

static int open_file(struct mt_family *family, struct mt_tracee *tracee,
		     struct mt_error *err)
{
	const struct mt_naming_facts facts = {
		.program = tracee->program,
		.pid = tracee->pid,
		.start_seconds = tracee->image.header.start_realtime_ns / 1000000000u,
		.number = family->count++,
		.is_main = tracee->pid == family->main_pid};
	const char *renamed;
	tracee->fd =
		mt_naming_create(&family->naming, &facts, &tracee->file, &renamed, err);
	if (tracee->fd < 0)
		return tracee->fd;
	note_rename(family, tracee, renamed);
	return mt_trace_file_open(&tracee->trace, &tracee->image, tracee->fd,
				  tracee->file, err);
}

void mt_family_begin(struct mt_family *family, struct mt_tracee *tracee)
{
	if (!family->main_pid)
		family->main_pid = tracee->pid;
	int rc = open_file(family, tracee, &tracee->failure);
	if (rc == 0)
		write_beginning(family, tracee, &tracee->failure);
}
